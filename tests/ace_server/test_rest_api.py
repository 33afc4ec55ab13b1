"""The REST API of real servers, asked over HTTP."""

import gzip
import json
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

WRITE_MODELS = Path(__file__).parent.parent / "contract" / "write_models.py"
LIMIT_BYTES = 100_000
TIMEOUT_MS = 1500
PROBE = "/v1/models/probe"
LONG_S = 4.0  # for what must still be under way when the test has done its next steps
MODEL = """
config {{
  name: "{name}" base_path: "{path}" model_platform: "tensorflow"
  model_version_policy {{ all {{}} }} {labels}
}}"""


@pytest.fixture(scope="module")
def models(tmp_path_factory, write_probe):
    """A ModelServerConfig: two versions of the probe, one of them labelled, and two of the contract's models."""
    folder = tmp_path_factory.mktemp("models")
    write_probe(folder / "probe" / "1", offset=100.0)
    write_probe(folder / "probe" / "2")
    contract = runpy.run_path(str(WRITE_MODELS))
    contract["parse"](folder / "parse")
    contract["image_like"](folder / "image_like")
    labels = 'version_labels { key: "stable" value: 1 }'
    entries = [
        MODEL.format(name="probe", path=folder / "probe", labels=labels),
        MODEL.format(name="team/probe", path=folder / "probe", labels=""),
        MODEL.format(name="parse", path=folder / "parse", labels=""),
        MODEL.format(name="image_like", path=folder / "image_like", labels=""),
    ]
    config = folder / "models.config"
    config.write_text(f"model_config_list {{ {''.join(entries)} }}")
    return config


@pytest.fixture(scope="module")
def one_runner(tmp_path_factory):
    """Batching parameters with which one run is under way at a time."""
    file = tmp_path_factory.mktemp("batching") / "batching.config"
    file.write_text("num_batch_threads { value: 1 } max_batch_size { value: 8 }")
    return file


@pytest.fixture(scope="module")
def client(serve, models, one_runner):
    """A client of the server that most of the tests ask."""
    server = serve(
        None,
        f"--model_config_file={models}",
        "--rest_api_port=-1",
        "--rest_api_enable_cors_support",
        f"--rest_api_timeout_in_ms={TIMEOUT_MS}",
        f"--rest_api_max_request_bytes={LIMIT_BYTES}",
        "--enable_batching",
        f"--batching_parameters_file={one_runner}",
    )
    with httpx.Client(base_url=server.rest_url, timeout=30) as client:
        yield client


def y(answer):
    """The probe's `y` of each row."""
    assert answer.status_code == 200, answer.text
    return [row["y"] for row in answer.json()["predictions"]]


def test_rows_are_answered_by_rows(client):
    answer = client.post(f"{PROBE}:predict", json={"instances": [1, 2.5]})

    assert answer.json() == {"predictions": [{"y": 2.5, "rows": 2, "spins": 0}, {"y": 3.25, "rows": 2, "spins": 0}]}
    assert answer.headers["content-type"] == "application/json"


def test_columns_are_answered_by_columns(client):
    answer = client.post(f"{PROBE}:predict", json={"inputs": {"x": [1]}})

    assert answer.json() == {"outputs": {"y": [2.5], "rows": [1], "spins": [0]}}


def test_inputs_and_outputs_have_the_shapes_and_strings_of_the_model(client):
    row = {"pixels": [[1, 2, 3], [4, 5, 6.2]], "name": {"b64": "w6k="}}

    answer = client.post("/v1/models/image_like:predict", json={"instances": [row]})

    assert answer.json() == {"predictions": [{"mean": pytest.approx(21.2 / 6), "rows": [6.0, 15.2], "name": "é!"}]}


def test_nan_and_infinity_come_and_go(client):
    answer = client.post(f"{PROBE}:predict", content='{"instances": [NaN, Infinity, -Infinity]}')

    assert [str(value) for value in y(answer)] == ["nan", "inf", "-inf"]
    assert '"y": NaN' in answer.text


