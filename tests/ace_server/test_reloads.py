"""Where reloads may load from."""

import pytest

from ace_server.errors import StartError
from ace_server.model_config import ModelConfig
from ace_server.options import Options
from ace_server.reloads import model_roots


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
