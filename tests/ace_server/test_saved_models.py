"""SavedModels of all kinds on one server: TensorFlow 1, every dtype, defaults, batching parameters of their own."""

import json
import shutil
import time
import urllib.request

import grpc
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from ace_server.tensors import to_array, to_proto

v1 = tf.compat.v1
NUMBERS = [
    np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16,
    np.uint32, np.uint64, np.complex64, np.complex128, ml_dtypes.int2, ml_dtypes.int4, ml_dtypes.uint2, ml_dtypes.uint4,
    ml_dtypes.float4_e2m1fn, ml_dtypes.float8_e4m3b11fnuz, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e4m3fnuz,
    ml_dtypes.float8_e5m2, ml_dtypes.float8_e5m2fnuz,
]  # fmt: skip
DTYPES = {tf.dtypes.as_dtype(dtype).name: dtype for dtype in NUMBERS} | {"bool": np.bool_, "string": np.object_}


def write_tensorflow_1(folder, vocabulary):
    """A graph with a signature `{dtype}` each that gives its value back, and `number`: word → its place in a file."""
    build, info = v1.saved_model.signature_def_utils.build_signature_def, v1.saved_model.utils.build_tensor_info
    vocabulary.write_text("zero\none\ntwo\n")
    with v1.Graph().as_default() as graph, v1.Session() as session:
        signatures = {}
        for name in DTYPES:
            value = v1.placeholder(name, name=name)
            signatures[name] = build({"value": info(value)}, {"value": info(tf.identity(value))})
        word = v1.placeholder(tf.string, [None])
        asset = tf.constant(str(vocabulary))
        graph.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, asset)
        table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                asset,
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            -1,
        )
        offset = v1.get_variable("offset", initializer=np.int64(10))
        signatures["number"] = build({"word": info(word)}, {"number": info(table.lookup(word) + offset)})
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map=signatures,
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            main_op=v1.tables_initializer(),
        )
        builder.save()
    vocabulary.unlink()  # the SavedModel has its own


def write_defaults(folder):
    """y = x * scale + offset, where scale is 3 and offset is 1 if nobody says otherwise."""
    module = tf.Module()
    vector, scalar = tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.float32)

    @tf.function(input_signature=[vector, vector, scalar])
    def predict(x, scale=tf.constant([3.0]), offset=tf.constant(1.0)):  # noqa: B008 - that is how defaults are declared
        return {"y": x * scale + offset}

    module.predict = predict
    tf.saved_model.save(module, str(folder), signatures={"serving_default": predict})


@pytest.fixture(scope="module")
def models(tmp_path_factory, probe_path):
    folder = tmp_path_factory.mktemp("models")
    write_tensorflow_1(folder / "kinds" / "1", folder / "vocabulary.txt")
    write_defaults(folder / "defaults" / "1")
    shutil.copytree(probe_path, folder / "own" / "1")
    (folder / "own" / "1" / "batching_params.pbtxt").write_text("max_batch_size { value: 2 } allowed_batch_sizes: 2")
    return folder


@pytest.fixture(scope="module")
def server(serve, models):
    entries = (
        f'config {{ name: "{name}" base_path: "{models / name}" model_platform: "tensorflow" }}'
        for name in ("kinds", "defaults", "own")
    )
    (models / "models.config").write_text(f"model_config_list {{ {' '.join(entries)} }}")
    return serve(
        None,
        f"--model_config_file={models / 'models.config'}",
        "--enable_batching",
        "--enable_per_model_batching_parameters",
        "--rest_api_port=-1",
        "--file_system_poll_wait_seconds=0.1",
        "--max_num_load_retries=0",
    )


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.address) as channel:
        yield channel


@pytest.fixture(scope="module")
def predict(channel):
    """The outputs of a model's signature."""
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def ask(model, signature="serving_default", **inputs):
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, signature
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(to_proto(np.asarray(array)))
        return {name: to_array(tensor) for name, tensor in stub.Predict(request, timeout=30).outputs.items()}

    return ask


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_comes_and_goes(predict, name):
    value = np.array([[b"a", b""]], object) if name == "string" else np.array([[1, 0]]).astype(DTYPES[name])

    back = predict("kinds", name, value=value)["value"]

    assert (back.dtype, back.tolist()) == (value.dtype, value.tolist())


def test_variables_tables_and_assets_of_tensorflow_1_are_there(predict):
    words = np.array([b"two", b"zero", b"three"], object)

    assert predict("kinds", "number", word=words)["number"].tolist() == [12, 10, 9]


def test_an_input_that_is_left_out_has_its_default(predict):
    x = np.float32([1, 2])

    assert predict("defaults", x=x)["y"].tolist() == [4, 7]
    assert predict("defaults", x=x, offset=np.float32(0))["y"].tolist() == [3, 6]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"instances": [1, 2]}, {"predictions": [4, 7]}),
        ({"inputs": {"x": [1, 2], "offset": 0}}, {"outputs": [3, 6]}),
    ],
)
def test_defaults_hold_over_rest_too(server, body, answer):
    request = urllib.request.Request(f"{server.rest_url}/v1/models/defaults:predict", json.dumps(body).encode())

    with urllib.request.urlopen(request, timeout=30) as response:
        assert json.load(response) == answer


def test_a_version_with_batching_parameters_is_batched_by_them(predict):
    assert predict("own", x=np.float32([0]))["rows"].tolist() == [2]
    with pytest.raises(grpc.RpcError, match="Task size 3 is larger than maximum input batch size 2"):
        predict("own", x=np.float32([0, 0, 0]))


def test_a_version_without_them_is_not_batched(predict):
    assert predict("kinds", "float32", value=np.float32(1))["value"] == 1


def test_a_version_with_wrong_batching_parameters_does_not_load_and_says_where_they_are_wrong(
    channel, models, probe_path, predict
):
    shutil.copytree(probe_path, models / "own" / "tmp-2")
    (models / "own" / "tmp-2" / "batching_params.pbtxt").write_text("\nmax_batch_size { value: 0 }")
    (models / "own" / "tmp-2").rename(models / "own" / "2")

    message = error_of(channel, "own", 2)

    assert message.endswith("own/2/batching_params.pbtxt:2: max_batch_size must be at least 1, but is 0.")
    assert predict("own", x=np.float32([0]))["rows"].tolist() == [2]


def error_of(channel, model, version, timeout_s=60):
    """Why a version does not load, once it does not."""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = model
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=30)
        for status in answer.model_version_status:
            if status.version == version and status.status.error_message:
                return status.status.error_message
        time.sleep(0.05)
    raise TimeoutError(f"version {version} of {model} has no error: {answer}")
