"""TLS in both directions on both ports of a real server, and new certificates while it runs."""

import json
import ssl
import time
from dataclasses import replace

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ace_server.errors import StartError
from ace_server.tls import Tls

TIMEOUT_S = 30


class Caller:
    """Asks both ports of a server, trusting one certificate, and with an identity of its own or without."""

    def __init__(self, server, trusted, identity=None):
        self._grpc_address = server.address
        self._rest_url = server.rest_url.replace("http://", "https://")
        own = (identity.key.encode(), identity.certificate.encode()) if identity else (None, None)
        self._credentials = grpc.ssl_channel_credentials(trusted.certificate.encode(), *own)
        self._context = ssl.create_default_context(cadata=trusted.certificate)
        self._identity = identity

    def grpc_answer(self):
        """The status code of a call."""
        with grpc.secure_channel(self._grpc_address, self._credentials) as channel:
            try:
                health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
            except grpc.RpcError as error:
                return error.code().name
        return "OK"

    def rest_answer(self, folder):
        """The HTTP status of a request, or the error of the connection."""
        if self._identity:
            (folder / "own.pem").write_text(self._identity.certificate + self._identity.key)
            self._context.load_cert_chain(folder / "own.pem")
        try:
            return httpx.get(f"{self._rest_url}/healthz", verify=self._context, timeout=TIMEOUT_S).status_code
        except httpx.TransportError as error:
            return type(error).__name__

    def answers(self, folder):
        """What both ports say."""
        return self.grpc_answer(), self.rest_answer(folder)


@pytest.fixture(scope="module")
def server_identity(new_identity):
    return new_identity()


@pytest.fixture(scope="module")
def client_identity(new_identity):
    return new_identity()


def mutual(server, client):
    """An SSLConfig with which the server has one identity and wants the other of its callers."""
    return f"{server.ssl_config}custom_ca: {json.dumps(client.certificate)}\nclient_verify: true\n"


@pytest.fixture(scope="module")
def config(tmp_path_factory, server_identity, client_identity):
    file = tmp_path_factory.mktemp("config") / "ssl.config"
    file.write_text(mutual(server_identity, client_identity))
    return file


@pytest.fixture(scope="module")
def server(serve, probe_path, config):
    return serve(probe_path.parent, "--model_name=probe", "--rest_api_port=-1", f"--ssl_config_file={config}")


def is_refused(answers):
    """Whether neither port let the caller in; REST says so while connecting or, with TLS 1.3, to the first request."""
    return answers[0] == "UNAVAILABLE" and answers[1] in ("ConnectError", "ReadError", "RemoteProtocolError")


def test_a_caller_with_a_certificate_is_answered_on_both_ports(server, server_identity, client_identity, tmp_path):
    assert Caller(server, server_identity, client_identity).answers(tmp_path) == ("OK", 200)


def test_a_caller_without_a_certificate_is_refused_on_both_ports(server, server_identity, tmp_path):
    assert is_refused(Caller(server, server_identity).answers(tmp_path))


def test_a_caller_with_a_certificate_of_another_authority_is_refused(server, server_identity, tmp_path):
    assert is_refused(Caller(server, server_identity, server_identity).answers(tmp_path))


def test_a_caller_without_tls_is_refused_on_both_ports(server):
    with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError) as caught:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.rest_url}/healthz", timeout=TIMEOUT_S)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text.replace("client_verify: true", "client_verify: false"), "client_verify cannot change while"),
        (lambda text: text[:500], "line 1, column 13: this is no text of SSLConfig"),
    ],
)
def test_a_change_that_is_wrong_is_logged_and_changes_nothing(
    server, config, server_identity, client_identity, tmp_path, change, complaint
):
    good = config.read_text()
    config.write_text(change(good))

    server.wait_for_log(f"What {config} said before holds on: {config}: {complaint}")
    caller = Caller(server, server_identity, client_identity)
    assert caller.answers(tmp_path) == ("OK", 200)
    assert is_refused(Caller(server, server_identity).answers(tmp_path))
    config.write_text(good)


def test_new_certificates_are_in_force_without_a_restart(server, config, new_identity, server_identity, tmp_path):
    new_server, new_client = new_identity(), new_identity()
    caller = Caller(server, new_server, new_client)
    assert caller.grpc_answer() != "OK"

    config.write_text(mutual(new_server, new_client))

    deadline_s = time.monotonic() + TIMEOUT_S
    while caller.answers(tmp_path) != ("OK", 200):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    assert is_refused(Caller(server, new_server, server_identity).answers(tmp_path))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda one, two: one.ssl_config.replace("server_key", "servr_key"),
            'line 1, column 1: .* no field "servr_key"',
        ),
        (lambda one, two: replace(one, key=two.key).ssl_config, "server_key does not belong to .* server_cert"),
        (lambda one, two: replace(one, key="/etc/key.pem").ssl_config, "server_key is no private key in PEM"),
        (lambda one, two: replace(one, certificate="/etc/cert.pem").ssl_config, "server_cert is no certificate in PEM"),
        (lambda one, two: replace(one, certificate="").ssl_config, "server_cert is no certificate in PEM"),
        (lambda one, two: one.ssl_config + 'custom_ca: "é"', "custom_ca is no certificate in PEM"),
        (lambda one, two: one.ssl_config + "client_verify: true", "client_verify needs custom_ca"),
        (lambda one, two: f"server_key: {one.key}", "line 1, column 13: this is no text of SSLConfig"),
        (lambda one, two: one.ssl_config.replace("server_cert:", "server_cert"), "line 2, .*: this is no text"),
    ],
)
def test_says_what_is_wrong_with_a_file_and_shows_no_key(tmp_path, server_identity, client_identity, change, complaint):
    file = tmp_path / "ssl.config"
    file.write_text(change(server_identity, client_identity))

    with pytest.raises(StartError, match=complaint) as caught:
        Tls(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert server_identity.key.splitlines()[1] not in str(caught.value)


def test_warns_of_an_authority_that_no_caller_is_asked_for(tmp_path, server_identity, caplog):
    file = tmp_path / "ssl.config"
    file.write_text(mutual(server_identity, server_identity).replace("client_verify: true", ""))

    Tls(file)

    assert "custom_ca without client_verify" in caplog.text
