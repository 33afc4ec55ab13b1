"""The warm-up records of a SavedModel, run before the version takes traffic."""

from pathlib import Path

import grpc
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from . import predict
from .errors import ModelError, tensorflow_errors_mapped
from .servable import Servable

_RECORDS = Path("assets.extra") / "tf_serving_warmup_requests"
_MAX_RECORDS = 1000  # TensorFlow Serving's limit


def warm_up(servable: Servable) -> int:
    """Run the records that lie in the SavedModel, a TFRecord file of PredictionLog; their number.

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
        _replay(servable, prediction_log_pb2.PredictionLog.FromString(record))
    return len(records)


def _replay(servable: Servable, log: prediction_log_pb2.PredictionLog) -> None:
    kind = log.WhichOneof("log_type")
    if kind != "predict_log":
        raise ModelError(
            grpc.StatusCode.UNIMPLEMENTED, f"Warm-up records of kind {kind} are not supported yet; write predict_log."
        )
    bound = predict.bind(log.predict_log.request, servable.signatures)
    servable.run(bound.feeds, list(bound.fetches.values()))
