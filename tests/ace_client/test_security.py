"""TLS, client certificates and tokens against real ports, renewed while they are used."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from ace_client import INSECURE, Detector, RequestRejected, Security, ServerUnavailable, SetupError
from ace_client.protos.serving_pb2 import PredictRequest
from ace_client.security import is_local


@pytest.fixture(scope="module")
def identities(new_identity):
    """Those of a server and of a client, and another one for who needs a new one."""
    return {name: new_identity() for name in ("server", "client", "other")}


@pytest.fixture
def folder(tmp_path, identities):
    """The PEM files of a server and of a client."""
    for name in ("server", "client"):
        write(tmp_path, name, identities[name])
    return tmp_path


def write(folder, name, identity):
    (folder / f"{name}.pem").write_text(identity.certificate)
    (folder / f"{name}.key").write_text(identity.key)


@pytest.fixture
def serve_tls(folder, server):
    """Serves what `server` answers on a port with TLS, instead of where it did before; the port."""
    started = []

    def start(*, port=0, client_verify=False):
        for each in started:
            each.stop(grace=None).wait()
        identity = (folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes()
        authority = (folder / "client.pem").read_bytes() if client_verify else None
        credentials = grpc.ssl_server_credentials([identity], authority, client_verify)
        tls_server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
        handler = grpc.unary_unary_rpc_method_handler(
            server.on_predict, PredictRequest.FromString, lambda sent: sent.SerializeToString()
        )
        tls_server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", {"Predict": handler}),)
        )
        number = tls_server.add_secure_port(f"127.0.0.1:{port}", credentials)
        tls_server.start()
        started.append(tls_server)
        return number

    yield start
    for each in started:
        each.stop(grace=None).wait()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8500",
        "127.8.0.1:8500",
        "localhost:8500",
        "[::1]:8500",
        "dns:///localhost:8500",
        "dns://8.8.8.8/localhost:8500",
        "ipv4:127.0.0.1:1,127.0.0.2:2",
        "ipv6:%5B::1%5D:8500",
        "unix:/run/ace.sock",
        "unix:///run/ace.sock",
        "unix-abstract:ace",
    ],
)
def test_addresses_of_this_machine_need_no_word_on_security(address):
    assert is_local(address)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.7:8500",
        "detector.prod:8500",
        "dns:///detector.prod:8500",
        "dns://127.0.0.1/detector.prod:8500",
        "ipv4:127.0.0.1:1,10.0.0.7:1",
        "localhost.evil.example:8500",
        "[2001:db8::1]:8500",
        "unix.example:8500",
    ],
)
def test_another_machine_needs_tls_or_a_word_that_it_is_trusted(connect, address):
    with pytest.raises(ValueError, match="is not this machine, and calls would travel unencrypted"):
        connect(address)
    for security in (INSECURE, Security()):
        connect(address, security=security).close()


def test_a_server_of_a_known_authority_is_asked_over_tls(connect, folder, serve_tls):
    address = f"127.0.0.1:{serve_tls()}"

    with connect(address, security=Security(ca=folder / "server.pem")) as detector:
        assert detector.detect(bytes(250))[0].prob_fake == 0.25


def test_a_server_of_another_authority_is_not_asked(connect, folder, serve_tls, server):
    address = f"127.0.0.1:{serve_tls()}"

    stranger = Security(ca=folder / "client.pem")
    with connect(address, security=stranger) as detector, pytest.raises(ServerUnavailable):
        detector.detect(b"image")

    assert server.requests == []


def test_a_server_that_wants_certificates_is_shown_ours(connect, folder, serve_tls):
    address = f"127.0.0.1:{serve_tls(client_verify=True)}"
    ours = Security(ca=folder / "server.pem", certificate=folder / "client.pem", key=folder / "client.key")

    with connect(address, security=ours) as detector:
        assert detector.detect(bytes(250))[0].prob_fake == 0.25
    with connect(address, security=Security(ca=folder / "server.pem")) as detector, pytest.raises(ServerUnavailable):
        detector.detect(b"image")


def test_renewed_certificates_are_in_force_without_a_new_detector(connect, folder, serve_tls, identities):
    port = serve_tls()

    with connect(f"127.0.0.1:{port}", deadline_s=20, security=Security(ca=folder / "server.pem")) as detector:
        detector.detect(b"image")
        write(folder, "server", identities["other"])
        serve_tls(port=port)

        assert detector.detect(bytes(250))[0].prob_fake == 0.25


def test_half_of_a_renewed_pair_keeps_the_last_good_one(connect, folder, serve_tls, identities, caplog):
    address = f"127.0.0.1:{serve_tls(client_verify=True)}"
    ours = Security(ca=folder / "server.pem", certificate=folder / "client.pem", key=folder / "client.key")

    with connect(address, security=ours) as detector:
        (folder / "client.key").write_text(identities["other"].key)
        while "holds on" not in caplog.text:
            assert detector.detect(bytes(250))[0].prob_fake == 0.25
            threading.Event().wait(0.05)
        assert detector.detect(bytes(250))[0].prob_fake == 0.25


def test_each_call_carries_the_token_that_the_file_holds(connect, server, tmp_path):
    file = tmp_path / "token"
    file.write_text("first\n")
    seen = []

    def predict(request, context):
        seen.append(dict(context.invocation_metadata()).get("authorization"))
        return answer(request, context)

    answer, server.predict = server.predict, predict
    with connect(server.address, security=Security(tls=False, token_file=file)) as detector:
        detector.detect(b"image")
        (tmp_path / "new").write_text("second\n")
        (tmp_path / "new").replace(file)
        while seen[-1] != "Bearer second":
            detector.detect(b"image")
            threading.Event().wait(0.05)

    assert set(seen) == {"Bearer first", "Bearer second"}


def test_a_refused_token_is_a_rejected_request(connect, server):
    server.predict = lambda _request, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")

    with connect(server.address) as detector, pytest.raises(RequestRejected, match="wants credentials"):
        detector.detect(b"image")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"certificate": "client.pem"}, "given together"),
        ({"key": "client.key"}, "given together"),
        ({"tls": False, "ca": "server.pem"}, "are for TLS"),
    ],
)
def test_files_that_do_not_go_together_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Security(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ca": "gone.pem"}, r"cannot read .*gone\.pem: No such file"),
        ({"ca": "client.key"}, "no certificates and key in PEM"),
        ({"ca": "server.pem", "certificate": "server.pem", "key": "client.key"}, "that belong together"),
        ({"token_file": "empty"}, "one bearer token is expected"),
    ],
)
def test_files_that_are_wrong_are_named_at_once(folder, arguments, message):
    (folder / "empty").write_text("\n")

    with pytest.raises(SetupError, match=message):
        Detector("127.0.0.1:1", security=Security(**{name: folder / file for name, file in arguments.items()}))