def test_the_signature_is_the_one_named(client):
    answer = client.post(f"{PROBE}:predict", json={"signature_name": "divide", "instances": [4]})

    assert answer.json() == {"predictions": [3]}


@pytest.mark.parametrize(
    ("model", "offset"),
    [
        ("probe", 0),
        ("probe/versions/1", 100),
        ("probe/versions/2", 0),
        ("probe/labels/stable", 100),
        ("probe/labels/%73table", 100),
        ("team%2Fprobe/versions/1", 100),
    ],
)
def test_a_version_is_named_by_number_or_label(client, model, offset):
    assert y(client.post(f"/v1/models/{model}:predict", json={"instances": [1]})) == [2.5 + offset]


def test_routes_are_case_insensitive(client):
    assert y(client.post("/V1/Models/probe/VERSIONS/1:Predict", json={"instances": [1]})) == [102.5]


def test_regress_answers_with_numbers(client):
    body = {"signature_name": "regress_x_to_y", "examples": [{"x": 1.0}, {"x": 0.4}]}

    assert client.post("/v1/models/parse:regress", json=body).json() == {"results": [2.5, 2.2]}


def test_classify_answers_with_labels_and_scores(client):
    body = {"signature_name": "classify_x_to_y", "context": {"x": 1.0}, "examples": [{}]}

    answer = client.post("/v1/models/parse:classify", json=body)

    assert answer.json() == {"results": [[["low", 0.75], ["high", 0.25]]]}


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "message"),
    [
        ("POST", "nobody:predict", '{"instances": [1]}', 404, "Servable not found for request: Latest(nobody)"),
        (
            "POST",
            "probe/versions/9:predict",
            '{"inputs": 1}',
            404,
            "Servable not found for request: Specific(probe, 9)",
        ),
        ("POST", "probe/labels/x:predict", '{"inputs": 1}', 400, "Unrecognized servable version label: x"),
        (
            "POST",
            "probe/versions/99999999999999999999:predict",
            "",
            400,
            "Failed to convert version: 99999999999999999999 to numeric.",
        ),
        ("POST", "probe:predict", "", 400, "JSON Parse error: The document is empty"),
        (
            "POST",
            "probe:predict",
            '{"signature_name": "x"}',
            400,
            'Serving signature name: "x" not found in signature def',
        ),
        ("POST", "nobody:predict", "{", 400, "JSON Parse error: Expecting property name enclosed in double quotes"),
        ("POST", "nobody:predict", "{}", 404, "Servable not found for request: Latest(nobody)"),
        ("POST", "probe:predict", "{}", 400, "Missing 'inputs' or 'instances' key"),
        (
            "POST",
            "probe:predict",
            '{"signature_name": "divide", "instances": [0]}',
            400,
            "Integer division by zero",
        ),
        ("POST", "probe:classify", '{"examples": [{}]}', 400, "Expected one or two output Tensors, found 3"),
        (
            "POST",
            "probe:predict",
            '{"instances": [1, 2, 3, 4, 5, 6, 7, 8, 9]}',
            400,
            "Task size 9 is larger than maximum input batch size 8",
        ),
        ("GET", "nobody", "", 404, "Could not find any versions of model nobody"),
        ("GET", "probe/versions/9", "", 404, "Could not find version 9 of model probe"),
        ("GET", "nobody/metadata", "", 404, "Servable not found for request: Latest(nobody)"),
        ("GET", "", "", 400, "Malformed request: GET /v1/models/"),
        ("GET", "probe:predict", "", 400, "Malformed request: GET /v1/models/probe:predict"),
        ("POST", "probe", "", 400, "Malformed request: POST /v1/models/probe"),
        ("POST", "probe:explain", "", 400, "Malformed request: POST /v1/models/probe:explain"),
        ("DELETE", "probe", "", 400, "Malformed request: DELETE /v1/models/probe"),
    ],
)
def test_errors_have_the_status_and_words_of_tensorflow_serving(client, method, path, content, status, message):
    answer = client.request(method, f"/v1/models/{path}", content=content)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {"error"}
    assert message in answer.json()["error"]


