"""Two groups of servers, each with a version of its own, and what proxies in front of them are told."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from ace_client import Detector
from ace_rollout.errors import SettingsError
from ace_rollout.proxies import Envoy, haproxy_weights
from ace_rollout.settings import read_settings

ROUTES = Path(__file__).parents[2] / "docker/envoy/routes.yaml"
ROUTE = Path(__file__).parents[2] / "docker/kubernetes/overlays/canary/route.yaml"
APART = 'canary_servers = ["127.0.0.1:2"]\n'  # which proxies need


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
