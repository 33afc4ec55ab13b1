"""Where reloads may load from."""

from contextlib import nullcontext

import pytest

from ace_server.errors import PermissionDenied, StartError
from ace_server.model_config import ModelConfig
from ace_server.options import Options
from ace_server.reloads import check_request_log, model_roots
from ace_server.request_log import RequestLogging


def roots_of(folder, *base_paths, model_roots_flag=""):
    """The roots, relative to the folder where they are in it."""
    options = Options(model_base_path=str(folder), model_roots=model_roots_flag)
    models = {path: ModelConfig(path, folder / path) for path in base_paths}
    return [str(root).replace(str(folder.resolve()), "") for root in model_roots(options, models)]


def test_models_may_be_loaded_from_beside_the_first_ones(tmp_path):
    assert roots_of(tmp_path, "models/a", "more/models/b") == ["/models", "/more/models"]


def test_a_model_right_under_the_root_of_the_file_system_does_not_open_all_of_it(tmp_path):
    assert roots_of(tmp_path, "/detector") == ["/detector"]


def test_roots_that_are_named_take_the_place_of_the_first_models_folders(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "c")

    assert roots_of(tmp_path, "models/a", model_roots_flag=f"{tmp_path / 'b'}, {tmp_path / 'link'}") == ["/b", "/c"]


def test_a_relative_root_is_refused(tmp_path):
    with pytest.raises(StartError, match="--model_roots holds models, which is not absolute"):
        roots_of(tmp_path, "models/a", model_roots_flag="models")


@pytest.mark.parametrize(
    ("prefix", "before", "allowed"),
    [
        ("logs/new", None, False),
        ("logs/new", "logs/old", False),
        ("logs/old", "logs/old", True),
        ("models/new", None, True),
    ],
)
def test_a_reload_begins_no_request_log_outside_the_models_folders(tmp_path, prefix, before, allowed):
    model = ModelConfig("m", tmp_path / "models" / "m", logging=RequestLogging(str(tmp_path / prefix), 1.0))
    old = RequestLogging(str(tmp_path / before), 0.5) if before else None

    with nullcontext() if allowed else pytest.raises(PermissionDenied, match=prefix):
        check_request_log(model, (tmp_path / "models",), before=old)
