"""Gates of one's own, by queries that a Prometheus answers: of saturation, of what clients count, of anything.

    [prometheus]
    url = "http://127.0.0.1:9090"
    [prometheus.gates.saturation]
    query = "histogram_quantile(0.9, sum by (le) (rate(ace_server_queue_seconds_bucket[1m])))"
    max = 0.25

`$version` in a query is the number of the version on trial.

A gate fails where any series of the answer is above `max`. A query without an answer, as of a version that has had no
calls, gives no verdict and is not waited for; a Prometheus that does not answer is.
"""

import json
import math
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from .gates import Finding
from .policy import Prometheus

_ASK_S: Final = 5.0  # how old an answer may be
_WAIT_S: Final = 2.0  # for one
ERROR: Final = "error"
"""The figure of a finding that waits for Prometheus to answer."""


class Queries:
    """The gates of a version on trial."""

    def __init__(self, prometheus: Prometheus | None, version: int) -> None:
        self._prometheus = prometheus
        self._version = version
        self._asked_s = -math.inf
        self._findings: list[Finding] = []

    def judge(self) -> list[Finding]:
        """What each gate says, by answers that are a few seconds old at the most."""
        if self._prometheus and time.monotonic() > self._asked_s + _ASK_S:
            self._findings = [_finding(self._prometheus.url, *gate) for gate in self._gates(self._prometheus)]
            self._asked_s = time.monotonic()
        return self._findings

    def _gates(self, prometheus: Prometheus) -> Iterator[tuple[str, str, float]]:
        for name, gate in prometheus.gates.items():
            yield name, gate.query.replace("$version", str(self._version)), gate.max


def _finding(url: str, name: str, query: str, most: float) -> Finding:
    try:
        values = [value for value in _answer(url, query) if not math.isnan(value)]
    except (OSError, ValueError, LookupError, TypeError) as error:
        return Finding(name, None, {ERROR: f"{url}: {_words(error)}"})
    if not values:
        return Finding(name, None, {"answers": 0})
    return Finding(name, max(values) <= most, {"found": max(values), "of": most})


def _answer(url: str, query: str) -> list[float]:
    """The values of all series, or the scalar (https://prometheus.io/docs/prometheus/latest/querying/api/)."""
    asked = f"{url.rstrip('/')}/api/v1/query?{urlencode({'query': query})}"
    with urlopen(asked, timeout=_WAIT_S) as response:  # noqa: S310 - http or https, as its settings hold
        data: dict[str, Any] = json.load(response)["data"]
    if data["resultType"] == "scalar":
        return [float(data["result"][1])]
    return [float(series["value"][1]) for series in data["result"]]


def _words(error: Exception) -> str:
    """What Prometheus says of a query that it does not take, which is in the answer's body."""
    if isinstance(error, URLError) and hasattr(error, "read"):
        body = error.read()
        try:
            return str(json.loads(body)["error"])
        except (ValueError, LookupError, TypeError):
            return str(error)
    return str(error) or type(error).__name__
