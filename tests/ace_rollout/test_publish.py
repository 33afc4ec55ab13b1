"""Versions that come into the folder whole or not at all."""

import json
import resource
import shutil
import subprocess
import sys

import pytest

from ace_rollout.lock import locked


def listed(site) -> list[str]:
    return sorted(child.name for child in site.folder.iterdir())


@pytest.fixture
def offline(new_site):
    """A site whose server is not there, which most of this needs not."""
    site = new_site(["127.0.0.1:1"])
    text = site.config.read_text()
    site.config.write_text(
        text.replace('"tensorflow"', '"tensorflow" model_version_policy { specific { versions: 1 } }')
    )
    return site


def test_a_published_version_is_the_next_number_and_is_in_the_history(offline, capsys):
    assert offline.run("publish", offline.kinds["good"], "--why", "trained longer") == 0

    assert capsys.readouterr().out == f"{offline.folder}/2\n"
    assert (offline.folder / "2/saved_model.pb").exists()
    [entry] = map(json.loads, (offline.folder / "rollout-history.jsonl").read_text().splitlines())
    assert (entry["what"], entry["version"], entry["why"]) == ("published", 2, "trained longer")


def test_a_version_that_lies_there_already_is_taken_as_it_is(offline, capsys):
    assert offline.run("publish", offline.folder / "1") == 0

    assert capsys.readouterr().out == f"{offline.folder}/1\n"


def test_a_version_that_was_damaged_on_the_way_does_not_appear(offline, tmp_path_factory, capsys):
    damaged = shutil.copytree(offline.kinds["good"], tmp_path_factory.mktemp("damaged") / "1")
    (damaged / "assets.extra/golden/a").write_text("other")

    assert offline.run("publish", damaged) == 1

    assert "golden/a is changed" in capsys.readouterr().err
    assert listed(offline) == ["1"]


def test_what_is_no_saved_model_is_refused(offline, tmp_path_factory, capsys):
    assert offline.run("publish", tmp_path_factory.mktemp("empty")) == 1
    assert "holds no SavedModel" in capsys.readouterr().err


def test_a_number_that_is_taken_is_not_overwritten(offline, capsys):
    assert offline.run("publish", offline.kinds["good"], "--as", "1") == 1
    assert "never overwritten" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing_behind(offline):
    """A limit on the size of files stands for the disk: what is written beyond it fails likewise."""
    arguments = ["publish", str(offline.kinds["good"]), "--config", str(offline.root / "rollout.toml")]

    done = subprocess.run(
        [sys.executable, "-m", "ace_rollout", *arguments],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)),
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert "cannot be copied" in done.stderr
    assert "File too large" in done.stderr
    assert listed(offline) == ["1"]


# Runs the command line in a process in which a file of the source changes as the copy begins.
CHANGED_WHILE_COPIED = """
import sys
file = sys.argv.pop(1)
def hook(event, _):
    if event == "shutil.copytree":
        open(file, "w").write("other")
sys.addaudithook(hook)
from ace_rollout.__main__ import main
sys.exit(main())
"""


def test_a_version_that_changed_while_it_was_copied_does_not_appear(offline, tmp_path_factory):
    source = shutil.copytree(offline.kinds["good"], tmp_path_factory.mktemp("source") / "1")
    words = [source / "assets.extra/golden/a", "publish", source, "--config", offline.root / "rollout.toml"]

    done = subprocess.run([sys.executable, "-c", CHANGED_WHILE_COPIED, *words], capture_output=True, text=True)

    assert done.returncode == 1
    assert "golden/a is changed" in done.stderr
    assert listed(offline) == ["1"]


def test_what_a_killed_publication_left_is_removed_by_the_next(offline):
    (offline.folder / ".publishing-abc/version").mkdir(parents=True)

    assert offline.run("publish", offline.kinds["good"]) == 0

    assert listed(offline) == ["1", "2", "rollout-history.jsonl"]


def test_nothing_is_published_where_the_servers_would_take_it_up_at_once(new_site, capsys):
    site = new_site(["127.0.0.1:1"])

    assert site.run("publish", site.kinds["good"]) == 1

    assert "promote 1" in capsys.readouterr().err
    assert listed(site) == ["1"]


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["done", "dry"])
def test_a_version_of_the_folder_by_another_number_is_one_more_that_the_servers_would_take_up(new_site, dry, capsys):
    site = new_site(["127.0.0.1:1"])

    assert site.run("publish", site.folder / "1", "--as", "20", *dry) == 1

    assert "promote 1" in capsys.readouterr().err
    assert listed(site) == ["1"]


def test_a_dry_run_says_the_number_that_it_would_be(offline, capsys):
    assert offline.run("publish", offline.folder / "1", "--as", "9", "--dry-run") == 0

    assert "would be version 9" in capsys.readouterr().out


def test_a_dry_run_refuses_what_would_be_refused(offline, capsys):
    assert offline.run("publish", offline.kinds["good"], "--as", "1", "--dry-run") == 1

    assert "never overwritten" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["-3", "0", "x"])
def test_what_is_no_number_of_a_version_is_refused(offline, number, capsys):
    with pytest.raises(SystemExit) as raised:
        offline.run("publish", offline.kinds["good"], f"--as={number}")

    assert raised.value.code == 2
    assert "no number of a version" in capsys.readouterr().err
    assert listed(offline) == ["1"]


def test_a_dry_run_changes_nothing(offline, capsys):
    before = offline.snapshot()

    assert offline.run("publish", offline.kinds["good"], "--dry-run") == 0

    assert "would be version 2" in capsys.readouterr().out
    assert offline.snapshot() == before


def test_a_second_rollout_is_told_who_holds_the_lock(offline, capsys):
    with locked(offline.root / "models.config.lock", "ace-rollout canary"):
        assert offline.run("publish", offline.kinds["good"]) == 1

    assert "(ace-rollout canary) holds" in capsys.readouterr().err
    assert offline.run("publish", offline.kinds["good"]) == 0


def test_a_lock_ends_with_the_process_that_held_it_however_that_ended(offline):
    hold = "import os, pathlib, sys\nfrom ace_rollout.lock import locked\n"
    hold += "with locked(pathlib.Path(sys.argv[1]), 'x'): os.kill(os.getpid(), 9)"
    held = subprocess.run([sys.executable, "-c", hold, offline.root / "models.config.lock"])
    assert held.returncode == -9

    assert offline.run("publish", offline.kinds["good"]) == 0
