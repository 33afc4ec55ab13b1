"""What the schemas of Kubernetes do not know: that the parts fit each other, and the servers."""

import copy
import re
from pathlib import Path

import httpx
import pytest
import yaml

from ace_client import Detector
from ace_server.options import parse

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "docker" / "kubernetes"
SETTINGS = ROOT / "serving" / "tf_serving"
DEPLOYED = ("overlays/ace-server", "overlays/tf-serving-gpu", "overlays/canary")
# What the image's own entry point puts before a container's arguments.
ENTRY_POINT = {
    "ace-server": ["--port=8500", "--rest_api_port=8501"],
    "ace-tf-serving": ["--port=8500", "--rest_api_port=8501", "--enable_batching"],
}


def of_kind(manifests, *kinds):
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def pod_of(deployment):
    return deployment["spec"]["template"]["spec"]


def containers_of(pod):
    return pod.get("initContainers", []) + pod["containers"]


def server_of(deployment):
    [server] = pod_of(deployment)["containers"]
    return server


def options_of(server):
    return parse([*ENTRY_POINT[server["image"].split(":")[0]], *server["args"]])


def matching(selector, deployments):
    wanted = selector.items()
    return [one for one in deployments if wanted <= one["spec"]["template"]["metadata"]["labels"].items()]


@pytest.fixture(scope="module")
def deployments(manifests):
    """All Deployments of all overlays, each with what is rendered beside it."""
    return [(one, manifests[folder]) for folder in DEPLOYED for one in of_kind(manifests[folder], "Deployment")]


def test_every_manifest_is_valid(manifests, validation):
    found = [problem for folder in manifests.values() for one in folder for problem in validation.problems(one)]

    assert not found


def test_a_misspelt_field_is_not(manifests, validation):
    deployment = copy.deepcopy(of_kind(manifests["overlays/ace-server"], "Deployment")[0])
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}

    assert any("readynessProbe" in problem for problem in validation.problems(deployment))


def test_each_selector_finds_one_deployment_and_not_the_others(manifests):
    for folder in DEPLOYED:
        deployed = of_kind(manifests[folder], "Deployment")
        for one in of_kind(manifests[folder], "Service", "PodDisruptionBudget", "NetworkPolicy"):
            selector = one["spec"].get("selector") or one["spec"]["podSelector"]
            [found] = matching(selector.get("matchLabels", selector), deployed)
            assert found["metadata"]["name"].endswith("-canary") == one["metadata"]["name"].endswith("-canary")
        for one in of_kind(manifests[folder], "HorizontalPodAutoscaler"):
            assert one["spec"]["scaleTargetRef"]["name"] in {each["metadata"]["name"] for each in deployed}
        for one in deployed:
            for spread in pod_of(one)["topologySpreadConstraints"]:
                assert matching(spread["labelSelector"]["matchLabels"], deployed) == [one]


def test_callers_need_one_label_and_none_of_the_servers_own(manifests):
    for folder in DEPLOYED:
        for policy in of_kind(manifests[folder], "NetworkPolicy"):
            callers = policy["spec"]["ingress"][0]["from"][0]["podSelector"]
            assert callers == {"matchExpressions": [{"key": "ace/client", "operator": "In", "values": ["true"]}]}


def test_services_policies_and_probes_name_ports_that_the_server_listens_on(deployments):
    for deployment, beside in deployments:
        server = server_of(deployment)
        ports = {port["name"]: port["containerPort"] for port in server["ports"]}
        options = options_of(server)
        assert ports == {"grpc": options.port, "http": options.rest_api_port}
        for service in of_kind(beside, "Service"):
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports.keys()
        for policy in of_kind(beside, "NetworkPolicy"):
            assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} <= ports.keys()
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            [probe] = [value for key, value in server[kind].items() if key in ("httpGet", "grpc", "tcpSocket")]
            assert probe["port"] in {*ports.keys(), *ports.values()}


def test_each_file_that_a_flag_names_is_in_the_config_map_that_is_mounted_there(manifests):
    state = {one["metadata"]["name"]: one for one in of_kind(manifests["state"], "ConfigMap")}
    for folder in DEPLOYED:
        maps = state | {one["metadata"]["name"]: one for one in of_kind(manifests[folder], "ConfigMap")}
        for deployment in of_kind(manifests[folder], "Deployment"):
            server, pod = server_of(deployment), pod_of(deployment)
            volumes = {one["name"]: one["configMap"]["name"] for one in pod["volumes"] if "configMap" in one}
            mounts = {
                one["mountPath"]: maps[volumes[one["name"]]] for one in server["volumeMounts"] if one["name"] in volumes
            }
            for flag, path in (flag.split("=", 1) for flag in server["args"] if "_file=" in flag):
                assert Path(path).name in mounts[str(Path(path).parent)]["data"], flag


