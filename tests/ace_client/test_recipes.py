"""The recipes of clients/README.md, each run as it stands there, in a folder with the files that it names."""

import asyncio
import re
import runpy
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest

from ace_client.protos.serving_pb2 import PredictResponse
from ace_client.routing import choose
from ace_client.tensors import from_array, to_array

PAGE = Path(__file__).parents[2] / "clients" / "README.md"
BLOCKS = re.findall(r"^## (\d+)\. .*?^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
RECIPES = {int(number): code for number, code in BLOCKS}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three images, of which the stub server calls faces/a.jpg fake, and the routing file of the page."""
    (tmp_path / "faces").mkdir()
    for name, size in {"face.jpg": 250, "faces/a.jpg": 750, "faces/b.jpg": 125}.items():
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "routing.json").write_text(re.search(r'\{"weights".*\}', RECIPES[7])[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(server, folder, monkeypatch, capsys):
    """Runs a recipe by its number; its variables, and what it prints."""

    def run_recipe(number):
        monkeypatch.setenv("DETECTOR", server.address)
        (folder / "recipe.py").write_text(RECIPES[number])
        variables = runpy.run_path("recipe.py")
        return variables, capsys.readouterr().out

    return run_recipe


def test_ten_recipes_are_there():
    assert [*RECIPES] == [*range(1, 11)]


def test_1_one_image(run):
    assert run(1)[1] == "real 0.25 7 None\n"


def test_2_a_folder(run):
    assert run(2)[1] == "faces/a.jpg fake\nfaces/b.jpg real\n"


def test_3_a_web_service(run, server):
    app = run(3)[0]["app"]
    answer = server.predict

    def refuse(_request, context):
        context.set_trailing_metadata((("grpc-retry-pushback-ms", "-1"),))
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")

    async def ask():
        transport = httpx.ASGITransport(app)
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://x") as web:
            server.predict = answer
            yield await web.post("/check", content=bytes(750))
            server.predict = refuse
            yield await web.post("/check", content=bytes(750))

    async def answers():
        return [(each.status_code, each.json()) async for each in ask()]

    assert asyncio.run(answers()) == [
        (200, {"fake": True, "prob_fake": 0.75}),
        (503, {"error": "UNAVAILABLE"}),
    ]


def test_4_deadline_retries_and_errors(run, server):
    server.predict = lambda _request, context: context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "not now")
    assert run(4)[1] == "try again later: RESOURCE_EXHAUSTED\n"
    assert len(server.requests) == 3

    server.predict = lambda _request, context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not so")
    assert run(4)[1].startswith("a bug, or something is not set up: Asking detector at ")


def test_5_tls_a_certificate_and_a_token(run, server, folder, new_identity, over_tls):
    ours, theirs, seen, answer = new_identity(), new_identity(), [], server.predict
    for name, content in {"ca.pem": theirs.certificate, "me.pem": ours.certificate, "me.key": ours.key}.items():
        (folder / name).write_text(content)
    (folder / "token").write_text("secret\n")
    server.predict = lambda request, context: (
        seen.append(dict(context.invocation_metadata())["authorization"]) or answer(request, context)
    )
    pair = theirs.key.encode(), theirs.certificate.encode()

    with over_tls(grpc.ssl_server_credentials([pair], ours.certificate.encode(), require_client_auth=True)):
        assert run(5)[1] == "real\n"

    assert seen == ["Bearer secret"]


def test_6_a_version_or_a_label(run, server):
    answer = server.predict
    server.predict = lambda request, context: (
        context.abort(grpc.StatusCode.NOT_FOUND, "no such label")
        if request.model_spec.version_label
        else answer(request, context)
    )

    printed = run(6)[1]

    assert printed.startswith("version 1 is AVAILABLE\n7\nAsking detector at ")
    assert "no such label" in printed


def test_7_a_canary_by_key(run, server):
    assert run(7)[1].count("Verdict(prob_fake=0.") == 2
    [request] = server.requests
    assert request.model_spec.version_label == choose({"stable": 95, "canary": 5}, "user 4711")


def test_8_hedging(run):
    assert run(8)[1] == "real\n"


def test_9_any_other_model(run, server):
    def half_plus_two(request, _context):
        assert request.model_spec.name == "half_plus_two"
        return PredictResponse(outputs={"y": from_array(to_array(request.inputs["x"]) / np.float32(2) + np.float32(2))})

    server.predict = half_plus_two

    assert run(9)[1] == "[2.5 3.  4.5]\n"


def test_10_metrics_and_traces(run, server):
    labels = f'{{method="Predict",model="detector",status="OK",target="{server.address}"}}'

    assert f"ace_client_request_duration_seconds_count{labels} 1.0\n" in run(10)[1]
