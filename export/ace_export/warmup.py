"""Requests that a server replays as it loads a version, so that no caller waits for what the first run sets up."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from ace_client import contract

FILE_NAME = "tf_serving_warmup_requests"
BATCH_SIZES = (1, 2, 4, 8)


def write(folder: Path, images: Sequence[bytes], batch_sizes: Sequence[int] = BATCH_SIZES) -> None:
    """One request of `serving_default` for each batch size, into the file that TensorFlow Serving looks for."""
    with tf.io.TFRecordWriter(str(folder / FILE_NAME)) as records:
        for batch_size in batch_sizes:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = contract.MODEL_NAME
            request.model_spec.signature_name = contract.SERVING_DEFAULT
            batch = list(itertools.islice(itertools.cycle(images), batch_size))
            request.inputs[contract.IMAGE_BYTES].CopyFrom(tf.make_tensor_proto(batch))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            records.write(log.SerializeToString())
