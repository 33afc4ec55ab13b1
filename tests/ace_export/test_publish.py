import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ace_export.errors import RepositoryError, VersionExistsError
from ace_export.publish import publish, versions

FILES = 40
PUBLISH_SLOWLY = f"""
import sys, time
from pathlib import Path
from ace_export.publish import publish

def write(folder):
    for number in range({FILES}):
        (folder / str(number)).write_text("whole")
        time.sleep(0.005)

print("started", flush=True)
publish(write, Path(sys.argv[1]))
"""


def write(folder: Path) -> None:
    (folder / "saved_model.pb").write_text("whole")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def start_exporter(repository: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", PUBLISH_SLOWLY, str(repository)], stdout=subprocess.PIPE, text=True)


def test_versions_count_on_from_the_highest(tmp_path: Path):
    published = [publish(write, tmp_path), publish(write, tmp_path, version=7), publish(write, tmp_path)]

    assert [path.name for path in published] == ["1", "7", "8"]


def test_only_folders_with_a_number_for_a_name_are_versions(tmp_path: Path):
    for name in ("1", "003", "v9", "notes", ".exporting-12", "²"):
        (tmp_path / name).mkdir()

    assert versions(tmp_path) == {1, 3}


def test_refuses_to_overwrite_a_version(tmp_path: Path):
    publish(write, tmp_path, version=3)
    (tmp_path / "3" / "saved_model.pb").write_text("served")

    with pytest.raises(VersionExistsError) as error:
        publish(write, tmp_path, version=3)

    assert str(error.value) == (
        f"{tmp_path}/3 already exists, and a served version is never overwritten.\n"
        "Pass --version with a number not yet used, or leave it out for the next free one."
    )
    assert (tmp_path / "3" / "saved_model.pb").read_text() == "served"


def test_refuses_a_version_that_another_exporter_publishes_meanwhile(tmp_path: Path):
    def write_while_another_publishes(folder: Path) -> None:
        write(folder)
        publish(write, tmp_path, version=3)

    with pytest.raises(VersionExistsError):
        publish(write_while_another_publishes, tmp_path, version=3)

    assert names(tmp_path) == ["3"]


def test_takes_the_next_version_where_another_exporter_publishes_meanwhile(tmp_path: Path):
    def write_while_another_publishes(folder: Path) -> None:
        write(folder)
        publish(write, tmp_path)

    assert publish(write_while_another_publishes, tmp_path).name == "2"


def test_concurrent_exporters_publish_different_versions(tmp_path: Path):
    exporters = [start_exporter(tmp_path) for _ in range(5)]

    for exporter in exporters:
        exporter.communicate(timeout=60)
    assert [exporter.returncode for exporter in exporters] == [0] * 5
    assert names(tmp_path) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_where_writing_fails(tmp_path: Path, error: type[BaseException]):
    def fail(folder: Path) -> None:
        write(folder)
        raise error

    with pytest.raises(error):
        publish(fail, tmp_path)

    assert names(tmp_path) == []


def test_killed_at_any_moment_a_version_is_whole_or_absent(tmp_path: Path):
    moments = random.Random(5)
    killed = 0
    for _ in range(12):
        exporter = start_exporter(tmp_path)
        exporter.stdout.readline()
        time.sleep(moments.uniform(0, 0.4))
        exporter.kill()
        exporter.communicate(timeout=60)
        killed += exporter.returncode == -signal.SIGKILL

    assert killed  # else nothing was tried
    for number in versions(tmp_path):
        files = list((tmp_path / str(number)).iterdir())
        assert len(files) == FILES
        assert {file.read_text() for file in files} == {"whole"}


def test_what_a_killed_exporter_left_goes_with_the_next_export(tmp_path: Path):
    exporter = start_exporter(tmp_path)
    wait_for(lambda: list(tmp_path.glob(".exporting-*/version/0")))
    exporter.kill()
    exporter.communicate(timeout=60)
    assert not versions(tmp_path)

    publish(write, tmp_path)

    assert names(tmp_path) == ["1"]


def test_an_export_leaves_one_that_still_runs_alone(tmp_path: Path):
    exporter = start_exporter(tmp_path)
    wait_for(lambda: list(tmp_path.glob(".exporting-*/version/0")))

    publish(write, tmp_path)

    exporter.communicate(timeout=60)
    assert exporter.returncode == 0
    assert names(tmp_path) == ["1", "2"]
    assert len(names(tmp_path / "2")) == FILES


@pytest.mark.parametrize("path", ["file", "file/below"])
def test_a_repository_that_cannot_be_a_folder_is_refused(tmp_path: Path, path: str):
    (tmp_path / "file").write_text("")

    with pytest.raises(RepositoryError, match="could not be written to"):
        publish(write, tmp_path / path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_repository_is_refused(tmp_path: Path):
    tmp_path.chmod(0o500)

    with pytest.raises(RepositoryError, match="Permission denied"):
        publish(write, tmp_path)


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