def test_a_pod_gets_the_time_that_its_drain_takes(deployments):
    for deployment, _ in deployments:
        server = server_of(deployment)
        _, before_s = server["lifecycle"]["preStop"]["exec"]["command"]
        drain_s = options_of(server).drain_seconds if server["image"].startswith("ace-server") else 0
        assert pod_of(deployment)["terminationGracePeriodSeconds"] >= int(before_s) + drain_s + 5


def test_no_container_has_rights_or_writes_its_root(deployments, manifests):
    [inference] = manifests["overlays/kserve"]
    predictor = inference["spec"]["predictor"]
    for pod in [*(pod_of(one) for one, _ in deployments), {**predictor, "containers": [predictor["model"]]}]:
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in containers_of(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_tensorflow_serving_has_a_gpu(manifests):
    [deployment] = of_kind(manifests["overlays/tf-serving-gpu"], "Deployment")

    assert server_of(deployment)["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_the_route_splits_between_services_that_are_there(manifests):
    [route] = of_kind(manifests["overlays/canary"], "GRPCRoute")
    services = {one["metadata"]["name"]: one for one in of_kind(manifests["overlays/canary"], "Service")}

    [rule] = route["spec"]["rules"]
    assert [backend["weight"] for backend in rule["backendRefs"]] == [100, 0]
    for backend in rule["backendRefs"]:
        assert backend["port"] in {port["port"] for port in services[backend["name"]]["spec"]["ports"]}


def test_the_canary_serves_what_a_config_map_of_its_own_says(manifests):
    served = {
        deployment["metadata"]["name"]: next(
            volume["configMap"]["name"] for volume in pod_of(deployment)["volumes"] if volume["name"] == "models-config"
        )
        for deployment in of_kind(manifests["overlays/canary"], "Deployment")
    }

    assert served == {"detector": "detector-models", "detector-canary": "detector-models-canary"}


def test_kserve_runs_the_settings_of_the_image(manifests):
    [inference] = manifests["overlays/kserve"]
    model = inference["spec"]["predictor"]["model"]
    runtime = ["--model_name=detector", "--port=9000", "--rest_api_port=8080", "--model_base_path=/mnt/models"]

    options = parse([*runtime, *model["args"]])

    assert [port["containerPort"] for port in model["ports"]] == [options.port]
    assert model["readinessProbe"]["grpc"]["port"] == options.port
    for file in (
        options.batching_parameters_file,
        options.monitoring_config_file,
        options.tensorflow_session_config_file,
    ):
        assert (SETTINGS / Path(file).relative_to("/config")).is_file()


def test_the_first_state_is_what_tf_serving_is_configured_for_here(manifests):
    state = {one["metadata"]["name"]: one.get("data") for one in of_kind(manifests["state"], "ConfigMap")}
    served = (SETTINGS / "models.config").read_text().split("model_config_list", 1)[1]

    def without_comments(text):
        return re.sub(r" *#.*", "", text)

    first = state["detector-models"]["models.config"].split("model_config_list", 1)[1]
    assert without_comments(first) == without_comments(served)
    assert state["detector-routing"].keys() == {"routing.json"}


@pytest.fixture(scope="module")
def server(serve, manifests, detector_base_path, tmp_path_factory):
    """A real ace_server with the arguments of its Deployment, on files of this machine."""
    [deployment] = of_kind(manifests["overlays/ace-server"], "Deployment")
    folder = tmp_path_factory.mktemp("models-config")
    state = {one["metadata"]["name"]: one.get("data") for one in of_kind(manifests["state"], "ConfigMap")}
    models = state["detector-models"]["models.config"].replace("/models/detector", str(detector_base_path))
    (folder / "models.config").write_text(models)
    local = {"/models-config": str(folder), "/config": str(SETTINGS)}
    arguments = server_of(deployment)["args"]
    for there, here in local.items():
        arguments = [argument.replace(f"={there}/", f"={here}/") for argument in arguments]
    return serve(None, "--rest_api_port=-1", *(one for one in arguments if not one.startswith("--log_format")))


def test_probes_and_scrapes_are_answered_by_a_real_server(server, manifests):
    [deployment] = of_kind(manifests["overlays/ace-server"], "Deployment")
    paths = [
        server_of(deployment)[kind]["httpGet"]["path"] for kind in ("startupProbe", "readinessProbe", "livenessProbe")
    ]
    paths.append(deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"])

    assert [httpx.get(server.rest_url + path).status_code for path in paths] == [200, 200, 200, 200]


def test_what_the_autoscaler_looks_at_is_measured_by_a_real_server(server, manifests):
    [rule] = yaml.safe_load((KUBERNETES / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    for folder in DEPLOYED:
        for one in of_kind(manifests[folder], "HorizontalPodAutoscaler"):
            [metric] = one["spec"]["metrics"]
            assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    with Detector(server.address, deadline_s=60) as detector:
        detector.detect(b"no image")

    page = httpx.get(server.rest_url + "/monitoring/prometheus/metrics").text

    for name in set(re.findall(r":tensorflow:[a-z_:]+", rule["seriesQuery"] + rule["metricsQuery"])):
        assert f"\n{name}{{" in page, name
