"""Write the small SavedModels that the recorded exchanges were made against.

    python tests/contract/write_models.py DIR

DIR then holds one folder a model, each with numbered versions:

    half_plus_two/1, /2, /3   y = x / 2 + 2, float32[n]; version v adds (v - 1) * 10
    echo/1                    every dtype back as it came; `text` is reversed
    image_like/1              two outputs of different rank, one input with a fixed inner shape
    parse/1                   Classify and Regress over serialized tf.Example ("x": float)
    fixed/1                   a signature without a batch dimension
"""

import sys
from pathlib import Path

import tensorflow as tf


def half_plus_two(directory: Path, version: int) -> None:
    module = tf.Module()
    module.a = tf.Variable(0.5)
    module.b = tf.Variable(2.0 + 10.0 * (version - 1))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def predict(x):
        return {"y": module.a * x + module.b}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def double(x):
        return {"y": 2.0 * (module.a * x + module.b)}

    module.predict = predict
    tf.saved_model.save(
        module, str(directory / str(version)), signatures={"serving_default": predict, "double": double}
    )


def echo(directory: Path) -> None:
    module = tf.Module()
    dtypes = {
        "f32": tf.float32,
        "f64": tf.float64,
        "f16": tf.float16,
        "bf16": tf.bfloat16,
        "i8": tf.int8,
        "i16": tf.int16,
        "i32": tf.int32,
        "i64": tf.int64,
        "u8": tf.uint8,
        "u16": tf.uint16,
        "u32": tf.uint32,
        "u64": tf.uint64,
        "flag": tf.bool,
        "c64": tf.complex64,
        "text": tf.string,
    }
    signatures = {}
    for name, dtype in dtypes.items():

        @tf.function(input_signature=[tf.TensorSpec(None, dtype, name="value")])
        def same(value, name=name):
            return {"value": tf.identity(value)}

        signatures[name] = same
        setattr(module, name, same)
    tf.saved_model.save(module, str(directory / "1"), signatures=signatures)


def image_like(directory: Path) -> None:
    module = tf.Module()

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2, 3], tf.float32, name="pixels"),
            tf.TensorSpec([None], tf.string, name="name"),
        ]
    )
    def predict(pixels, name):
        return {
            "mean": tf.reduce_mean(pixels, axis=[1, 2]),
            "rows": tf.reduce_sum(pixels, axis=2),
            "name": tf.strings.join([name, "!"]),
        }

    module.predict = predict
    tf.saved_model.save(module, str(directory / "1"), signatures={"serving_default": predict})


def parse(directory: Path) -> None:
    """Classify / Regress signatures need the v1 method names that the two APIs look for."""
    from tensorflow.compat import v1

    with v1.Graph().as_default(), v1.Session() as session:
        serialized = v1.placeholder(tf.string, [None], name="tf_example")
        features = v1.parse_example(serialized, {"x": v1.FixedLenFeature([1], tf.float32, default_value=[0.0])})
        x = tf.identity(features["x"], name="x")
        a, b = v1.get_variable("a", initializer=0.5), v1.get_variable("b", initializer=2.0)
        y = a * x + b
        table = tf.constant(["low", "high"])
        classes = tf.tile(table[None, :], [tf.shape(x)[0], 1])
        scores = tf.concat([1.0 - y / 10.0, y / 10.0], axis=1)
        session.run(v1.global_variables_initializer())
        info = v1.saved_model.build_tensor_info
        sig = v1.saved_model.signature_def_utils
        regress = sig.build_signature_def(
            {"inputs": info(serialized)}, {"outputs": info(y)}, "tensorflow/serving/regress"
        )
        classify = sig.build_signature_def(
            {"inputs": info(serialized)},
            {"classes": info(classes), "scores": info(scores)},
            "tensorflow/serving/classify",
        )
        predict = sig.build_signature_def({"x": info(x)}, {"y": info(y)}, "tensorflow/serving/predict")
        builder = v1.saved_model.Builder(str(directory / "1"))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map={"serving_default": predict, "regress_x_to_y": regress, "classify_x_to_y": classify},
        )
        builder.save()


def fixed(directory: Path) -> None:
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([3], tf.float32, name="x")])
    def predict(x):
        return {"total": tf.reduce_sum(x)}

    module.predict = predict
    tf.saved_model.save(module, str(directory / "1"), signatures={"serving_default": predict})


def main(target: str) -> None:
    root = Path(target)
    for version in (1, 2, 3):
        half_plus_two(root / "half_plus_two", version)
    echo(root / "echo")
    image_like(root / "image_like")
    parse(root / "parse")
    fixed(root / "fixed")


if __name__ == "__main__":
    main(*sys.argv[1:])
