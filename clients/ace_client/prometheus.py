"""Prometheus metrics of a detector's requests: `pip install 'ace-detector[prometheus]'`.

    from ace_client import Detector, Options, prometheus

    detector = Detector("127.0.0.1:8500", options=Options(hooks=(prometheus.hook(),)))

| metric, by target, model and method                       | is                                                       |
|-----------------------------------------------------------|----------------------------------------------------------|
| `ace_client_requests_in_flight`                           | requests begun and not ended                             |
| `ace_client_request_duration_seconds`, also by status     | histogram of a whole request; its count is the requests  |
| `ace_client_request_stage_duration_seconds`, by stage     | the same of `encode`, `wait` and `decode`                |
| `ace_client_attempt_duration_seconds`, by status          | the same of each attempt                                 |
| `ace_client_retries_total`, `ace_client_hedges_total`     | attempts after a failed one, and beside a slow one       |
| `ace_client_errors_total`, by error                       | requests that raised, by the class of what they raised   |
| `ace_client_prob_fake`, by version and not by method      | histogram of the scores, in steps of 0.05                |
| `ace_client_unreadable_images_total`, likewise            | images that the model could not read                     |

A `detect` of many images is several requests. Status is `OK` or gRPC's name of an error.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
except ImportError as error:
    raise ImportError(
        "ace_client.prometheus needs prometheus-client: pip install 'ace-detector[prometheus]'"
    ) from error

from .answers import Verdict
from .hooks import Attempt, Hook, Outcome, Start, Watcher

_REQUEST: Final = ("target", "model", "method")
_VERSION: Final = ("target", "model", "version")
_DECADES_S: Final = ((each, 2.5 * each, 5 * each) for each in (1e-4, 1e-3, 0.01, 0.1, 1.0))
_PROBABILITIES: Final = tuple(step / 20 for step in range(1, 21))
_BUCKETS_S: Final = (*(round(each, 5) for decade in _DECADES_S for each in decade), 10.0)  # up to a long deadline


def hook(registry: CollectorRegistry = REGISTRY) -> Hook:
    """What detectors are to be given in `Options.hooks`; all hooks of one registry count together."""
    metrics = _metrics(registry)
    return lambda start: _Request(metrics, start)


class _Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        def histogram(name: str, text: str, label: str) -> Histogram:
            return Histogram(f"ace_client_{name}", text, (*_REQUEST, label), buckets=_BUCKETS_S, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"ace_client_{name}", text, (*_REQUEST, *labels), registry=registry)

        self.in_flight = Gauge(
            "ace_client_requests_in_flight",
            "Requests begun and not ended.",
            _REQUEST,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.requests = histogram("request_duration_seconds", "Requests with all their attempts.", "status")
        self.stages = histogram("request_stage_duration_seconds", "Stages of requests.", "stage")
        self.attempts = histogram("attempt_duration_seconds", "Single attempts of requests.", "status")
        self.retries = counter("retries", "Attempts after one that failed.")
        self.hedges = counter("hedges", "Attempts beside one that was slow.")
        self.prob_fake = Histogram(
            "ace_client_prob_fake", "Scores of images.", _VERSION, buckets=_PROBABILITIES, registry=registry
        )
        self.unreadable = Counter(
            "ace_client_unreadable_images", "Images that the model could not read.", _VERSION, registry=registry
        )
        self.errors = counter("errors", "Requests that raised, by the class of what they raised.", "error")


@cache
def _metrics(registry: CollectorRegistry) -> _Metrics:
    return _Metrics(registry)


class _Request(Watcher):
    def __init__(self, metrics: _Metrics, start: Start) -> None:
        self._metrics = metrics
        self._labels = start.address, start.model, start.method
        self._hedges = 0
        metrics.in_flight.labels(*self._labels).inc()

    def attempt_ended(self, attempt: Attempt) -> None:
        self._hedges += attempt.hedged
        self._metrics.attempts.labels(*self._labels, attempt.status).observe(attempt.wait_s)

    def ended(self, outcome: Outcome) -> None:
        metrics, labels = self._metrics, self._labels
        metrics.in_flight.labels(*labels).dec()
        stages = {"encode": outcome.encode_s, "wait": outcome.wait_s, "decode": outcome.decode_s}
        for stage, seconds in stages.items():
            metrics.stages.labels(*labels, stage).observe(seconds)
        metrics.requests.labels(*labels, outcome.status).observe(sum(stages.values()))
        metrics.hedges.labels(*labels).inc(self._hedges)
        metrics.retries.labels(*labels).inc(max(outcome.attempts - 1 - self._hedges, 0))
        if outcome.error is not None:
            metrics.errors.labels(*labels, type(outcome.error).__name__).inc()
        if outcome.verdicts:
            self._scored(outcome.verdicts)

    def _scored(self, verdicts: Sequence[Verdict]) -> None:
        labels = *self._labels[:2], str(verdicts[0].version)  # one version answers a request
        scores = self._metrics.prob_fake.labels(*labels)
        readable = [verdict.prob_fake for verdict in verdicts if verdict.error is None]
        for prob_fake in readable:
            scores.observe(prob_fake)
        self._metrics.unreadable.labels(*labels).inc(len(verdicts) - len(readable))
