"""A Predict request held against a signature, in TensorFlow Serving's words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2

from .errors import FailedPrecondition, InvalidArgument
from .tensors import Array, to_array

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class BoundRequest:
    """A request whose names have been checked: what to feed to the graph and what to fetch from it."""

    signature_name: str
    feeds: Mapping[str, Array]  # by the name of the graph's tensor
    fetches: Mapping[str, str]  # output alias → name of the graph's tensor


def bind(request: predict_pb2.PredictRequest, signatures: Mapping[str, meta_graph_pb2.SignatureDef]) -> BoundRequest:
    """The request in the terms of the graph. Names, counts and dtypes are checked here, shapes by the graph.

    Raises:
        FailedPrecondition: the model has no such signature.
        InvalidArgument: inputs or outputs are not those of the signature, or a tensor does not parse.
    """
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    if name not in signatures:
        raise FailedPrecondition(f'Serving signature key "{name}" not found.')
    signature = signatures[name]
    bound = BoundRequest(name, _feeds(request, signature), _fetches(request, signature))
    _check_dtypes(request, signature)
    return bound


def _feeds(request: predict_pb2.PredictRequest, signature: meta_graph_pb2.SignatureDef) -> dict[str, Array]:
    """The inputs of the request, and the signature's defaults for those that it leaves out."""
    _check_count(set(request.inputs), signature)
    feeds = {}
    for alias, info in signature.inputs.items():
        tensors = request.inputs if alias in request.inputs else signature.defaults
        if alias not in tensors:
            raise InvalidArgument(
                f"Signature input alias: {alias}(feed name: {info.name}) not found in request and no default value "
                f"provided. Inputs expected to be in the request {_braced(request.inputs)}, "
                f"or default input alias set: {','.join(sorted(signature.defaults))}"
            )
        try:
            feeds[info.name] = to_array(tensors[alias])
        except ValueError as error:
            raise InvalidArgument(f"tensor parsing error: {alias}") from error
    used = set(request.inputs) & set(signature.inputs)
    if used != set(request.inputs):
        raise InvalidArgument(
            f"Inputs contains invalid name. Used request inputs: {','.join(sorted(used))}, "
            f"request input: {','.join(sorted(request.inputs))}"
        )
    return feeds


def _check_count(given: set[str], signature: meta_graph_pb2.SignatureDef) -> None:
    wanted = set(signature.inputs)
    if len(given) > len(wanted) or (len(given) < len(wanted) and not signature.defaults):
        raise InvalidArgument(
            f"input size does not match signature: {len(given)}!={len(wanted)} "
            f"len({_braced(given)}) != len({_braced(wanted)}). "
            f"Sent extra: {_braced(given - wanted)}. Missing but required: {_braced(wanted - given)}."
        )


def _check_dtypes(request: predict_pb2.PredictRequest, signature: meta_graph_pb2.SignatureDef) -> None:
    for index, alias in enumerate(sorted(signature.inputs)):
        tensors = request.inputs if alias in request.inputs else signature.defaults
        wanted, given = signature.inputs[alias].dtype, tensors[alias].dtype
        if wanted != given:
            raise InvalidArgument(f"Expects arg[{index}] to be {_spelt(wanted)} but {_spelt(given)} is provided")


def _spelt(dtype: int) -> str:
    return str(types_pb2.DataType.Name(dtype)).removeprefix("DT_").lower()


def _fetches(request: predict_pb2.PredictRequest, signature: meta_graph_pb2.SignatureDef) -> dict[str, str]:
    fetches: dict[str, str] = {}
    for alias in request.output_filter or sorted(signature.outputs):
        if alias not in signature.outputs:
            raise InvalidArgument(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_braced(signature.outputs)}."
            )
        if alias in fetches:
            raise InvalidArgument(f"duplicate output tensor alias: {alias}")
        fetches[alias] = signature.outputs[alias].name
    return dict(sorted(fetches.items()))  # in one order, whatever the caller's: what runs alike shares runs


def _braced(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
