"""The page at `/` of the REST port: what is served and how it fares, for people. It only reads.

The page asks for `/status.json` every two seconds and makes rates and percentiles of what has changed; nothing is
remembered here. It loads nothing else and runs no script but its own. Where the server wants tokens, the page itself
needs none, holds nothing, and asks its reader for the one that `/status.json` needs; it is kept while the page is open.
"""

import base64
import hashlib
import time
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .batching import Batcher
from .catalog import Catalog
from .exposition import Histogram
from .grpc_api import Gate
from .metrics import Metrics
from .versions import Model

_PAGE = Path(__file__).with_name("status_page.html")


class StatusPage:
    """The page and the numbers on it; `routes` are for the REST API."""

    def __init__(self, catalog: Catalog, batcher: Batcher, gate: Gate, metrics: Metrics) -> None:
        self._catalog = catalog
        self._batcher = batcher
        self._gate = gate
        self._metrics = metrics
        self._started_s = time.monotonic()
        self._html = _PAGE.read_text()
        self._headers = {"Content-Security-Policy": _policy(self._html), "X-Content-Type-Options": "nosniff"}
        self.routes = [Route("/", self._page), Route("/status.json", self._status)]

    async def _page(self, request: Request) -> Response:
        return HTMLResponse(self._html, headers=self._headers)

    async def _status(self, request: Request) -> Response:
        return JSONResponse(self.status(), headers={"Cache-Control": "no-store"})

    def status(self) -> dict[str, Any]:
        """What the page shows; counts are those since the start, of buckets each for itself."""
        calls, runs = self._metrics.calls, self._metrics.runs
        models = self._catalog.served()
        return {
            "uptime_s": round(time.monotonic() - self._started_s, 3),
            "draining": self._gate.is_closed,
            "in_flight": sum(calls.in_flight.series().values()),
            "queue_rows": sum(self._batcher.waiting().values()),
            "models": [_model(model) for model in sorted(models, key=lambda model: model.name)],
            "calls": self._calls({model.name for model in models}),
            "latency_us": _histogram(calls.request_latency),
            "batch_rows": _histogram(runs.batch_rows),
        }

    def _calls(self, models: set[str]) -> list[dict[str, Any]]:
        """Calls by model and status; whatever names callers made up is one model without a name."""
        counts: dict[tuple[str, str], float] = {}
        for (model, status), count in self._metrics.calls.request_count.series().items():
            key = (model if model in models else "", status)
            counts[key] = counts.get(key, 0) + count
        return [{"model": model, "status": status, "count": count} for (model, status), count in counts.items()]


def _model(model: Model) -> dict[str, Any]:
    versions = [
        {
            "version": version.number,
            "state": version.state.name,
            "labels": sorted(label for label, number in model.labels.items() if number == version.number),
            "error": str(version.error or ""),
        }
        for version in model.newest_first()
    ]
    return {"name": model.name, "ready": bool(model.available()), "trouble": model.found.trouble, "versions": versions}


def _histogram(histogram: Histogram) -> dict[str, Any]:
    series = [{"labels": labels, "counts": counts} for labels, counts in histogram.series().items()]
    return {"bounds": histogram.bounds, "series": series}


def _policy(html: str) -> str:
    """What a browser may do on the page: run its one script, style it, and ask this server."""
    script = html[html.index("<script>") + len("<script>") : html.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
