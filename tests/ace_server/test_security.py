"""A real server with TLS, tokens and an admin port: who may do what on which port."""

import re
import ssl
import time

import grpc
import httpx
import pytest
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

TIMEOUT_S = 30


@pytest.fixture(scope="module")
def identity(new_identity):
    return new_identity()


@pytest.fixture(scope="module")
def token_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text("first\n")
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_probe):
    """Models probe, which is served, and other beside it."""
    folder = tmp_path_factory.mktemp("models")
    write_probe(folder / "probe" / "1")
    write_probe(folder / "other" / "1")
    return folder


@pytest.fixture(scope="module")
def server(serve, folder, identity, token_file, tmp_path_factory):
    config = tmp_path_factory.mktemp("config") / "ssl.config"
    config.write_text(identity.ssl_config)
    return serve(
        folder / "probe",
        "--model_name=probe",
        "--rest_api_port=-1",
        "--rest_api_enable_cors_support",
        "--admin_port=-1",
        f"--ssl_config_file={config}",
        f"--bearer_token_file={token_file}",
    )


@pytest.fixture(scope="module")
def admin_address(server):
    return re.search(r"Reloads are taken at (\S+) only", server.stderr_text())[1]


@pytest.fixture
def channel_to(server, identity):
    """Opens channels: `channel_to(address, token)`."""
    channels = []

    def open_channel(address=server.address, token=""):
        credentials = grpc.ssl_channel_credentials(identity.certificate.encode())
        if token:
            credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
        channels.append(grpc.secure_channel(address, credentials))
        return channels[-1]

    yield open_channel
    for channel in channels:
        channel.close()


@pytest.fixture(scope="module")
def rest(server, identity):
    context = ssl.create_default_context(cadata=identity.certificate)
    url = server.rest_url.replace("http://", "https://")
    with httpx.Client(base_url=url, verify=context, timeout=TIMEOUT_S) as client:
        yield client


def predict(channel):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "probe"
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_shape.dim.add(size=1)
    request.inputs["x"].float_val.append(0)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    return stub.Predict(request, timeout=TIMEOUT_S).outputs["y"].float_val


def status(channel, model="probe"):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = model
    return model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=TIMEOUT_S)


def reload(channel, *base_paths):
    entries = [
        f'config {{ name: "{path.name}" base_path: "{path}" model_platform: "tensorflow" }}' for path in base_paths
    ]
    config = text_format.Parse(
        f"model_config_list {{ {''.join(entries)} }}", model_server_config_pb2.ModelServerConfig()
    )
    request = model_management_pb2.ReloadConfigRequest(config=config)
    return model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(request, timeout=TIMEOUT_S)


def services(channel):
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    return list(stub.ServerReflectionInfo(iter([request]), timeout=TIMEOUT_S))


def code_of(call, *arguments):
    """The status code of a call that is refused, and why."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments)
    return caught.value.code(), caught.value.details()


@pytest.mark.parametrize("call", [predict, status, reload, services])
@pytest.mark.parametrize(("token", "reason"), [("", "none was sent"), ("second", "the one sent is unknown")])
def test_grpc_calls_need_a_token(channel_to, call, token, reason):
    code, details = code_of(call, channel_to(token=token))

    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert reason in details


def test_calls_with_a_token_are_answered(channel_to, rest):
    headers = {"Authorization": "Bearer first"}

    assert list(predict(channel_to(token="first"))) == [2]
    assert services(channel_to(token="first"))
    assert rest.get("/v1/models/probe", headers=headers).status_code == 200
    answer = rest.post("/v1/models/probe:predict", headers=headers, json={"instances": [0.0]})
    assert answer.json()["predictions"][0]["y"] == 2


def test_health_needs_no_token(channel_to, rest):
    health = health_pb2_grpc.HealthStub(channel_to())

    assert health.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S).status == 1
    assert [rest.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer second"}])
@pytest.mark.parametrize(
    "path", ["/v1/models/probe", "/monitoring/prometheus/metrics", "/healthz/../v1/models/probe", "/status.json"]
)
def test_rest_requests_need_a_token(rest, path, headers):
    answer = rest.get(path, headers=headers)

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "Bearer TOKEN" in answer.json()["error"]


def test_the_page_needs_no_token_to_ask_for_one_and_shows_nothing_without(rest):
    page = rest.get("/")

    assert page.status_code == 200
    assert '<input id="token" type="password"' in page.text
    assert "probe" not in page.text
    assert "form-action 'none'" in page.headers["content-security-policy"]  # the token goes into requests only
    shown = rest.get("/status.json", headers={"Authorization": "Bearer first"})
    assert shown.json()["models"][0]["name"] == "probe"


def test_a_browser_may_ask_without_a_token_whether_it_may_send_one(rest):
    answer = rest.options("/v1/models/probe:predict", headers={"Origin": "https://shop.example"})

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type, Authorization"


def test_reloads_are_refused_on_the_public_port_with_the_address_of_the_other(channel_to, admin_address, folder):
    code, details = code_of(reload, channel_to(token="first"), folder / "other")

    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert admin_address in details


def test_reloads_are_taken_on_the_admin_port_with_a_token(channel_to, admin_address, folder):
    assert code_of(reload, channel_to(admin_address), folder / "probe")[0] is grpc.StatusCode.UNAUTHENTICATED

    reload(channel_to(admin_address, "first"), folder / "probe", folder / "other")

    assert status(channel_to(token="first"), "other").model_version_status[0].version == 1


def test_the_admin_port_loads_from_inside_the_roots_only_and_answers_no_inference(channel_to, admin_address, tmp_path):
    channel = channel_to(admin_address, "first")

    assert code_of(reload, channel, tmp_path)[0] is grpc.StatusCode.PERMISSION_DENIED
    assert code_of(predict, channel)[0] is grpc.StatusCode.UNIMPLEMENTED
    assert status(channel).model_version_status[0].version == 1


def test_new_tokens_are_in_force_without_a_restart_and_old_ones_are_not(channel_to, rest, token_file, server):
    token_file.write_text("third\n")
    server.wait_for_log(f"{token_file} has changed and is in force")

    assert list(predict(channel_to(token="third"))) == [2]
    assert code_of(predict, channel_to(token="first"))[0] is grpc.StatusCode.UNAUTHENTICATED
    assert rest.get("/v1/models/probe", headers={"Authorization": "Bearer first"}).status_code == 401
    token_file.write_text("first\n")
    deadline_s = time.monotonic() + TIMEOUT_S
    while rest.get("/v1/models/probe", headers={"Authorization": "Bearer first"}).status_code == 401:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_a_drain_cuts_off_what_idles_over_tls_without_a_complaint(server, rest):  # the last one: it ends the server
    assert rest.get("/healthz").status_code == 200  # from here on the connection idles

    assert server.stop() == 0
    assert " ERROR uvicorn" not in server.stderr_text()