def test_a_status_needs_a_model(client):
    assert client.get("/v1/models").json() == {"error": "Missing model name in request."}


@pytest.mark.parametrize("path", ["/v1", "/v2/models/probe", "/monitoring"])
def test_other_paths_are_plainly_not_there(client, path):
    answer = client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")


def version_status(number):
    return {"version": number, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}


def test_status_lists_every_version(client):
    assert client.get(PROBE).json() == {"model_version_status": [version_status("2"), version_status("1")]}
    assert client.get(f"{PROBE}/versions/1").json() == {"model_version_status": [version_status("1")]}


def test_metadata_describes_the_signatures(client):
    answer = client.get(f"{PROBE}/labels/stable/metadata").json()

    assert answer["model_spec"] == {"name": "probe", "version": "1", "signature_name": ""}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures["divide"]["inputs"]["x"] == {
        "name": "divide_x:0",
        "dtype": "DT_INT32",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
    }


def test_bodies_may_be_compressed_both_ways(client):
    body = gzip.compress(json.dumps({"signature_name": "divide", "instances": [1, 2]}).encode(), mtime=0)

    answer = client.post(f"{PROBE}:predict", content=body, headers={"Content-Encoding": "gzip"})
    large = client.get(f"{PROBE}/metadata", headers={"Accept-Encoding": "gzip"})
    plain = client.get(f"{PROBE}/metadata", headers={"Accept-Encoding": "identity"})

    assert answer.json() == {"predictions": [12, 6]}
    assert large.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert large.json() == plain.json()


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"no gzip", "gzip", "The body is no gzip"),
        (gzip.compress(b'{"inputs": 1}', mtime=0)[:-4], "gzip", "The body ends before its gzip does."),
        (b"", "br", "Content-Encoding br is not understood"),
    ],
)
def test_a_body_that_does_not_unpack_is_refused(client, content, encoding, message):
    answer = client.post(f"{PROBE}:predict", content=content, headers={"Content-Encoding": encoding})

    assert answer.status_code == 400
    assert message in answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b" " * (LIMIT_BYTES + 1), {}),
        (gzip.compress(b" " * (LIMIT_BYTES + 1), mtime=0), {"Content-Encoding": "gzip"}),
    ],
)
def test_a_request_over_the_limit_is_refused(client, content, headers):
    answer = client.post(f"{PROBE}:predict", content=content, headers=headers)

    assert answer.status_code == 413
    assert f"more than {LIMIT_BYTES} bytes" in answer.json()["error"]


def test_a_request_without_a_length_is_cut_off_at_the_limit(client):
    head = f"POST {PROBE}:predict HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n\r\n{LIMIT_BYTES + 1:x}\r\n"

    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as connection:
        connection.sendall(head.encode() + b" " * (LIMIT_BYTES + 1))  # and no end
        answer = connection.recv(100)

    assert answer.startswith(b"HTTP/1.1 413 ")


def spin(client, seconds):
    return client.post(f"{PROBE}:predict", json={"signature_name": "spin", "instances": [seconds]})


def spins(client):
    """How often the probe has spun, once its runner is free to say so."""
    for _ in range(100):
        answer = client.post(f"{PROBE}:predict", json={"instances": [1]})
        if answer.status_code == 200:
            return answer.json()["predictions"][0]["spins"]
        assert answer.status_code == 504
    raise TimeoutError("the runner does not become free")


def test_work_whose_time_is_over_is_given_up_and_never_run(client):
    before = spins(client)
    running = threading.Thread(target=spin, args=(client, 2 * TIMEOUT_MS / 1000))
    running.start()
    time.sleep(0.3)

    answer = spin(client, 0.0)
    running.join()

    assert answer.status_code == 504
    assert answer.json() == {"error": f"There is no answer within --rest_api_timeout_in_ms={TIMEOUT_MS}."}
    assert spins(client) == before + 1


