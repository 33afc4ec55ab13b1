"""Rules and dashboard, held to a real `ace_server` under load, and to a real Prometheus where there is one."""

import json
import math
import re
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from ace_client import CallError, Detector, Options, prometheus

ROOT = Path(__file__).parents[2] / "docker"
RULES = ROOT / "prometheus" / "rules.yml"
DASHBOARD = ROOT / "grafana" / "dashboards" / "ace.json"
TESTS = [*RULES.parent.glob("*_test.yml")]
TARGETS = [
    (panel["title"], target["expr"])
    for panel in json.loads(DASHBOARD.read_text())["panels"]
    for target in panel.get("targets", ())
]
ALL_RULES = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
ALERTS = [rule["alert"] for rule in ALL_RULES if "alert" in rule]
RECORDED = {rule["record"] for rule in ALL_RULES if "record" in rule}

_STRINGS_MATCHERS_RANGES_LABELS = re.compile(r'"(?:\\.|[^"])*"|\[.*?\]|\b(?:by|on|group_left) \(.*?\)')
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\w*\s*\()")
_OPERATORS = {"and", "or", "offset", "by"}


def names_in(query):
    """The metrics that a query of ours reads."""
    plain = re.sub(r"\{.*?\}", "", _STRINGS_MATCHERS_RANGES_LABELS.sub("", query), flags=re.DOTALL)
    return set(_NAME.findall(plain)) - _OPERATORS


