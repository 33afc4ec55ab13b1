"""A whole set of drawn faces, written as FaceForensics++ frame sets are laid out.

    DIR/{train,val,test}/real/id0007_02.jpg           person 7, picture 2
    DIR/{train,val,test}/fake/id0007_id0012_05.jpg    person 7 with the face of person 12; id0007_id0007: with their own
    DIR/faces.json, DIR/faces.png                     what was drawn, and 8 × 8 of them to look at

A person and everyone whose face they are given appear in one split only. The same seed draws the same set, whatever
the number of processes.
"""

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from tqdm import tqdm

from ace_client.contract import FAKE, REAL

from .camera import Frame, expose, publish
from .contact_sheet import write_contact_sheet
from .drawing import Identity, draw_face, draw_identity, draw_shot
from .errors import FaceSetError
from .image_files import SPLITS
from .swap import swapped

IMAGES_PER_IDENTITY: Final = 4
OWN_FACE_SHARE: Final = 0.6  # of the fakes: altered copies of the person's own face

# What a random stream is for: its second seed.
_IDENTITY, _IMAGE, _PLAN = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class FaceSetPlan:
    """How many images of each split to draw, half of them real.

    Raises:
        FaceSetError: a count is not an even number of at least 2, or the seed is negative.
    """

    train: int
    val: int
    test: int
    seed: int

    def __post_init__(self) -> None:
        for split in SPLITS:
            count = getattr(self, split)
            if count < 2 or count % 2:
                raise FaceSetError(
                    f"The {split} split cannot have {count} images, half of them real and half fake: "
                    f"pass --{split} with an even number from 2 up."
                )
        if self.seed < 0:
            raise FaceSetError(f"The seed cannot be {self.seed}: pass --seed with 0 or more.")


@dataclass(frozen=True)
class Picture:
    """One file of a set, before it is drawn."""

    split: str
    identity: int
    donor: int | None  # whose face a fake is given
    number: int  # among the pictures of this person
    seed: int  # of the set

    @property
    def path(self) -> str:
        """Where the file lies in the set's folder."""
        if self.donor is None:
            return f"{self.split}/{REAL}/id{self.identity:04d}_{self.number:02d}.jpg"
        return f"{self.split}/{FAKE}/id{self.identity:04d}_id{self.donor:04d}_{self.number:02d}.jpg"


def write_face_set(folder: Path, plan: FaceSetPlan, *, processes: int | None = None) -> Path:
    """Draws the set into the folder, which appears whole or not at all, and returns it.

    Raises:
        FaceSetError: the folder exists and is not empty, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FaceSetError(f"{folder} is already in use, and faces are drawn into a new folder only. Name another one.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _appearing_whole(folder) as partial:
            pictures = _pictures(plan)
            for picture in pictures:
                (partial / picture.path).parent.mkdir(parents=True, exist_ok=True)
            _write_pictures(partial, pictures, processes or os.cpu_count() or 1)
            (partial / "faces.json").write_text(json.dumps(_description(plan, pictures), indent=2) + "\n")
            write_contact_sheet(partial, partial / "faces.png", seed=plan.seed)
    except OSError as error:
        raise FaceSetError(f"{folder} cannot be written: {error.strerror}. Name another folder.") from error
    return folder


@contextlib.contextmanager
def _appearing_whole(folder: Path) -> Iterator[Path]:
    """A folder beside the one wanted, renamed to it at the end and removed where the end is not reached."""
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent))
    try:
        yield partial
        partial.chmod(0o755)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _pictures(plan: FaceSetPlan) -> list[Picture]:
    """Every file of the set: each person's pictures real and fake by turns."""
    rng = np.random.default_rng([plan.seed, _PLAN])
    pictures: list[Picture] = []
    first = 0
    for split in SPLITS:
        count = getattr(plan, split)
        identities = -(-count // IMAGES_PER_IDENTITY)
        for index in range(count):
            identity, number = first + index // IMAGES_PER_IDENTITY, index % IMAGES_PER_IDENTITY
            other = first + int(rng.integers(identities))
            donor = (identity if rng.random() < OWN_FACE_SHARE else other) if index % 2 else None
            pictures.append(Picture(split, identity, donor, number, plan.seed))
        first += identities
    return pictures


def _write_pictures(folder: Path, pictures: list[Picture], processes: int) -> None:
    # Spawned, not forked: a fork of a process that runs TensorFlow's threads may hang.
    context = multiprocessing.get_context("spawn")
    with _ignoring_interrupts():
        pool = context.Pool(processes, initializer=cv2.setNumThreads, initargs=(1,))
    with pool:
        drawn = pool.imap_unordered(_encoded, pictures, chunksize=8)
        for path, jpeg in tqdm(drawn, total=len(pictures), desc="faces", unit="image", mininterval=0.5):
            (folder / path).write_bytes(jpeg)


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Processes started inside ignore Ctrl-C for good: it is the parent's to answer."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _encoded(picture: Picture) -> tuple[str, bytes]:
    return picture.path, draw_picture(picture)


def draw_picture(picture: Picture) -> bytes:
    """One file's content, which depends on nothing but its description."""
    rng = np.random.default_rng([picture.seed, _IMAGE, picture.identity, picture.number])
    shot = draw_shot(rng)
    face = draw_face(_identity(picture.seed, picture.identity), shot)
    frame = expose(face.image, rng)
    if picture.donor is not None:
        donor: Frame = frame
        if picture.donor != picture.identity:
            donor = expose(draw_face(_identity(picture.seed, picture.donor), shot).image, rng)
        frame = swapped(frame, donor, face.landmarks, rng)
    return publish(frame, rng)


def _identity(seed: int, number: int) -> Identity:
    return draw_identity(np.random.default_rng([seed, _IDENTITY, number]))


def _description(plan: FaceSetPlan, pictures: list[Picture]) -> dict[str, object]:
    """What `faces.json` says: the seed, and for each split its counts and who is in it."""
    description: dict[str, object] = {"seed": plan.seed}
    for split in SPLITS:
        mine = [picture for picture in pictures if picture.split == split]
        description[split] = {
            REAL: sum(picture.donor is None for picture in mine),
            FAKE: sum(picture.donor is not None for picture in mine),
            "identities": sorted({f"id{picture.identity:04d}" for picture in mine}),
        }
    return description
