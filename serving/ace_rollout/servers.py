"""The servers of a model: what they serve, and how they are told to serve something else."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import grpc

from ace_client import CallError, Detector, ModelNotFound, Options, Security, VersionStatus
from ace_client.codec import metadata_request, model_spec
from ace_client.protos.serving_pb2 import GetModelMetadataResponse
from ace_client.security import Credentials

from .config_file import Config, Served
from .errors import NotServed
from .protos.model_config_pb2 import ReloadConfigRequest

RELOAD: Final = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
_METADATA: Final = "/tensorflow.serving.PredictionService/GetModelMetadata"
_POLL_S: Final = 0.1
_ANSWER_S: Final = 5.0  # for a call that asks for nothing that takes long
_AVAILABLE: Final = "AVAILABLE"

_Method: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"


class NoAnswer(Exception):
    """The server does not answer; inside this package only."""


@dataclass(frozen=True)
class Target:
    """Where a server is, whom it believes, of which model it is asked, and whether it reads models.config by itself."""

    address: str
    model: str
    security: Security | None = None
    polls: bool = False


class Server:
    """One server, asked through TensorFlow Serving's own interfaces. Several threads may share it."""

    def __init__(self, target: Target) -> None:
        """Raises ValueError and ace_client's SetupError as a Detector does."""
        self._target = target
        self.address = target.address
        self.model = target.model
        self.detector = Detector(target.address, model=target.model, security=target.security, deadline_s=_ANSWER_S)
        self._credentials = Credentials(target.address, target.security)
        secrets = self._credentials.for_channel()
        self._channel = (
            grpc.secure_channel(target.address, secrets) if secrets else grpc.insecure_channel(target.address)
        )

    def close(self) -> None:
        """Gives its connections back."""
        self.detector.close()
        self._channel.close()

    def probing(self, deadline_s: float, options: Options) -> Detector:
        """Another detector for the same server; whoever asks for it closes it."""
        target = self._target
        return Detector(
            target.address, model=target.model, security=target.security, deadline_s=deadline_s, options=options
        )

    def statuses(self) -> list[VersionStatus]:
        """The versions that the server knows of.

        Raises:
            NoAnswer: it does not answer; the message says why.
        """
        try:
            return self.detector.model_status()
        except ModelNotFound:
            return []
        except CallError as error:
            raise NoAnswer(str(error).partition("\n")[0]) from error

    def available(self) -> set[int]:
        """The versions that the server answers with; raises NoAnswer."""
        return {status.version for status in self.statuses() if status.state == _AVAILABLE}

    def is_loading(self) -> bool:
        """Whether any version is on its way up there; not where the server does not say."""
        try:
            return any(status.state in ("START", "LOADING") for status in self.statuses())
        except NoAnswer:
            return False

    def labelled(self, label: str) -> int | None:
        """The version that has the label there, which no status says; None where none has.

        Raises:
            NoAnswer: it does not answer.
        """
        ask: _Method = self._channel.unary_unary(_METADATA)
        request = metadata_request(model_spec(self.model, label=label)).SerializeToString()
        try:
            answer = ask(request, timeout=_ANSWER_S, metadata=self._credentials.metadata())
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise NoAnswer(f"{self.address}: {error.details()}") from error
            return None
        return int(GetModelMetadataResponse.FromString(answer).model_spec.version.value)

    def bring(self, config: Config, deadline_s: float) -> None:
        """The server serves what the config says, its versions answer, and its labels are set.

        Raises:
            NotServed: it refuses, or a version does not load, or not by the time `deadline_s` of time.monotonic().
            NoAnswer: it does not answer.
        """
        if self._target.polls:
            self._wait_for(config.served, deadline_s)
            return
        reload: _Method = self._channel.unary_unary(RELOAD)
        request = ReloadConfigRequest(config=config.message).SerializeToString()
        remaining_s = max(deadline_s - time.monotonic(), 0.0)
        call = reload.future(request, timeout=remaining_s, metadata=self._credentials.metadata())
        try:
            while not call.done():
                self._refuse_failed(config.served)
                self._pause(deadline_s)
            if call.code() is not grpc.StatusCode.OK:
                raise self._meaning(call)
            while missing := set(config.served.versions) - self.available():
                self._pause(deadline_s, missing)
            self._check_labels(config.served.labels)
        finally:
            call.cancel()

    def _wait_for(self, served: Served, deadline_s: float) -> None:
        """The server has read the file that says so."""
        while missing := set(served.versions) - self.available():
            self._refuse_failed(served)
            self._pause(deadline_s, missing)
        while wrong := [label for label, version in served.labels.items() if self.labelled(label) != version]:
            if time.monotonic() > deadline_s:
                raise NotServed(
                    f"{self.address} has not put {', '.join(wrong)} where the file says. Does it read it, by "
                    "--model_config_file and --model_config_file_poll_wait_seconds?"
                )
            time.sleep(_POLL_S)

    def _pause(self, deadline_s: float, missing: set[int] | None = None) -> None:
        if time.monotonic() > deadline_s:
            versions = ", ".join(map(str, sorted(missing or ()))) or "what it was to load"
            raise NotServed(
                f"{self.address} has not loaded {versions} in time. Its log and `ace-rollout status` say more."
            )
        time.sleep(_POLL_S)

    def _refuse_failed(self, served: Served) -> None:
        """While a server tries a version again and again, its reload does not return: do not wait for that."""
        for status in self.statuses():
            if status.version in served.versions and status.error and status.state == "LOADING":
                raise NotServed(f"{self.address} cannot load version {status.version}: {status.error}")

    def _meaning(self, call: Any) -> Exception:  # a call of gRPC, which has ended
        details = f"{call.code().name}: {call.details()}"
        if call.code() is grpc.StatusCode.UNAVAILABLE:
            return NoAnswer(f"{self.address}: {details}")
        return NotServed(f"{self.address} does not take the configuration: {details}")

    def _check_labels(self, labels: Mapping[str, int]) -> None:
        for label, version in labels.items():
            if (found := self.labelled(label)) != version:
                raise NotServed(
                    f"{self.address} has the label {label} on {found}, not on {version}, after it was told so."
                )
