import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ace_training.config import Config
from ace_training.config_file import read_config
from ace_training.face_set import FaceSetPlan, write_face_set
from ace_training.prepare import CropSettings, prepare
from ace_training.sources import find_in_tree
from ace_training.splitting import split_officially
from ace_training.video_set import VideoSetPlan, write_video_set

Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set large enough to judge its difficulty by."""
    plan = FaceSetPlan(train=200, val=2, test=200, seed=7)
    return write_face_set(tmp_path_factory.mktemp("faces") / "faces", plan)


@pytest.fixture(scope="session")
def few_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest set that has two people in each split."""
    plan = FaceSetPlan(train=8, val=6, test=6, seed=3)
    return write_face_set(tmp_path_factory.mktemp("few") / "faces", plan)


@pytest.fixture(scope="session")
def smoke() -> Config:
    """The real network at its smallest, with every augmentation on."""
    return read_config("smoke")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command as a person gives it: in another folder, without this session's settings of TensorFlow."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}

    def run_command(*arguments: str | Path, **changed: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "ace_training", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment | changed,
        )

    return run_command


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest tree of videos: two people in each split."""
    plan = VideoSetPlan(train=2, val=2, test=2, frames=4, seed=4)  # of a seed whose faces are found in every frame
    return write_video_set(tmp_path_factory.mktemp("videos") / "videos", plan)


@pytest.fixture(scope="session")
def prepared(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two crops of each of the videos."""
    sources = find_in_tree(videos, "c23")
    split_of = split_officially(sources, videos / "splits")
    return prepare(tmp_path_factory.mktemp("prepared") / "set", sources, split_of, CropSettings(frames=2))
