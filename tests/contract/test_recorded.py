"""Every recorded exchange: the same status code, message and response as TensorFlow Serving gave."""

import base64
import json
import re
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

HERE = Path(__file__).parent
RESPONSES = {
    "Predict": predict_pb2.PredictResponse,
    "Classify": classification_pb2.ClassificationResponse,
    "Regress": regression_pb2.RegressionResponse,
    "MultiInference": inference_pb2.MultiInferenceResponse,
    "GetModelMetadata": get_model_metadata_pb2.GetModelMetadataResponse,
    "GetModelStatus": get_model_status_pb2.GetModelStatusResponse,
    "HandleReloadConfigRequest": model_management_pb2.ReloadConfigResponse,
}
OTHER_WORDS = {  # rows whose message we mean to word otherwise, and how ours begins
    "reload, path missing": "Could not find base path /definitely/not/there for servable brand_new with error ",
}


def rows():
    """Every exchange of both recordings."""
    for recording in ("recorded", "recorded_batched"):
        for line in (HERE / f"{recording}.jsonl").read_text().splitlines():
            row = json.loads(line)
            yield pytest.param(recording, row, id=f"{recording}-{row['method']}-{row['case']}")


def comparable(message):
    """An error's text without what differs from run to run: the order inside {..}, generated names, paths."""
    message = re.sub(r"\{([^{}]*)\}", lambda found: "{" + ",".join(sorted(found[1].split(","))) + "}", message)
    message = re.sub(r"__inference_\w+", "__inference_*", message)
    return re.sub(r"(/[\w.-]+)+/(half_plus_two|echo|image_like|parse|fixed)", r"\2", message)


def without_tensor_names(response):
    """The signatures of a metadata response; the names of the graph's tensors are the loader's own."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    for signature in signatures.signature_def.values():
        for tensor in [*signature.inputs.values(), *signature.outputs.values()]:
            tensor.name = ""
    return response.model_spec, signatures


@pytest.mark.parametrize(("recording", "row"), list(rows()))
def test_answers_as_recorded(recording, row, address_for, request):
    target = request.config.getoption("--target")
    if target and recording != request.config.getoption("--recording"):
        pytest.skip("the target was not started for this recording")
    with grpc.insecure_channel(address_for(recording), options=[("grpc.max_receive_message_length", -1)]) as channel:
        call = channel.unary_unary(f"/{row['service']}/{row['method']}").with_call
        code, message, response = ask(call, base64.b64decode(row["request"]))

    assert code == row["code"], message
    if code != "OK":
        if row["case"] in OTHER_WORDS and not target:
            assert message.startswith(OTHER_WORDS[row["case"]])
        else:
            assert comparable(message) == comparable(row["message"])
        return
    kind = RESPONSES[row["method"]]
    wanted, got = kind.FromString(base64.b64decode(row["response"])), kind.FromString(response)
    if row["method"] == "GetModelMetadata":
        assert without_tensor_names(got) == without_tensor_names(wanted)
    else:
        assert got == wanted


def ask(call, request):
    """Status code name, message and response of one call."""
    try:
        response, _ = call(request, timeout=20)
    except grpc.RpcError as error:
        return error.code().name, error.details() or "", None
    return "OK", "", response
