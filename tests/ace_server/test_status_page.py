"""The page of a real server: what it says, and that it depends on nothing else. Its looks are for eyes."""

import base64
import hashlib
import re

import httpx
import pytest

CONFIG = """
model_config_list {{ config {{
  name: "probe" base_path: "{path}" model_platform: "tensorflow"
  model_version_policy {{ all {{}} }} version_labels {{ key: "stable" value: 1 }}
}} }}"""


@pytest.fixture(scope="module")
def client(serve, tmp_path_factory, write_probe):
    """A client of a server of version 1, labelled, beside which a version 2 turned up that is none."""
    folder = tmp_path_factory.mktemp("models")
    write_probe(folder / "probe" / "1")
    (folder / "models.config").write_text(CONFIG.format(path=folder / "probe"))
    server = serve(None, "--rest_api_port=-1", f"--model_config_file={folder / 'models.config'}")
    (folder / "probe" / "2").mkdir()
    server.wait_for_log("Cannot load version 2")
    with httpx.Client(base_url=server.rest_url) as client:
        yield client


@pytest.fixture(scope="module")
def status(client):
    """The numbers of the page after three calls."""
    for model, instance in (("probe", 1.0), ("probe", "a"), ("made-up-by-a-caller", 1.0)):
        client.post(f"/v1/models/{model}:predict", json={"instances": [instance]})
    return client.get("/status.json").json()


def test_versions_are_shown_with_states_labels_and_errors(status):
    [model] = status["models"]
    broken, served = model["versions"]

    assert (model["name"], model["ready"], model["trouble"]) == ("probe", True, "")
    assert served == {"version": 1, "state": "AVAILABLE", "labels": ["stable"], "error": ""}
    assert (broken["version"], broken["labels"]) == (2, [])
    assert "SavedModel" in broken["error"]


def test_calls_are_counted_by_status_and_names_that_callers_made_up_as_one(status):
    counts = {(call["model"], call["status"]): call["count"] for call in status["calls"]}

    assert counts == {("probe", "OK"): 1, ("probe", "INVALID_ARGUMENT"): 1, ("", "NOT_FOUND"): 1}


def test_latencies_and_rows_are_counted_in_buckets(status):
    [latency], [rows] = status["latency_us"]["series"], status["batch_rows"]["series"]

    assert (latency["labels"], sum(latency["counts"])) == (["probe", "predict", "REST"], 1)
    assert len(latency["counts"]) == len(status["latency_us"]["bounds"]) + 1
    assert (rows["labels"], rows["counts"][0]) == (["probe", "1"], 1)


def test_what_is_under_way_is_shown(status):
    assert (status["in_flight"], status["queue_rows"], status["draining"]) == (0, 0, False)
    assert status["uptime_s"] > 0


def test_the_page_needs_nothing_from_elsewhere_and_runs_its_own_script_only(client):
    answer = client.get("/")
    [script] = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"script-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert set(re.findall(r"https?://[^\"' ]+", answer.text)) == {"http://www.w3.org/2000/svg"}  # a name, not a place


def test_the_page_says_what_a_saved_model_is(client):
    assert "a program from a stranger" in client.get("/").text


def test_the_page_only_reads(client):
    assert client.post("/status.json").status_code == 404
    assert client.post("/").status_code == 404
