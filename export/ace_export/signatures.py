"""A SavedModel's signatures in words, and those that the contract asks of a detector."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from ace_client import contract

from .errors import VersionError

FILE_NAME = "saved_model.pb"
PREDICT = "tensorflow/serving/predict"
INIT_OP = "__saved_model_init_op"  # TensorFlow's own

Signatures: TypeAlias = dict[str, dict[str, Any]]  # name → method, and inputs and outputs as {name: "dtype[shape]"}


def read_signatures(version: Path) -> Signatures:
    """The signatures that the SavedModel in the folder has.

    Raises:
        VersionError: there is none, or it does not parse.
    """
    try:
        model = saved_model_pb2.SavedModel.FromString((version / FILE_NAME).read_bytes())
        definitions = model.meta_graphs[0].signature_def
    except (OSError, DecodeError, IndexError) as error:
        raise VersionError(f"{version / FILE_NAME} could not be read as a SavedModel: {error}.") from error
    return {
        name: {
            "method": definition.method_name,
            "inputs": _tensors(definition.inputs),
            "outputs": _tensors(definition.outputs),
        }
        for name, definition in sorted(definitions.items())
        if name != INIT_OP
    }


def _tensors(infos: Any) -> dict[str, str]:
    return {
        name: tf.dtypes.as_dtype(info.dtype).name + _text(dim.size for dim in info.tensor_shape.dim)
        for name, info in sorted(infos.items())
    }


def _text(shape: Iterable[int]) -> str:
    return f"[{', '.join('n' if size < 0 else str(size) for size in shape)}]"


def contract_signatures(input_size: tuple[int, int], features: str | None) -> Signatures:
    """What the contract asks of a detector for images of this size; `features` is theirs, where it gives them out."""
    images = {contract.IMAGE_BYTES: "string[n]"}
    examples = {contract.EXAMPLES: "string[n]"}
    verdict = {contract.PROB_FAKE: "float32[n]", contract.LABEL: "string[n]"}
    error = {contract.ERROR: "string[n]"}
    pixels = {contract.PIXELS_INPUT: f"uint8[n, {input_size[0]}, {input_size[1]}, 3]"}
    scores = {contract.CLASSES: "string[n, 2]", contract.SCORES: "float32[n, 2]"}
    signatures = {
        contract.SERVING_DEFAULT: (images, verdict | error),
        contract.PIXELS: (pixels, verdict),
        contract.CLASSIFY: (examples, scores),
        contract.REGRESS: (examples, {contract.VALUES: "float32[n]"}),
    }
    if features:
        signatures[contract.FEATURES] = (images, {contract.FEATURE_VECTORS: features} | error)
    return {
        name: {
            "method": contract.METHODS.get(name, PREDICT),
            "inputs": dict(sorted(inputs.items())),
            "outputs": dict(sorted(outputs.items())),
        }
        for name, (inputs, outputs) in sorted(signatures.items())
    }
