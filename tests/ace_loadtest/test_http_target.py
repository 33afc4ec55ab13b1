"""A real HTTP server in the place of the app that people build."""

import asyncio
import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ace_client import CallError
from ace_loadtest.arrivals import constant
from ace_loadtest.http_target import HttpDetector
from ace_loadtest.loads import Open
from ace_loadtest.payload import Mix
from ace_loadtest.plan import Plan, Target
from ace_loadtest.run import run
from ace_loadtest.summary import summarize

_DRIP_S = 0.1


@pytest.fixture(scope="module")
def url():
    """Where an app answers 0.25 to what holds a JPEG, and 400 to what does not; the status that its path names else.

    At `drip` it answers a byte at a time.
    """

    class App(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = 200 if b"\r\n\r\n\xff\xd8" in body and b'name="file"' in body else 400
            status = int(self.path[1:]) if self.path[1:].isdecimal() else status
            content = json.dumps({"prob_fake": 0.25} if self.path != "/other" else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            parts = [content[n : n + 1] for n in range(len(content))] if self.path == "/drip" else [content]
            with suppress(OSError):  # the caller has gone
                for part in parts:
                    self.wfile.write(part)
                    time.sleep(_DRIP_S * (len(parts) > 1))

        def log_message(self, *_):
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), App) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def detect(url: str, *images: bytes, deadline_s: float = 5):
    async def detect():
        detector = HttpDetector(url, deadline_s=deadline_s)
        try:
            return await detector.detect(list(images))
        finally:
            await detector.close()

    return asyncio.run(detect())


def test_an_app_is_put_under_load_as_a_server_is(url, images):
    load = Open(constant(40, 1.5))
    plan = Plan(targets=(Target(address=f"{url}predict"),), images=images, load=load, mix=Mix(bad=0.2))

    summary = summarize(plan, run(plan))

    assert summary.answered == summary.requests == load.arrivals(0).size
    assert summary.latency_ms["p50"] > 0


def test_each_image_has_a_verdict(url):
    first, second = detect(f"{url}predict", b"\xff\xd8...", b"no image")

    assert (first.prob_fake, first.label, first.error) == (0.25, "real", None)
    assert second.error


@pytest.mark.parametrize(
    ("path", "status"),
    [("503", "UNAVAILABLE"), ("429", "RESOURCE_EXHAUSTED"), ("500", "INTERNAL"), ("other", "NOT_THE_CONTRACT")],
)
def test_what_is_no_verdict_has_a_status(url, path, status):
    with pytest.raises(CallError) as raised:
        detect(f"{url}{path}", b"\xff\xd8...")

    assert raised.value.status == status


def test_no_app_is_unavailable():
    with pytest.raises(CallError) as raised:
        detect("http://127.0.0.1:1/predict", b"\xff\xd8...")

    assert raised.value.status == "UNAVAILABLE"


def test_an_answer_that_drips_is_over_its_deadline(url):
    with pytest.raises(CallError) as raised:
        detect(f"{url}drip", b"\xff\xd8...", deadline_s=5 * _DRIP_S)

    assert raised.value.status == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("wrong", ["http://127.0.0.1:99999/p", "http://127.0.0.1:x/p", "http:///p"])
def test_what_is_no_address_is_one_clear_error(wrong, command, images, tmp_path):
    status, _, error = command("compare", wrong, wrong, "--images", images, "--out", tmp_path)

    assert status == 1
    assert error.startswith(f"ace-loadtest: {wrong} is no address")