def names_on(page):
    """The metrics that a page of Prometheus' text format has, also those without a series so far."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE):
        names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


@pytest.fixture(scope="module")
def promtool():
    return shutil.which("promtool") or pytest.skip("promtool, which Prometheus comes with, is not installed")


@pytest.fixture(scope="module")
def server(serve, detector_base_path):
    return serve(detector_base_path, "--model_name=detector", "--rest_api_port=-1", "--enable_batching")


@pytest.fixture(scope="module")
def callers(server):
    """The registry of a client that calls the server all the while: with images, with what is none, and in vain."""
    registry, done = CollectorRegistry(), threading.Event()
    image = cv2.imencode(".jpg", np.full((32, 32, 3), 99, np.uint8))[1].tobytes()

    def call():
        with Detector(server.address, options=Options(hooks=(prometheus.hook(registry),))) as detector:
            while not done.wait(0.02):
                detector.detect([image, b"no image"])
                with suppress(CallError):
                    detector.detect(image, version=99)

    thread = threading.Thread(target=call)
    thread.start()
    yield registry
    done.set()
    thread.join()


@pytest.fixture(scope="module")
def exported(server, callers):
    """The names of all metrics that are there to be read."""
    page = httpx.get(f"{server.rest_url}/monitoring/prometheus/metrics").raise_for_status().text
    return names_on(page) | names_on(generate_latest(callers).decode()) | RECORDED | {"up"}


def test_every_metric_that_rules_and_dashboard_read_is_there(exported):
    queries = [*(rule["expr"] for rule in ALL_RULES), *(query for _, query in TARGETS)]

    assert {name for query in queries for name in names_in(query)} - exported == set()


def test_names_are_found_in_queries():
    query = 'max by (le) (rate(:tf:a_bucket{le=~"x|y"}[5m])) / 1e6 > 3 and time() - on (job) b offset 1h or vector(0)'

    assert names_in(query) == {":tf:a_bucket", "b"}


def test_every_alert_is_in_the_runbook_and_no_other_is():
    in_the_runbook = re.findall(r"^\| `(\w+)`", (RULES.parent / "README.md").read_text(), re.MULTILINE)

    assert sorted(in_the_runbook) == sorted(ALERTS)


def test_every_alert_is_shown_to_fire():
    tests = [test for file in TESTS for test in yaml.safe_load(file.read_text())["tests"]]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}

    assert fired == set(ALERTS)


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_alerts_fire_when_they_should_and_only_then(file, promtool):
    run = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True)

    assert run.returncode == 0, run.stdout + run.stderr


def test_prometheus_takes_the_configuration(promtool):
    run = subprocess.run([promtool, "check", "config", RULES.parent / "prometheus.yml"], capture_output=True, text=True)

    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="module")
def prometheus_url(promtool, server, callers, tmp_path_factory):
    """A Prometheus with our configuration, but for addresses of this machine, that knows yesterday's scores."""
    binary = shutil.which("prometheus") or pytest.skip("prometheus is not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    page, _ = start_http_server(0, "127.0.0.1", callers)
    addresses = {
        "ace-server": [server.rest_url.removeprefix("http://")],
        "ace-client": [f"127.0.0.1:{page.server_port}"],
        "tf-serving": [],
    }
    (folder / "prometheus.yml").write_text(_configured(addresses))
    (folder / "rules.yml").write_text(RULES.read_text().replace("interval: 1m", "interval: 1s"))
    _write_yesterdays_scores(promtool, folder)
    log = folder / "log"
    command = [binary, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    with log.open("w") as stderr:
        process = subprocess.Popen([*command, "--web.listen-address=127.0.0.1:0"], stderr=stderr)
    try:
        yield f"http://{_address_in(log, process)}"
    finally:
        process.terminate()
        process.wait()
        page.shutdown()
        page.server_close()


def _configured(addresses):
    config = yaml.safe_load((RULES.parent / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    for job in config["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": addresses[job["job_name"]]}]
    return yaml.safe_dump(config)


def _write_yesterdays_scores(promtool, folder):
    labels = 'target="t",model="detector",version="1"'
    lines = ["# TYPE ace_client_prob_fake histogram"]
    for count, age_s in ((0, 86_400), (1000, 82_800)):
        at = f"{count} {time.time() - age_s:.0f}"
        lines += [f'ace_client_prob_fake_bucket{{{labels},le="{le}"}} {at}' for le in ("0.5", "1.0", "+Inf")]
        lines += [f"ace_client_prob_fake_count{{{labels}}} {at}"]
    (folder / "scores.txt").write_text("\n".join([*lines, "# EOF", ""]))
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", folder / "scores.txt", folder / "data"]
    subprocess.run(command, check=True, capture_output=True)


def _address_in(log, process):
    deadline_s = time.monotonic() + 60
    while not (found := re.search(r'msg="Listening on" address=(\S+)', log.read_text())):
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise RuntimeError(f"Prometheus did not start:\n{log.read_text()}")
        time.sleep(0.05)
    return found[1]


def is_empty(prometheus_url, query):
    """Whether the query has no number for an answer."""
    query = query.replace("$__rate_interval", "20s").replace("$job", ".*").replace("$model", ".*")
    answer = httpx.get(f"{prometheus_url}/api/v1/query", params={"query": query}, timeout=30).json()
    return all(math.isnan(float(each["value"][1])) for each in answer["data"]["result"])


def test_no_query_of_the_dashboard_is_empty_under_load(prometheus_url):
    empty, deadline_s = TARGETS, time.monotonic() + 60

    while empty and time.monotonic() < deadline_s:
        time.sleep(0.5)
        empty = [(title, query) for title, query in empty if is_empty(prometheus_url, query)]

    assert empty == []


def test_no_alert_has_an_error_in_it(prometheus_url):
    deadline_s = time.monotonic() + 30
    while True:
        groups = httpx.get(f"{prometheus_url}/api/v1/rules", timeout=30).json()["data"]["groups"]
        health = {rule["name"]: (rule["health"], rule.get("lastError")) for group in groups for rule in group["rules"]}
        if "unknown" not in {status for status, _ in health.values()} or time.monotonic() > deadline_s:
            break
        time.sleep(0.5)

    assert {name: error for name, (status, error) in health.items() if status != "ok"} == {}
