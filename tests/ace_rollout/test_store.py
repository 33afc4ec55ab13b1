"""Versions that are published to where fsspec writes: its own memory, and its own view of this machine's disk."""

import socketserver
import subprocess
import sys
import threading

import fsspec
import pytest

from ace_rollout.versions import hashes


@pytest.fixture
def stored(new_site):
    """A site whose servers, which are not there, read from memory."""
    site = new_site(["127.0.0.1:1"])
    name_store(site, f"memory://{site.model}")
    yield site
    memory = fsspec.filesystem("memory")
    if memory.exists(f"/{site.model}"):
        memory.rm(f"/{site.model}", recursive=True)


def name_store(site, url: str) -> None:
    text = site.config.read_text().replace(str(site.folder), url)
    site.config.write_text(
        text.replace('"tensorflow"', '"tensorflow" model_version_policy { specific { versions: 1 } }')
    )
    site.write_settings(f'store = "{url}"\nfolder = "models/detector"\n')


def in_memory(site) -> dict[str, bytes]:
    """What is there, by path below the model's place."""
    memory = fsspec.filesystem("memory")
    return {path.removeprefix(f"/{site.model}/"): memory.cat(path) for path in memory.find(f"/{site.model}")}


def of_folder(site, version: int) -> dict[str, bytes]:
    folder = site.folder / str(version)
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {f"{version}/{path.relative_to(folder)}": path.read_bytes() for path in paths}


def test_a_published_version_is_in_the_store_as_in_the_folder(stored):
    assert stored.run("publish", stored.kinds["good"]) == 0

    assert in_memory(stored) == of_folder(stored, 2) != {}


def test_a_version_that_lies_in_the_folder_already_is_copied_to_the_store_once(stored):
    assert stored.run("publish", stored.folder / "1") == 0
    assert in_memory(stored) == of_folder(stored, 1)

    fsspec.filesystem("memory").pipe(f"/{stored.model}/1/saved_model.pb", b"of another machine")
    assert stored.run("publish", stored.folder / "1") == 0
    assert in_memory(stored)["1/saved_model.pb"] == b"of another machine"


def test_a_number_that_another_machine_gave_is_not_given_again(stored, capsys):
    fsspec.filesystem("memory").pipe(f"/{stored.model}/7/saved_model.pb", b"of another machine")

    assert stored.run("publish", stored.kinds["good"], "--as", "7") == 1
    assert "never overwritten" in capsys.readouterr().err
    assert stored.run("publish", stored.kinds["good"]) == 0
    assert capsys.readouterr().out == f"{stored.folder}/8\n"


def test_what_a_killed_upload_left_is_no_version_and_goes_with_the_next(stored):
    fsspec.filesystem("memory").pipe(f"/{stored.model}/2/variables/variables.index", b"half")

    assert stored.run("publish", stored.kinds["good"]) == 0

    assert in_memory(stored) == of_folder(stored, 2)


def test_a_retired_version_goes_from_the_store_too(new_site, tf_serving):
    site = new_site([tf_serving.address])
    name_store(site, f"memory://{site.model}")
    for version in (2, 3, 4):
        site.put(version)
        assert site.run("publish", site.folder / str(version)) == 0
    assert site.run("promote", "1") == 0

    assert site.run("retire", "--keep", "1") == 0

    assert in_memory(site) == of_folder(site, 4)


def test_what_the_store_does_not_take_is_in_the_folder_neither(new_site, capsys):
    site = new_site(["127.0.0.1:1"])
    (site.root / "a file").write_text("where a folder should be")
    name_store(site, f"file://{site.root}/a file")

    assert site.run("publish", site.kinds["good"]) == 1

    assert "cannot be written to" in capsys.readouterr().err
    assert sorted(child.name for child in site.folder.iterdir()) == ["1"]


# Runs the command line in a process that ends, as by SIGKILL, when it begins to write this file.
KILLED_AT = """
import os, sys
file = sys.argv.pop(1)
def hook(event, arguments):
    if event == "open" and arguments[0] == file and "w" in (arguments[1] or ""):
        os.kill(os.getpid(), 9)
sys.addaudithook(hook)
from ace_rollout.__main__ import main
sys.exit(main())
"""


def test_the_saved_model_comes_last_so_that_no_server_loads_half_a_version(new_site):
    site = new_site(["127.0.0.1:1"])
    there = site.root / "bucket"
    name_store(site, f"file://{there}")
    source = site.root / "source"
    for name in ("saved_model.pb", "variables/variables.index"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    words = [there / "2/saved_model.pb", "publish", source, "--config", site.root / "rollout.toml"]

    killed = subprocess.run([sys.executable, "-c", KILLED_AT, *map(str, words)], timeout=60)

    assert killed.returncode == -9
    assert list(hashes(there / "2")) == ["variables/variables.index"]
    assert site.run("publish", source) == 0
    assert hashes(there / "2") == hashes(source)


@pytest.mark.parametrize(
    ("url", "words"), [("oss://bucket/models", "ossfs"), ("no-such://models", "no-such://models cannot be reached")]
)
def test_a_protocol_that_nobody_here_speaks_is_named_with_what_to_install(new_site, url, words, capsys):
    site = new_site(["127.0.0.1:1"])
    name_store(site, url)

    assert site.run("publish", site.kinds["good"]) == 1

    assert words in capsys.readouterr().err


def test_an_error_of_a_file_systems_own_is_said_in_words(new_site, capsys):
    class Refusal(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"530 not you\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Refusal) as server:
        threading.Thread(target=server.serve_forever).start()
        site = new_site(["127.0.0.1:1"])
        name_store(site, f"ftp://127.0.0.1:{server.server_address[1]}/models")

        status = site.run("publish", site.kinds["good"])
        server.shutdown()

    assert (status, "cannot be reached: 530 not you" in capsys.readouterr().err) == (1, True)


def test_without_fsspec_the_extra_is_named(new_site):
    site = new_site(["127.0.0.1:1"])
    name_store(site, "memory://models")
    without = "import sys\nsys.modules['fsspec'] = None\nfrom ace_rollout.__main__ import main\nsys.exit(main())"
    words = ["publish", site.kinds["good"], "--config", site.root / "rollout.toml"]

    done = subprocess.run([sys.executable, "-c", without, *map(str, words)], capture_output=True, text=True)

    assert done.returncode == 1
    assert "pip install 'ace-detector[fsspec]'" in done.stderr


def test_versions_at_a_url_need_a_folder_beside(new_site, capsys):
    site = new_site(["127.0.0.1:1"])
    site.config.write_text(site.config.read_text().replace(str(site.folder), "s3://bucket/models"))

    assert site.run("status") == 1

    assert "`folder`" in capsys.readouterr().err
