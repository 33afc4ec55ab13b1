"""Requests with their answers, sampled, in TFRecord files of PredictionLog: for replay, and as warm-up records.

What is asked for is TensorFlow Serving's LoggingConfig of a model. A sampled request costs its call one serialization;
files are written in a thread, and what that does not keep up with, or cannot write, is dropped and counted.
"""

import asyncio
import logging
import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.message import EncodeError, Message
from tensorflow_serving.apis import classification_pb2, inference_pb2, model_pb2, predict_pb2, prediction_log_pb2
from tensorflow_serving.apis import regression_pb2 as regression
from tensorflow_serving.config import logging_config_pb2

from .errors import CallError, ResourceExhausted, WrongField
from .exposition import Counter
from .record_files import RecordFiles

_log = logging.getLogger(__name__)
_TYPE: Final = "file"  # the one log collector that there is; a config may also leave it out
_MAX_WAITING_BYTES: Final = 64 * 2**20
_KINDS: Final = {
    predict_pb2.PredictRequest: "predict_log",
    classification_pb2.ClassificationRequest: "classify_log",
    regression.RegressionRequest: "regress_log",
    inference_pb2.MultiInferenceRequest: "multi_inference_log",
}


@dataclass(frozen=True)
class RequestLogging:
    """Which share of a model's requests is logged, and how the names of the files begin."""

    prefix: str
    sampling_rate: float


def request_logging_of(model: str, config: logging_config_pb2.LoggingConfig) -> RequestLogging | None:
    """What a model's LoggingConfig asks for; None where that is nothing.

    Raises:
        WrongField: a value is not as it must be, or a field is set that has no meaning here.
    """
    rate, kind = config.sampling_config.sampling_rate, config.log_collector_config.type
    if not config.ListFields():
        return None
    if not 0 <= rate <= 1:
        text = f"The sampling_rate of model {model} is {rate:g}; write a share between 0 and 1."
        raise WrongField("sampling_rate", text, value=f"{rate:g}")
    if kind not in ("", _TYPE):
        text = f'The log collector of model {model} is of type "{kind}"; only "{_TYPE}" is known here.'
        raise WrongField("type", text, value=kind)
    sampling = {field.name for field, _ in config.sampling_config.ListFields()}
    if config.HasField("custom_logging_config") or sampling - {"sampling_rate"}:
        text = f"The logging_config of model {model} may set sampling_rate, type and filename_prefix."
        raise WrongField("logging_config", text)
    prefix = Path(config.log_collector_config.filename_prefix)
    if not prefix.is_absolute() or not os.path.isdir(prefix.parent):  # noqa: PTH112 Path.is_dir raises for long names
        text = f"The filename_prefix of model {model} is {prefix}; write an absolute path whose folder exists."
        raise WrongField("filename_prefix", text, value=prefix)
    return RequestLogging(str(prefix), rate) if rate else None


class RequestLog:
    """Takes requests from the event loop and writes them behind it."""

    def __init__(self, wanted: Callable[[str], RequestLogging | None], counts: Counter) -> None:
        """`wanted` says how a model's requests are logged.

        Every record counts by model and status: OK once written, RESOURCE_EXHAUSTED where too much waits, ...
        """
        self._wanted = wanted
        self._counts = counts
        self._files: dict[str, RecordFiles] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="request-log")
        self._waiting: list[tuple[str, str, bytes]] = []  # model, prefix, record
        self._waiting_bytes = 0  # of what is being written too
        self._writing: asyncio.Task[None] | None = None

    def log(self, spec: model_pb2.ModelSpec, request: Message, response: Message) -> None:
        """Log the request where it falls into the sample; `spec` says what answered."""
        logging = self._wanted(spec.name)
        if logging is None or random.random() >= logging.sampling_rate:
            return
        record = _record(logging, spec, request, response)
        if record is None or self._waiting_bytes + len(record) > _MAX_WAITING_BYTES:
            self._counts.add((spec.name, ResourceExhausted.code.name))
            return
        self._waiting.append((spec.name, logging.prefix, record))
        self._waiting_bytes += len(record)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Write what waits, and close the files."""
        if self._writing:
            await self._writing
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            for model, prefix, record in batch:
                status = await loop.run_in_executor(self._thread, self._written, prefix, record)
                self._counts.add((model, status))
                self._waiting_bytes -= len(record)
        self._writing = None

    def _written(self, prefix: str, record: bytes) -> str:
        """What became of a record; in the thread."""
        try:
            self._files.setdefault(prefix, RecordFiles(prefix)).write(record)
        except CallError as error:
            return error.code.name
        except Exception:  # the writer's last line of defence: the next record may fare better
            _log.exception("A request could not be logged in a way that nobody foresaw")
            return "INTERNAL"
        return "OK"

    def _close(self) -> None:
        for files in self._files.values():
            files.close()


def _record(logging: RequestLogging, spec: model_pb2.ModelSpec, request: Message, response: Message) -> bytes | None:
    """The exchange as a serialized PredictionLog; None where both together are larger than a message may be."""
    log = prediction_log_pb2.PredictionLog()
    log.log_metadata.model_spec.CopyFrom(spec)
    log.log_metadata.sampling_config.sampling_rate = logging.sampling_rate
    log.log_metadata.timestamp_secs = int(time.time())
    exchange = getattr(log, _KINDS[type(request)])
    exchange.request.CopyFrom(request)
    exchange.response.CopyFrom(response)
    try:
        return bytes(log.SerializeToString())
    except EncodeError:
        return None
