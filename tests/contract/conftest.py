"""The servers that are held to the recordings: our own, or the one at `--target`."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def models_config(tmp_path_factory) -> Path:
    """A ModelServerConfig over freshly written models."""
    models = tmp_path_factory.mktemp("models")
    runpy.run_path(str(HERE / "write_models.py"))["main"](models)
    config = models / "models.config"
    config.write_text((HERE / "models.config").read_text().replace("${MODELS}", str(models)))
    return config


@pytest.fixture(scope="module")
def address_for(request, serve) -> Callable[[str], str]:
    """Where the server listens that a recording is played to."""
    target = request.config.getoption("--target")
    flags = {
        "recorded": (),
        "recorded_batched": ("--enable_batching", f"--batching_parameters_file={HERE / 'batching_parameters.txt'}"),
    }
    started: dict[str, str] = {}

    def address(recording: str) -> str:
        if target:
            return target
        if recording not in started:
            config = request.getfixturevalue("models_config")
            anywhere = "--model_roots=/"  # as TensorFlow Serving loads from
            started[recording] = serve(None, f"--model_config_file={config}", anywhere, *flags[recording]).address
        return started[recording]

    return address
