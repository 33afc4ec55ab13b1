import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorflow.core.protobuf import saved_model_pb2

from ace_export import manifest
from ace_export.errors import VersionError
from ace_export.verification import verify

MANIFEST = Path("assets.extra/manifest.json")


@pytest.fixture
def copy(version: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(version, tmp_path / "1"))


def change_manifest(folder: Path, change: Callable[[dict], object]) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    change(content)
    (folder / MANIFEST).write_text(json.dumps(content))


def trust(folder: Path) -> None:
    """Lets the manifest have the hashes of the files as they are now."""
    change_manifest(folder, lambda content: content.update(files=manifest.hashes(folder)))


def change_graph(folder: Path, change: Callable[[saved_model_pb2.SavedModel], object]) -> None:
    path = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    change(model)
    path.write_bytes(model.SerializeToString())
    trust(folder)


def test_a_version_as_exported_is_confirmed(version: Path):
    found = verify(version)

    assert found.keys() == {"files", "signatures", "answers"}
    assert "each with the hash that it was written with" in found["files"]


def test_the_command_answers_in_a_process_of_its_own(version: Path):
    command = [sys.executable, "-m", "ace_export", "verify", str(version)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["files", "signatures", "answers"]


def test_a_missing_file_is_named(copy: Path):
    (copy / "assets.extra/tf_serving_warmup_requests").unlink()

    with pytest.raises(VersionError, match=r"tf_serving_warmup_requests is missing"):
        verify(copy)


def test_a_file_that_was_not_exported_is_named(copy: Path):
    (copy / "variables/more").write_text("")

    with pytest.raises(VersionError, match=r"variables/more was not there when the version was exported"):
        verify(copy)


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.index", "assets.extra/golden/png.png"])
def test_a_single_changed_byte_is_seen(copy: Path, file: str):
    content = bytearray((copy / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / file).write_bytes(content)

    with pytest.raises(VersionError, match=rf"{file} has changed since the version was exported"):
        verify(copy)


def test_a_signature_that_is_not_the_contracts_is_named(copy: Path):
    def change(model: saved_model_pb2.SavedModel) -> None:
        model.meta_graphs[0].signature_def["regress"].method_name = "tensorflow/serving/predict"

    change_graph(copy, change)

    with pytest.raises(VersionError, match="The signature regress is"):
        verify(copy)


def test_an_answer_that_is_not_that_of_the_export_is_named(copy: Path):
    def change(content: dict) -> None:
        content["golden"]["jpeg quality 75"]["prob_fake"] += 0.002

    change_manifest(copy, change)

    with pytest.raises(VersionError, match="To the golden image 'jpeg quality 75' it answers"):
        verify(copy)


def test_a_refusal_that_is_not_that_of_the_export_is_named(copy: Path):
    change_manifest(copy, lambda content: content["golden"]["empty"].update(prob_fake=0.5, label="fake", error=""))

    with pytest.raises(VersionError, match="To the golden image 'empty' it answers"):
        verify(copy)


def test_a_label_may_turn_where_the_threshold_is_as_near_as_rounding(copy: Path):
    def change(content: dict) -> None:
        entry = content["golden"]["jpeg quality 75"]
        content["threshold"] = entry["prob_fake"]
        entry["label"] = "real" if entry["label"] == "fake" else "fake"

    change_manifest(copy, change)

    assert "answers" in verify(copy)


def test_a_graph_that_does_not_load_is_named(copy: Path):
    change_graph(copy, lambda model: model.meta_graphs[0].graph_def.library.Clear())

    with pytest.raises(VersionError, match="could not be loaded"):
        verify(copy)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"is no version that ace-export wrote: .*No such file"),
        ("{", "is no JSON"),
        ("{}", "is of contract None, and this tool reads 1"),
        ("[]", "is of contract None"),
        ('{"contract": 99}', "is of contract 99"),
    ],
)
def test_a_folder_that_is_no_version_of_ours_is_named(content: str | None, message: str, tmp_path: Path):
    if content is not None:
        (tmp_path / "assets.extra").mkdir()
        (tmp_path / MANIFEST).write_text(content)

    with pytest.raises(VersionError, match=message):
        verify(tmp_path)
