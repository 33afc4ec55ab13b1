"""The trained detector, read from its `.keras` file and checked to be what the exported signatures promise."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from .errors import ModelError

REDUCED_PRECISIONS = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Detector:
    """A binary image classifier in float32, whatever precision it was trained in."""

    network: keras.Model  # float32[n, size, size, 3] → float32[n, 1] in [0, 1]
    input_size: int  # pixels a side
    file_name: str
    sha256: str  # of the file


def load_detector(path: Path) -> Detector:
    """The detector in a `.keras` file.

    Raises:
        ModelError: the file is missing, is no Keras model of Keras's own layers, or the model classifies otherwise.
    """
    trained = _read(path)
    try:
        input_size = _input_size(trained)
        _check_output(trained)
    except ModelError as error:
        raise ModelError(f"{path} holds no binary image classifier: {error}") from None
    return Detector(
        network=_in_float32(trained),
        input_size=input_size,
        file_name=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _in_float32(model: keras.Model) -> keras.Model:
    """The same layers and weights, computing in float32: float16, which mixed precision trains in, crawls on a CPU."""
    rebuilt = model.__class__.from_config(_with_float32_policies(model.get_config()))
    rebuilt.set_weights(model.get_weights())
    return rebuilt


def _with_float32_policies(config: Any) -> Any:
    """A model's configuration with each dtype policy of less than float32 replaced, at any depth."""
    if isinstance(config, dict):
        return {
            key: _float32(value) if key == "dtype" else _with_float32_policies(value) for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(_with_float32_policies(item) for item in config)
    return config


def _float32(dtype: Any) -> Any:
    """A layer's `dtype` entry: a name, or a serialized policy that has one."""
    name = dtype["config"].get("name") if isinstance(dtype, dict) else dtype
    return "float32" if name in REDUCED_PRECISIONS else dtype


def _read(path: Path) -> keras.Model:
    if not path.is_file():
        raise ModelError(f"{path} is no file. Pass the detector.keras that training wrote.")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is no .keras file. Pass the detector.keras that training wrote.")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (AttributeError, KeyError, NotImplementedError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path} could not be read as a Keras model ({_first_line(error)}). "
            "It must be whole, and made of Keras's own layers: custom objects and lambdas are not run."
        ) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200].rstrip(" .:")


def _input_size(model: keras.Model) -> int:
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1:
        raise ModelError(f"it has {len(inputs)} inputs, and the exported graph feeds one, the image.")
    shape = tuple(inputs[0].shape)
    if len(shape) != 4 or shape[1] is None or shape[1] != shape[2] or shape[3] != 3:
        raise ModelError(f"its input is {_text(shape)}, not [n, size, size, 3], a square RGB image of one size.")
    return int(shape[1])


def _check_output(model: keras.Model) -> None:
    if len(model.outputs) != 1:
        raise ModelError(
            f"it has {len(model.outputs)} outputs, and one is exported: [n, 1], the probability of a fake."
        )
    shape = tuple(model.outputs[0].shape)
    if len(shape) != 2 or shape[1] != 1:
        raise ModelError(f"its output is {_text(shape)}, not [n, 1], the probability of a fake.")
    activation = _last_activation(model)
    if activation is not keras.activations.sigmoid:
        name = getattr(activation, "__name__", "no activation")
        raise ModelError(f"its output ends in {name}, not in sigmoid, and is therefore no probability.")


def _last_activation(model: keras.Model) -> Any:
    """The function that the output leaves by; models may be nested."""
    operation = model.outputs[0]._keras_history.operation
    if isinstance(operation, keras.Model):
        return _last_activation(operation)
    return getattr(operation, "activation", None)


def _text(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join('n' if size is None else str(size) for size in shape)}]"