def test_work_whose_caller_has_gone_is_never_run(client):
    before = spins(client)
    running = threading.Thread(target=spin, args=(client, 1.2))
    running.start()
    time.sleep(0.3)

    with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=client.base_url, timeout=0.2) as impatient:
        spin(impatient, 0.0)
    running.join()

    assert spins(client) == before + 1


def test_pages_of_other_sites_may_ask(client):
    answer = client.post(f"{PROBE}:predict", json={"instances": [1]}, headers={"Origin": "https://example.org"})
    preflight = client.options(f"{PROBE}:predict", headers={"Origin": "https://example.org"})

    for response in (answer, preflight):
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["access-control-allow-methods"] == "POST, GET"
        assert response.headers["access-control-allow-headers"] == "Content-Type"


def test_a_preflight_without_an_origin_is_refused(client):
    answer = client.options(f"{PROBE}:predict")

    assert answer.status_code == 400
    assert answer.json() == {"error": "Origin header is missing in CORS preflight"}


def test_a_server_with_all_its_models_is_ready(client):
    assert client.get("/healthz").text == "ok"
    answer = client.get("/readyz")

    assert answer.status_code == 200
    names = ("probe", "team/probe", "parse", "image_like")
    assert answer.json() == {"ready": True, "reason": "", "models": dict.fromkeys(names, True)}


def test_a_server_is_not_ready_before_its_model_has_loaded(tmp_path, probe_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "probe" / "1").mkdir(parents=True)  # a copy that has only begun
    flags = [f"--rest_api_port={port}", f"--model_base_path={tmp_path / 'probe'}", "--model_name=probe"]
    command = [sys.executable, "-m", "ace_server", "--host=127.0.0.1", "--port=0", *flags]
    command += ["--load_retry_interval_micros=100000", "--max_num_load_retries=1000"]
    with subprocess.Popen(command) as server, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        try:
            wait_until(lambda: is_listening(port))
            alive, loading = client.get("/healthz"), client.get("/readyz")
            shutil.copytree(probe_path, tmp_path / "probe" / "1", dirs_exist_ok=True)
            wait_until(lambda: client.get("/readyz").status_code == 200)
        finally:
            server.terminate()

    assert alive.status_code == 200
    assert (loading.status_code, loading.json()["reason"]) == (503, "not loaded and warmed yet: probe")
    assert loading.json()["models"] == {"probe": False}


def is_listening(port):
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds, timeout_s=60):
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline_s:
            raise TimeoutError
        time.sleep(0.05)


def test_draining_refuses_new_calls_and_answers_those_under_way(serve, models):
    server = serve(models.parent / "probe", "--rest_api_port=-1", "--model_name=probe")
    answers = []
    with httpx.Client(base_url=server.rest_url, timeout=30) as client:
        without_cors = client.options(f"{PROBE}:predict", headers={"Origin": "https://example.org"})
        under_way = threading.Thread(target=lambda: answers.append(spin(client, LONG_S)))
        under_way.start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_log("Draining")

        refused = client.post(f"{PROBE}:predict", json={"instances": [1]})
        alive, ready = client.get("/healthz"), client.get("/readyz")
        under_way.join()

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "draining" in refused.json()["error"]
    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["reason"]) == (503, "the server is draining")
    assert answers[0].json() == {"predictions": [LONG_S]}
    assert server.process.wait(timeout=30) == 0
    assert without_cors.status_code == 400
    assert "access-control-allow-origin" not in without_cors.headers


def test_a_port_in_use_is_said_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "ace_server", "--host=127.0.0.1", "--port=0", f"--rest_api_port={port}"]
        server = subprocess.run(
            [*command, f"--model_base_path={tmp_path}"], capture_output=True, text=True, timeout=120, check=False
        )

    assert server.returncode == 1
    assert server.stderr.splitlines()[-1] == (
        f"ace-server: Cannot listen on 127.0.0.1:{port} for REST: it is in use, or not this machine's. "
        "Pass another --rest_api_port, or --host."
    )
