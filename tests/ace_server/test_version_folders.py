"""Version folders as copies, disks and people leave them, each below a model of its own on one real server."""

import shutil
import time

import httpx
import pytest

MODELS = ("half_copied", "corrupt", "deleted", "replaced")
LONG_S = 3.0  # what a version takes to load of which a test must see that it loads


class Model:
    """One of the models, by what its server says of it."""

    def __init__(self, server, folder):
        self.folder = folder
        self._url = f"{server.rest_url}/v1/models/{folder.name}"

    def states(self):
        """State and error of each version."""
        answer = httpx.get(self._url, timeout=30).raise_for_status().json()
        return {
            int(status["version"]): (status["state"], status["status"]["error_message"])
            for status in answer["model_version_status"]
        }

    def y(self):
        """The answer for x = 0, which is 2 and the offset of the version that answers."""
        answer = httpx.post(f"{self._url}:predict", json={"instances": [0.0]}, timeout=30)
        return answer.raise_for_status().json()["predictions"][0]["y"]

    def wait(self, holds, timeout_s=60):
        deadline_s = time.monotonic() + timeout_s
        while not holds(self):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"version folders of {self.folder.name}: {self.states()}")
            time.sleep(0.05)


def failed(model):
    state, error = model.states().get(2, ("", ""))
    return state == "END" and error


def loading(model):
    return model.states().get(2, ("", ""))[0] == "LOADING"


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory, probe_path):
    folder = tmp_path_factory.mktemp("models")
    entries = []
    for name in MODELS:
        shutil.copytree(probe_path, folder / name / "1")
        entries.append(f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" }}')
    (folder / "models.config").write_text(f"model_config_list {{ {' '.join(entries)} }}")
    flags = ("--file_system_poll_wait_seconds=0.1", "--max_num_load_retries=0", "--rest_api_port=-1")
    server = serve(None, f"--model_config_file={folder / 'models.config'}", *flags)
    server.folder = folder
    return server


@pytest.fixture
def model(server, request):
    """The model that the test is named after."""
    [name] = [name for name in MODELS if name in request.node.name]
    return Model(server, server.folder / name)


@pytest.fixture(scope="module")
def second(tmp_path_factory, write_probe):
    """A version that adds 10."""
    return write_probe(tmp_path_factory.mktemp("second") / "2", offset=10.0)


def test_a_half_copied_version_is_loaded_once_the_rest_of_it_is_there(model, second):
    shutil.copytree(second, model.folder / "2", ignore=shutil.ignore_patterns("variables*"))
    model.wait(failed)
    assert model.y() == 2
    shutil.copytree(second / "variables", model.folder / "2" / "variables")
    model.wait(lambda model: model.y() == 12)

    assert model.states()[2] == ("AVAILABLE", "")


def test_a_corrupt_version_leaves_the_old_one_serving_until_a_sound_one_takes_its_place(model, second, tmp_path):
    version = shutil.copytree(second, tmp_path / "2")
    [data] = (version / "variables").glob("*.data*")
    data.write_bytes(bytes(byte ^ 0xFF for byte in data.read_bytes()))
    version.rename(model.folder / "2")
    model.wait(failed)
    assert model.y() == 2
    (model.folder / "2").rename(tmp_path / "away")
    shutil.copytree(second, tmp_path / "2").rename(model.folder / "2")
    model.wait(lambda model: model.y() == 12)

    assert model.states()[2] == ("AVAILABLE", "")


def test_a_version_that_is_deleted_while_it_loads_is_not_served(model, second, tmp_path, with_warm_up):
    with_warm_up(shutil.copytree(second, tmp_path / "2"), LONG_S).rename(model.folder / "2")
    model.wait(loading)
    shutil.rmtree(model.folder / "2")
    model.wait(lambda model: model.states().get(2, ("END", ""))[0] == "END")

    assert model.states()[1] == ("AVAILABLE", "")
    assert model.y() == 2


def test_a_version_that_is_replaced_while_it_loads_is_loaded_again(model, second, tmp_path, write_probe, with_warm_up):
    third = write_probe(tmp_path / "third" / "2", offset=20.0)
    with_warm_up(shutil.copytree(second, tmp_path / "2"), LONG_S).rename(model.folder / "2")
    model.wait(loading)
    (model.folder / "2").rename(tmp_path / "away")
    third.rename(model.folder / "2")
    model.wait(lambda model: model.y() == 22)

    assert model.states()[2] == ("AVAILABLE", "")
