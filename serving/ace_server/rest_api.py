"""TensorFlow Serving's REST API over `Inference`, readiness and metrics: convert, call, convert."""

import asyncio
import json
import logging
import math
import re
import zlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from .errors import CallError, Cancelled, DeadlineExceeded, FailedPrecondition, InvalidArgument, ResourceExhausted
from .grpc_api import Gate
from .inference import Inference
from .json_bodies import parse, predict_body, predict_inputs
from .json_examples import classification_body, examples_input, regression_body
from .metrics import CONTENT_TYPE, Metrics
from .options import Options

_log = logging.getLogger(__name__)
_WHICH = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_INFERENCE = re.compile(rf"/v1/models/(?P<name>[^/:]+){_WHICH}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_DESCRIPTION = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_WHICH}(?:/(?P<part>metadata))?", re.IGNORECASE)
_MAX_VERSION = 2**63 - 1
_MIN_COMPRESSED_BYTES = 1024
_CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
_HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}

_T = TypeVar("_T")


class _BodyTooLarge(ResourceExhausted):
    """The one error that has an HTTP status of its own, 413; no other try helps."""

    retry_after_s = None


class RestApi:
    """The routes of the REST port; `app` is what an ASGI server runs."""

    def __init__(
        self,
        inference: Inference,
        gate: Gate,
        metrics: Metrics,
        *,
        options: Options,
        ready: Callable[[], Mapping[str, bool]],
        metrics_path: str | None,
        pages: Sequence[Route] = (),
    ) -> None:
        """`ready` says of each configured model whether it answers; without a `metrics_path` there are no metrics."""
        self._inference = inference
        self._gate = gate
        self._metrics = metrics
        self._ready = ready
        self._max_bytes = options.rest_api_max_request_bytes
        self._timeout_ms = options.rest_api_timeout_in_ms
        self._cors_headers = dict(_CORS_HEADERS) if options.rest_api_enable_cors_support else {}
        if self._cors_headers and options.bearer_token_file:
            self._cors_headers["Access-Control-Allow-Headers"] += ", Authorization"
        self._methods = {"predict": self._predict, "classify": self._classify, "regress": self._regress}
        routes = [*pages, Route("/healthz", self._healthz), Route("/readyz", self._readyz)]
        if metrics_path:
            routes.append(Route(metrics_path, self._metrics_page))
        compression = Middleware(GZipMiddleware, minimum_size=_MIN_COMPRESSED_BYTES, compresslevel=1)
        self.app = Starlette(routes=[*routes, Mount("", self._models)], middleware=[compression])

    async def _healthz(self, request: Request) -> Response:
        """The process lives."""
        return PlainTextResponse("ok")

    async def _readyz(self, request: Request) -> Response:
        """Whether to send traffic here: every configured model answers, and the server is not draining."""
        models = self._ready()
        missing = [name for name, is_ready in models.items() if not is_ready]
        if self._gate.is_closed:
            reason = "the server is draining"
        elif missing:
            reason = f"not loaded and warmed yet: {', '.join(missing)}"
        else:
            reason = "" if models else "no model has been configured yet"
        body = {"ready": not reason, "reason": reason, "models": dict(models)}
        return JSONResponse(body, 503 if reason else 200)

    async def _metrics_page(self, request: Request) -> Response:
        return Response(self._metrics.page(), media_type=CONTENT_TYPE)

    async def _models(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything below /v1; by the path as it was sent, since a model's name may hold an encoded slash."""
        request = Request(scope, receive)
        path = scope["raw_path"].decode("latin-1")
        try:
            if path.lower().startswith("/v1/"):
                text = await self._answer(request, path)
                response = Response(text, media_type="application/json", headers=self._cors_headers)
            else:
                response = PlainTextResponse("Not Found", 404)
        except CallError as error:
            response = self._refusal(error)
        except Exception:  # the call's last line of defence: a stranger learns that it failed, the log learns why
            _log.exception("A call failed in a way that nobody foresaw")
            response = self._refusal(CallError("Internal error; the server's log has the details."))
        await response(scope, receive, send)

    def _refusal(self, error: CallError) -> Response:
        """The one place where an error becomes an HTTP answer."""
        status = 413 if isinstance(error, _BodyTooLarge) else _HTTP_STATUS.get(error.code, 500)
        headers = dict(self._cors_headers)
        if error.retry_after_s is not None:
            headers["Retry-After"] = str(math.ceil(error.retry_after_s))  # seconds
        return Response(json.dumps({"error": str(error)}), status, headers, media_type="application/json")

    async def _answer(self, request: Request, path: str) -> str:
        if request.method == "OPTIONS" and self._cors_headers:
            if not re.match("https?://", request.headers.get("origin", "")):
                raise FailedPrecondition("Origin header is missing in CORS preflight")
            return ""
        if request.method == "POST" and (found := _INFERENCE.fullmatch(path)):
            return await self._infer(request, _spec(found), found["method"].lower())
        if request.method == "GET" and (found := _DESCRIPTION.fullmatch(path)):
            return self._describe(found)
        raise InvalidArgument(f"Malformed request: {request.method} {path}")

    async def _infer(self, request: Request, spec: model_pb2.ModelSpec, method: str) -> str:
        with self._metrics.call(spec.name, method, "REST") as call, self._gate.passage():
            body = await self._body(request)
            answer, effective = await self._while_wanted(request, self._methods[method](spec, body))
            call.version = str(effective.version.value)
            return answer

    async def _predict(self, spec: model_pb2.ModelSpec, body: bytes) -> tuple[str, model_pb2.ModelSpec]:
        document = parse(body)
        spec.signature_name = document.get("signature_name", "")
        signature = self._inference.signature(spec)
        asked = predict_inputs(document, signature.inputs, optional=signature.defaults.keys())
        response = await self._inference.predict(predict_pb2.PredictRequest(model_spec=spec, inputs=asked.tensors))
        return predict_body(response.outputs, as_rows=asked.as_rows), response.model_spec

    async def _classify(self, spec: model_pb2.ModelSpec, body: bytes) -> tuple[str, model_pb2.ModelSpec]:
        document = parse(body)
        spec.signature_name = document.get("signature_name", "")
        request = classification_pb2.ClassificationRequest(model_spec=spec, input=examples_input(document))
        response = await self._inference.classify(request)
        return classification_body(response.result), response.model_spec

    async def _regress(self, spec: model_pb2.ModelSpec, body: bytes) -> tuple[str, model_pb2.ModelSpec]:
        document = parse(body)
        spec.signature_name = document.get("signature_name", "")
        request = regression_pb2.RegressionRequest(model_spec=spec, input=examples_input(document))
        response = await self._inference.regress(request)
        return regression_body(response.result), response.model_spec

    async def _body(self, request: Request) -> bytes:
        """The whole body, decompressed; refused as soon as it is known to be too large, too slow or broken off."""
        try:
            body = await asyncio.wait_for(self._received(request), self._timeout_s)
        except asyncio.TimeoutError as error:
            raise DeadlineExceeded(f"The request did not arrive within {self._timeout_ms} ms.") from error
        except ClientDisconnect as error:
            raise Cancelled("The caller has gone.") from error
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding == "gzip":
            return self._decompressed(body)
        if encoding != "identity":
            raise InvalidArgument(f"Content-Encoding {encoding} is not understood; send gzip, or none.")
        return body

    async def _received(self, request: Request) -> bytes:
        chunks, size = [], int(request.headers.get("content-length", 0))
        self._refuse_large(size)
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            self._refuse_large(size)
            chunks.append(chunk)
        return b"".join(chunks)

    def _decompressed(self, body: bytes) -> bytes:
        decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # gzip's header and trailer
        try:
            content = decompressor.decompress(body, self._max_bytes + 1)
        except zlib.error as error:
            raise InvalidArgument(f"The body is no gzip, as its Content-Encoding says: {error}") from error
        self._refuse_large(len(content))
        if not decompressor.eof:
            raise InvalidArgument("The body ends before its gzip does.")
        return content

    def _refuse_large(self, size: int) -> None:
        if size > self._max_bytes:
            raise _BodyTooLarge(
                f"The request has more than {self._max_bytes} bytes. Send less at a time, or start the server with a "
                "larger --rest_api_max_request_bytes."
            )

    @property
    def _timeout_s(self) -> float | None:
        return self._timeout_ms / 1000 if self._timeout_ms > 0 else None

    async def _while_wanted(self, request: Request, work: Coroutine[Any, Any, _T]) -> _T:
        """What the work returns, given up once the caller has gone or its time is over."""
        task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnection(request))
        try:
            await asyncio.wait({task, gone}, timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if gone.done():
                raise Cancelled("The caller has gone.")
            raise DeadlineExceeded(f"There is no answer within --rest_api_timeout_in_ms={self._timeout_ms}.")
        finally:
            task.cancel()
            gone.cancel()

    def _describe(self, found: re.Match[str]) -> str:
        if not found["name"]:
            raise InvalidArgument("Missing model name in request.")
        if found["part"]:
            return _metadata_text(
                self._inference.metadata(
                    get_model_metadata_pb2.GetModelMetadataRequest(
                        model_spec=_spec(found), metadata_field=["signature_def"]
                    )
                )
            )
        status = self._inference.status(get_model_status_pb2.GetModelStatusRequest(model_spec=_spec(found)))
        return json.dumps(_dict(status), indent=1)


async def _disconnection(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _spec(found: re.Match[str]) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=unquote(found["name"]))
    if found["version"]:
        if len(found["version"]) > len(str(_MAX_VERSION)) or int(found["version"]) > _MAX_VERSION:
            raise InvalidArgument(f"Failed to convert version: {found['version']} to numeric.")
        spec.version.value = int(found["version"])
    elif found["label"]:
        spec.version_label = unquote(found["label"])
    return spec


def _metadata_text(response: get_model_metadata_pb2.GetModelMetadataResponse) -> str:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    metadata = {"signature_def": _dict(signatures)}
    return json.dumps({"model_spec": _dict(response.model_spec), "metadata": metadata}, indent=1)


def _dict(message: Message) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
