"""What a served model says of itself, and whether that is the contract."""

from collections.abc import Mapping
from dataclasses import dataclass

from . import contract
from .protos.serving_pb2 import GetModelMetadataResponse, SignatureDefMap, TensorInfo
from .tensors import type_name


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output: numpy's name of its type, or `string`; None for a size, or whole shape, that varies."""

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True, slots=True)
class Signature:
    """A way to call a model: its inputs and outputs by name, and TensorFlow Serving's name of the method."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    method: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """A version of a model with its signatures by name."""

    version: int
    signatures: dict[str, Signature]


_INPUTS = {contract.IMAGE_BYTES: "string"}
_OUTPUTS = {contract.PROB_FAKE: "float32", contract.LABEL: "string", contract.ERROR: "string"}


def read_metadata(response: GetModelMetadataResponse) -> Metadata:
    """The answer in our words.

    Raises:
        google.protobuf.message.DecodeError: it holds no signatures.
    """
    found = SignatureDefMap.FromString(response.metadata["signature_def"].value)
    signatures = {
        name: Signature(_specs(each.inputs), _specs(each.outputs), each.method_name)
        for name, each in sorted(found.signature_def.items())
    }
    return Metadata(response.model_spec.version.value, signatures)


def misfit(metadata: Metadata) -> str | None:
    """The first thing in which a model is not what the contract says a detector is; None where it is one."""
    name = contract.SERVING_DEFAULT
    signature = metadata.signatures.get(name)
    if signature is None:
        return f"it has no signature {name}, but {', '.join(metadata.signatures) or 'none at all'}"
    if further := sorted(signature.inputs.keys() - _INPUTS):
        return f"{name} wants an input {further[0]} beside {contract.IMAGE_BYTES}"
    for kind, wanted, found in (("input", _INPUTS, signature.inputs), ("output", _OUTPUTS, signature.outputs)):
        for each, dtype in wanted.items():
            if each not in found:
                return f"{name} has no {kind} {each}, but {', '.join(found) or 'none at all'}"
            if found[each].dtype != dtype or found[each].shape not in (None, (None,)):
                return f"{kind} {each} of {name} is {_text(found[each])}, not {dtype}[n]"
    return None


def _specs(tensors: Mapping[str, TensorInfo]) -> dict[str, TensorSpec]:
    return {name: TensorSpec(type_name(each.dtype), _shape(each)) for name, each in sorted(tensors.items())}


def _shape(tensor: TensorInfo) -> tuple[int | None, ...] | None:
    if tensor.tensor_shape.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in tensor.tensor_shape.dim)


def _text(spec: TensorSpec) -> str:
    sizes = "..." if spec.shape is None else ", ".join("n" if size is None else str(size) for size in spec.shape)
    return f"{spec.dtype}[{sizes}]"
