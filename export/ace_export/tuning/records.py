"""What the warm-up records of a version say: the batch sizes that it was warmed for, and images to send."""

from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from ace_client import contract
from ace_export import warmup
from ace_export.errors import TuneError


@dataclass(frozen=True)
class Records:
    """Batch sizes ascending, and the images of all records, each once."""

    batch_sizes: tuple[int, ...]
    images: tuple[bytes, ...]


def read_records(version: Path) -> Records:
    """What the records of `serving_default` hold.

    Raises:
        TuneError: the folder is no exported version, or has no such records.
    """
    if not (version.name.isascii() and version.name.isdecimal() and (version / "saved_model.pb").is_file()):
        raise TuneError(f"{version} is no exported version. Pass a folder such as runs/models/detector/1.")
    path = version / "assets.extra" / warmup.FILE_NAME
    batches = [batch for request in _requests(path) if (batch := _images(request))]
    if not batches:
        raise TuneError(
            f"{version} has no warm-up records of {contract.SERVING_DEFAULT} in assets.extra/{warmup.FILE_NAME}, which "
            "say the batch sizes to try. Export the detector again."
        )
    sizes = sorted({len(batch) for batch in batches})
    return Records(tuple(sizes), tuple(dict.fromkeys(image for batch in batches for image in batch)))


def _requests(path: Path) -> list[predict_pb2.PredictRequest]:
    if not path.is_file():
        return []
    try:
        records = tf.compat.v1.io.tf_record_iterator(str(path))  # a dataset would take a GPU from the servers
        logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    except (tf.errors.OpError, DecodeError) as error:
        raise TuneError(f"{path} holds no warm-up records. Export the detector again.") from error
    return [log.predict_log.request for log in logs if log.WhichOneof("log_type") == "predict_log"]


def _images(request: predict_pb2.PredictRequest) -> list[bytes]:
    if request.model_spec.signature_name not in ("", contract.SERVING_DEFAULT):
        return []
    if contract.IMAGE_BYTES not in request.inputs:
        return []
    return list(tf.make_ndarray(request.inputs[contract.IMAGE_BYTES]).ravel())
