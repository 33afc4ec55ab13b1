"""What tests of trials have in common: callers, and what the history says."""

import json
import threading
import time

from ace_client import Detector, Options

QUICK = """
[probes]
images = "probes"
per_s = 200.0
[gates.latency]
factor = 4.0          # the machine of a test is not quiet
[gates.p99]
factor = 4.0
min_pairs = 60
"""


def entries(site) -> list[dict]:
    return [json.loads(line) for line in (site.folder / "rollout-history.jsonl").read_text().splitlines()]


def acts(site) -> list[tuple]:
    """What was done, at which share, without what was only seen."""
    return [(each["what"], each.get("share")) for each in entries(site) if not each["what"].endswith("watched")]


class Callers:
    """Calls through the routing file, until the block ends: what answered, and what failed."""

    def __init__(self, site) -> None:
        self.versions: list[int | None] = []
        self.errors: list[Exception] = []
        self._options = Options(routing_file=site.root / "routing.json")
        self._site = site
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._call)

    def _call(self) -> None:
        with Detector(self._site.servers[0], model=self._site.model, options=self._options) as detector:
            while not self._end.is_set():
                try:
                    [verdict] = detector.detect(str(len(self.versions)).encode(), key=str(len(self.versions)))
                    self.versions.append(verdict.version)
                except Exception as error:  # noqa: PERF203 each call counts
                    self.errors.append(error)

    def __enter__(self) -> "Callers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def end_hold_at_once(site) -> None:
    """What was killed while it held 60 s goes on without that."""
    journal = next(site.root.glob("*.journal"))
    journal.write_text(journal.read_text().replace("60.0", "0.0"))


def wait_for(happened, timeout_s: float = 60) -> None:
    end_s = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end_s
        time.sleep(0.02)
