"""The warm-up records of a SavedModel, run before the version takes traffic."""

from pathlib import Path
from typing import TypeAlias

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import classification_pb2, inference_pb2, prediction_log_pb2, regression_pb2

from . import examples, predict
from .errors import ModelError, tensorflow_errors_mapped
from .servable import Servable

_RECORDS = Path("assets.extra") / "tf_serving_warmup_requests"
_MAX_RECORDS = 1000  # TensorFlow Serving's limit
_WithInput: TypeAlias = (
    classification_pb2.ClassificationRequest | regression_pb2.RegressionRequest | inference_pb2.MultiInferenceRequest
)


def warm_up(servable: Servable, iterations: int = 1) -> int:
    """Run the records that lie in the SavedModel, a TFRecord file of PredictionLog, each at least once; their number.

    Raises:
        CallError: a record does not parse or does not run, so the version is not fit to serve.
    """
    path = servable.path / _RECORDS
    if not path.exists():
        return 0
    with tensorflow_errors_mapped():
        records = list(tf.compat.v1.io.tf_record_iterator(str(path)))
    if len(records) > _MAX_RECORDS:
        raise ModelError(
            grpc.StatusCode.INVALID_ARGUMENT, f"Number of warmup records exceeds the maximum ({_MAX_RECORDS}) at {path}"
        )
    for record in records:
        log = _parsed(record, path)
        for _ in range(max(1, iterations)):
            _replay(servable, log)
    return len(records)


def _parsed(record: bytes, path: Path) -> prediction_log_pb2.PredictionLog:
    try:
        return prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise ModelError(grpc.StatusCode.INVALID_ARGUMENT, f"Failed to parse warmup record of {path}") from error


def _replay(servable: Servable, log: prediction_log_pb2.PredictionLog) -> None:
    """Run the request of one record; a response that was logged with it is not looked at."""
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        bound = predict.bind(log.predict_log.request, servable.signatures)
        servable.run(bound.feeds, list(bound.fetches.values()))
    elif kind in ("classify_log", "regress_log"):
        request = getattr(log, kind).request
        method = examples.CLASSIFY if kind == "classify_log" else examples.REGRESS
        _run_task(servable, inference_pb2.InferenceTask(model_spec=request.model_spec, method_name=method), request)
    elif kind == "multi_inference_log":
        for task in log.multi_inference_log.request.tasks:
            _run_task(servable, task, log.multi_inference_log.request)
    else:
        raise ModelError(
            grpc.StatusCode.UNIMPLEMENTED,
            f"A warm-up record holds {kind or 'nothing'}; write predict, classify, regress or multi_inference logs.",
        )


def _run_task(servable: Servable, task: inference_pb2.InferenceTask, request: _WithInput) -> None:
    bound = examples.bind(task, request.input, servable.signatures)
    servable.run(bound.feeds, list(bound.fetches.values()))
