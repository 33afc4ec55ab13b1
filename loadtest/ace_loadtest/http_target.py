"""A detector behind HTTP, as people build them: one image a request, posted as the form's file `file`.

The answer is JSON with `prob_fake`; 400 and 422 say that it is no image. It is measured as those over gRPC are, but
httpx costs the generator more than gRPC does, about a millisecond a request.
"""

import asyncio
from typing import Final

import httpx

from ace_client import CallError, Verdict
from ace_client.contract import FAKE, REAL

_STATUSES: Final = {404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}
_NO_IMAGE: Final = (400, 422)
_LAST_PORT: Final = 65535


class HttpDetector:
    """Asks as `AsyncDetector` does; an image of a request in a call of its own, one after the other.

    Raises:
        ValueError: the address is none.
    """

    def __init__(self, url: str, *, deadline_s: float) -> None:
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError(f"{url} is no address: {error}. Write it as http://127.0.0.1:8000/predict") from error
        if not address.host or not 0 < (address.port or 1) <= _LAST_PORT:
            raise ValueError(f"{url} is no address: write a host and a port, as http://127.0.0.1:8000/predict")
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
        self._client = httpx.AsyncClient(limits=limits, trust_env=False)
        self._url = url
        self._deadline_s = deadline_s

    async def detect(
        self,
        images: list[bytes],
        *,
        version: int | None = None,
        label: str | None = None,
        deadline_s: float | None = None,
    ) -> list[Verdict]:
        """A verdict on each image, all of them within the deadline.

        Raises:
            CallError: a call brought none.
            ValueError: a version or a label, which HTTP has no word for here.
        """
        if version is not None or label is not None:
            raise ValueError(f"{self._url} knows no versions and no labels")
        deadline_s = deadline_s or self._deadline_s
        try:  # httpx's own timeout is that of each read, and starts anew with each byte
            return await asyncio.wait_for(self._verdicts(images), deadline_s)
        except asyncio.TimeoutError as error:
            raise CallError(
                f"{self._url} did not answer within {deadline_s:g} s", status="DEADLINE_EXCEEDED"
            ) from error

    async def close(self) -> None:
        """Gives the connections back."""
        await self._client.aclose()

    async def _verdicts(self, images: list[bytes]) -> list[Verdict]:
        return [await self._verdict(image) for image in images]

    async def _verdict(self, image: bytes) -> Verdict:
        try:
            answer = await self._client.post(self._url, files={"file": ("image", image)}, timeout=None)
        except httpx.HTTPError as error:
            raise CallError(f"asking {self._url} failed: {error}", status="UNAVAILABLE") from error
        if answer.status_code in _NO_IMAGE:
            return Verdict(float("nan"), "", None, answer.text)
        if answer.status_code != httpx.codes.OK:
            status = _STATUSES.get(answer.status_code, "INTERNAL")
            raise CallError(f"{self._url} answered {answer.status_code}: {answer.text[:200]}", status=status)
        try:
            prob_fake = float(answer.json()["prob_fake"])
        except (ValueError, KeyError, TypeError) as error:
            raise CallError(f"{self._url} answered without a prob_fake", status="NOT_THE_CONTRACT") from error
        return Verdict(prob_fake, FAKE if prob_fake >= 0.5 else REAL, None)
