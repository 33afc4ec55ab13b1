"""Requests that a server replays as it loads a version, so that no caller waits for what the first run sets up."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, input_pb2, predict_pb2, prediction_log_pb2, regression_pb2

from ace_client import contract

from .parity import reference_pixels

FILE_NAME: Final = "tf_serving_warmup_requests"
BATCH_SIZES: Final = (1, 2, 4, 8)  # those that serving/tf_serving/batching_parameters.txt allows


def write(
    folder: Path,
    images: Sequence[bytes],
    *,
    signatures: Iterable[str],
    input_size: tuple[int, int],
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> None:
    """A request of each signature for each batch size, into the file that TensorFlow Serving looks for."""
    with tf.io.TFRecordWriter(str(folder / FILE_NAME)) as records:
        for signature, batch_size in itertools.product(signatures, batch_sizes):
            batch = list(itertools.islice(itertools.cycle(images), batch_size))
            records.write(_log(signature, batch, input_size).SerializeToString())


def _log(signature: str, images: Sequence[bytes], input_size: tuple[int, int]) -> prediction_log_pb2.PredictionLog:
    if signature == contract.CLASSIFY:
        classify = classification_pb2.ClassificationRequest(input=_examples(images))
        classify.model_spec.name, classify.model_spec.signature_name = contract.MODEL_NAME, signature
        return prediction_log_pb2.PredictionLog(classify_log=prediction_log_pb2.ClassifyLog(request=classify))
    if signature == contract.REGRESS:
        regress = regression_pb2.RegressionRequest(input=_examples(images))
        regress.model_spec.name, regress.model_spec.signature_name = contract.MODEL_NAME, signature
        return prediction_log_pb2.PredictionLog(regress_log=prediction_log_pb2.RegressLog(request=regress))
    predict = predict_pb2.PredictRequest()
    predict.model_spec.name, predict.model_spec.signature_name = contract.MODEL_NAME, signature
    if signature == contract.PIXELS:
        batch = np.stack([reference_pixels(image, input_size) for image in images])
        predict.inputs[contract.PIXELS_INPUT].CopyFrom(tf.make_tensor_proto(batch))
    else:
        predict.inputs[contract.IMAGE_BYTES].CopyFrom(tf.make_tensor_proto(images))
    return prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=predict))


def _examples(images: Sequence[bytes]) -> input_pb2.Input:
    examples = input_pb2.Input()
    for image in images:
        example = examples.example_list.examples.add()
        example.features.feature[contract.IMAGE_ENCODED].bytes_list.value.append(image)
    return examples
