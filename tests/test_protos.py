"""The checked-in message classes are what the .proto files beside them give; `make protos` writes them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = sorted({path.parent for path in ROOT.glob("*/ace_*/**/*.proto")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_the_checked_in_classes_are_those_of_the_sources(folder, tmp_path):
    path = folder.parents[1]
    sources = sorted(str(source.relative_to(path)) for source in folder.glob("*.proto"))

    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([*protoc, *sources], cwd=path, check=True)

    generated = {file.name: file.read_bytes() for file in tmp_path.rglob("*_pb2.py*")}
    assert generated == {file.name: file.read_bytes() for file in folder.glob("*_pb2.py*")}


def test_every_package_with_messages_are_held_to_it():
    assert [folder.parent.name for folder in FOLDERS] == ["ace_client", "ace_rollout", "ace_server"]
