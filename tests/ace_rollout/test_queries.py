"""Gates that ask a Prometheus: a server that answers as its documentation says, or the program, where it is there."""

import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from ace_rollout.policy import Prometheus, Query
from ace_rollout.queries import ERROR, Queries

from .trials import QUICK, entries, wait_for


@pytest.fixture
def answers() -> dict[str, list[str]]:
    """The values that a query is answered with; others are no query of Prometheus'."""
    return {}


@pytest.fixture
def url(answers):
    """Where it is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            [query] = parse_qs(urlsplit(self.path).query)["query"]
            if query in answers:
                result = [{"metric": {}, "value": [1.5, value]} for value in answers[query]]
                self._send(200, {"status": "success", "data": {"resultType": "vector", "result": result}})
            else:
                self._send(400, {"status": "error", "errorType": "bad_data", "error": "unexpected character"})

        def _send(self, status, content):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def judged(url: str, query: str):
    [finding] = Queries(Prometheus(url, {"load": Query(query, 0.9)}), version=7).judge()
    return finding


@pytest.mark.parametrize(
    ("values", "passed"), [(["0.9"], True), (["0.1", "0.91"], False), (["+Inf"], False), ([], None), (["NaN"], None)]
)
def test_no_series_may_be_above_the_most_and_none_at_all_says_nothing(values, passed, url, answers):
    answers["load 7"] = values

    finding = judged(url, "load $version")

    assert finding.passed is passed
    assert ERROR not in finding.figures


def test_a_query_that_is_none_and_a_prometheus_that_is_away_are_errors(url, free_port):
    assert "unexpected character" in judged(url, "load(").figures[ERROR]
    assert "refused" in judged(f"http://127.0.0.1:{free_port}", "load").figures[ERROR]


@pytest.fixture
def free_port() -> int:
    """Where nothing listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as briefly:
        return briefly.server_port


def settings(url: str) -> str:
    return f'{QUICK}[prometheus]\nurl = "{url}"\n[prometheus.gates.load]\nquery = "load $version"\nmax = 0.9\n'


def test_a_canary_is_taken_back_by_a_query(trial, url, answers, capsys):
    answers["load 2"] = ["0.95"]
    trial.write_settings(settings(url))
    trial.put(2)

    assert trial.run("canary", "2", "--hold", "0s") == 3

    assert "load failed (found 0.95, of 0.9)" in capsys.readouterr().err
    assert [finding["gate"] for finding in entries(trial)[-1]["evidence"]] == ["load"]


def test_a_canary_waits_while_prometheus_does_not_answer(trial, url, answers, start):
    trial.write_settings(settings(url))
    trial.put(2)
    process = start("canary", "2", "--steps", "10,100", "--hold", "0s")
    for line in process.stderr:
        if "waits: load no verdict" in line:
            break
    assert trial.weights == {"stable": 100}

    answers["load 2"] = ["0.5"]

    assert process.wait(timeout=60) == 0


def test_the_program_itself_is_understood(tmp_path, free_port):
    binary = shutil.which("prometheus") or pytest.skip("Prometheus is not installed")
    (tmp_path / "prometheus.yml").write_text("")
    url = f"http://127.0.0.1:{free_port}"
    flags = (f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([binary, *flags, f"--web.listen-address={url[7:]}"], stdout=log, stderr=log)
    try:
        wait_for(lambda: answers_at(f"{url}/-/ready"))
        assert judged(url, "vector(0.5)").passed is True
        assert judged(url, "1").passed is False
        assert judged(url, "no_such_series").passed is None
        assert "parse error" in judged(url, "load(").figures[ERROR]
    finally:
        process.terminate()
        process.wait()


def answers_at(url: str) -> bool:
    time.sleep(0.1)
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('url = "127.0.0.1:9090"\n[prometheus.gates]', "write http"),
        ('url = "http://a"\n[prometheus.gates.errors]\nquery = "a"\nmax = 1', "name it otherwise"),
        ('url = "http://a"\n[prometheus.gates.load]\nquery = "a"', "lacks a setting"),
        ('url = "http://a"\ngates = 1', "must be a table"),
    ],
)
def test_settings_that_cannot_be_are_named(more, words, new_site, capsys):
    site = new_site(["127.0.0.1:1"])
    site.write_settings(f"[prometheus]\n{more}\n")

    assert site.run("status") == 1
    assert words in capsys.readouterr().err
