"""The trained detector, read from its file and checked to be what the exported signatures promise."""

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from ace_client import contract

from .errors import ModelError
from .head import DEFAULT_CLASSES, Head, output_activation
from .pixels import SCALINGS, Scaling
from .report import Report, read_report
from .settings import REDUCED_POLICIES, Settings

SIGNATURES = {".keras": b"PK", ".h5": b"\x89HDF", ".hdf5": b"\x89HDF"}  # how a file of each name begins
FLOATING = ("float32", *REDUCED_POLICIES, *REDUCED_POLICIES.values())  # the dtype policies of layers as trained
UNREADABLE = (  # what a file that Keras cannot read makes it raise
    AttributeError,
    ImportError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)
ARITHMETIC = ("Add", "Divide", "Multiply", "Subtract", "TrueDivide")  # Keras's operations that scale pixels


@dataclass(frozen=True, kw_only=True)
class Detector:
    """A binary image classifier, and how it is to be served."""

    network: keras.Model  # scaled float32[n, height, width, 3] → float32[n, 1 or 2]; computes in the precision served
    reference: keras.Model  # the same in float32, whatever precision it was trained in
    head: Head  # how P(fake) is read from its output
    scale: str  # a name of SCALINGS
    input_size: tuple[int, int]  # height and width
    threshold: float  # at or above it an image is labelled fake
    file_name: str
    sha256: str  # of the file
    report: Report  # of its training; empty where there is none

    @property
    def scaling(self) -> Scaling:
        """What becomes of the pixels before the network sees them."""
        return SCALINGS[self.scale]


def load_detector(path: Path, settings: Settings | None = None) -> Detector:
    """The detector in a `.keras` file, or in one of the older HDF5 format.

    Raises:
        ModelError: the file is missing, is no Keras model of Keras's own layers, or the model classifies otherwise.
    """
    settings = settings or Settings()
    trained = _read(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    report = read_report(path, sha256)
    try:
        trained = _of_one_size(trained, settings.input_size)
        activation = output_activation(trained)
        _check_weights(trained)
    except ModelError as error:
        raise ModelError(f"{path} holds no binary image classifier that can be served: {error}") from None
    reference = _in_precision(trained, "float32")
    head = Head(
        activation,
        classes=_first(settings.classes, report.classes, DEFAULT_CLASSES),
        temperature=_first(settings.temperature, report.temperature, 1.0),
    )
    return Detector(
        network=reference if settings.precision == "float32" else _in_precision(trained, settings.precision),
        reference=reference,
        head=head,
        scale=settings.scale or _own_scale(trained),
        input_size=tuple(reference.inputs[0].shape[1:3]),
        threshold=_first(settings.threshold, report.threshold, contract.DEFAULT_THRESHOLD),
        file_name=path.name,
        sha256=sha256,
        report=report,
    )


def _first(*choices: Any) -> Any:
    """The first choice that was made."""
    return next(choice for choice in choices if choice is not None)


def _read(path: Path) -> keras.Model:
    if not path.is_file():
        raise ModelError(f"{path} is no file. Pass the detector.keras that training wrote.")
    with path.open("rb") as file:
        start = file.read(4)
    if path.suffix not in SIGNATURES or not start.startswith(SIGNATURES[path.suffix]):
        raise ModelError(f"{path} is no .keras file, and no .h5 file either. Pass the detector.keras of training.")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except UNREADABLE as error:
        raise ModelError(
            f"{path} could not be read as a Keras model ({_first_line(error)}). "
            "It must be whole, and made of Keras's own layers: custom objects and lambdas are not run."
        ) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200].rstrip(" .:")


def _of_one_size(model: keras.Model, asked: tuple[int, int] | None) -> keras.Model:
    """The model for images of one size, which is asked for where the model takes any."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1:
        raise ModelError(f"it has {len(inputs)} inputs, and the exported graph feeds one, the image.")
    batch, *size, channels = inputs[0].shape
    if batch is not None or len(size) != 2 or channels != 3:
        raise ModelError(f"its input is {_text(inputs[0].shape)}, not [n, height, width, 3], an RGB image.")
    if asked is None and None in size:
        raise ModelError(f"its input is {_text(inputs[0].shape)}, of any size. Pass --input-size to serve one.")
    if asked is None or asked == tuple(size):
        return model
    if None not in size:
        raise ModelError(f"its input is {_text(inputs[0].shape)}, and not the --input-size. Leave the option out.")
    image = keras.Input((*asked, 3))
    return keras.Model(image, model(image))


def _text(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join('n' if size is None else str(size) for size in shape)}]"


def _check_weights(model: keras.Model) -> None:
    for weight in model.weights:
        if not np.isfinite(np.asarray(weight, np.float32)).all():
            raise ModelError(f"its weights {weight.path} hold NaN or infinity. Train it again.")


def _in_precision(model: keras.Model, precision: str) -> keras.Model:
    """The same layers and weights, computing in the precision; float16, which training may use, crawls on a CPU.

    What is one vector an image stays in float32: it costs nothing there, and decides the answer.
    """
    policies = {
        layer.name: "float32" if len(getattr(layer.output, "shape", ())) == 2 else REDUCED_POLICIES.get(precision)
        for layer in _operations(model)
        if isinstance(layer, layers.Layer) and not isinstance(layer, layers.InputLayer)
    }
    rebuilt = model.__class__.from_config(_with_policies(model.get_config(), policies))
    rebuilt.set_weights(model.get_weights())
    for operation in _operations(rebuilt):
        if isinstance(operation, layers.Normalization):
            operation.finalize_state()  # or it would go on with the mean and variance from before its weights were set
    return rebuilt


def _with_policies(config: Any, policies: dict[str, str | None]) -> Any:
    """A model's configuration with the dtype policy of each layer; less than float32 only where a policy says so."""
    if isinstance(config, dict):
        policy = policies.get(str(config.get("name"))) or "float32"
        return {
            key: _replaced(value, policy) if key == "dtype" else _with_policies(value, policies)
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(_with_policies(item, policies) for item in config)
    return config


def _replaced(dtype: Any, policy: str) -> Any:
    """A layer's `dtype` entry, a name or a serialized policy that has one; quantized layers keep theirs."""
    name = dtype["config"].get("name") if isinstance(dtype, dict) else dtype
    return policy if name in FLOATING else dtype


def _own_scale(model: keras.Model) -> str:
    """`none` for a model that scales its pixels by itself before its first weights, `xception` for another."""
    for operation in _operations(model):
        if isinstance(operation, layers.Rescaling | layers.Normalization) or type(operation).__name__ in ARITHMETIC:
            return "none"
        if getattr(operation, "weights", None):
            break
    return "xception"


def _operations(model: keras.Model) -> Iterator[Any]:
    """Every layer and other operation from the input to the output, nested models taken apart."""
    functional = model._functional if isinstance(model, keras.Sequential) else model
    for operation in functional.operations:
        if isinstance(operation, keras.Model):
            yield from _operations(operation)
        else:
            yield operation
