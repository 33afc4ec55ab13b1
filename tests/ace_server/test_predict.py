"""Predict requests held against a signature that has defaults."""

import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2

from ace_server.errors import InvalidArgument
from ace_server.predict import bind
from ace_server.tensors import to_proto

FLOAT = types_pb2.DT_FLOAT
SIGNATURE = meta_graph_pb2.SignatureDef(
    inputs={name: meta_graph_pb2.TensorInfo(name=f"{name}:0", dtype=FLOAT) for name in ("x", "scale", "offset")},
    outputs={"y": meta_graph_pb2.TensorInfo(name="y:0", dtype=FLOAT)},
    defaults={"scale": to_proto(np.array([2.0], np.float32)), "offset": to_proto(np.float32(3.0))},
)


def feeds(signature=SIGNATURE, **inputs):
    request = predict_pb2.PredictRequest()
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_proto(np.asarray(value)))
    bound = bind(request, {"serving_default": signature})
    return {name: array.tolist() for name, array in bound.feeds.items()}


def test_outputs_are_fetched_in_one_order_whatever_the_callers():
    signature = meta_graph_pb2.SignatureDef(
        outputs={name: meta_graph_pb2.TensorInfo(name=f"{name}:0") for name in "abc"}
    )

    def fetches(*aliases):
        return list(bind(predict_pb2.PredictRequest(output_filter=aliases), {"serving_default": signature}).fetches)

    assert fetches("c", "a") == fetches("a", "c") == ["a", "c"]


ONE = np.float32([1.0])


def test_an_input_that_is_left_out_has_its_default():
    assert feeds(x=ONE) == {"x:0": [1.0], "scale:0": [2.0], "offset:0": 3.0}
    assert feeds(x=ONE, scale=ONE) == {"x:0": [1.0], "scale:0": [1.0], "offset:0": 3.0}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            {"scale": ONE},
            "Signature input alias: x(feed name: x:0) not found in request and no default value provided. "
            "Inputs expected to be in the request {scale}, or default input alias set: offset,scale",
        ),
        (
            {"x": ONE, "bias": ONE},
            "Inputs contains invalid name. Used request inputs: x, request input: bias,x",
        ),
        (
            {"x": ONE, "scale": ONE, "offset": ONE, "bias": ONE},
            "input size does not match signature: 4!=3 len({bias,offset,scale,x}) != len({offset,scale,x}). "
            "Sent extra: {bias}. Missing but required: {}.",
        ),
        ({"x": ONE, "scale": np.int32([1])}, "Expects arg[1] to be float but int32 is provided"),
    ],
)
def test_what_does_not_fit_is_told_in_the_words_of_tensorflow_serving(inputs, message):
    with pytest.raises(InvalidArgument) as caught:
        feeds(**inputs)

    assert str(caught.value) == message


def test_a_default_of_another_dtype_is_an_error_of_the_same_words():
    signature = meta_graph_pb2.SignatureDef()
    signature.CopyFrom(SIGNATURE)
    signature.defaults["scale"].CopyFrom(to_proto(np.int32([1])))

    with pytest.raises(InvalidArgument, match=r"Expects arg\[1\] to be float but int32 is provided"):
        feeds(signature, x=ONE)
