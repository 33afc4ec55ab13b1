"""A whole set of drawn faces, written as FaceForensics++ frame sets are laid out.

    DIR/{train,val,test}/real/id0007_02.jpg           person 7, picture 2
    DIR/{train,val,test}/fake/id0007_id0012_05.jpg    person 7 with the face of person 12; id0007_id0007: with their own
    DIR/manifest.csv, DIR/faces.json                  what each file is, and what was drawn
    DIR/faces.png                                     8 × 8 of them to look at

A person and everyone whose face they are given appear in one split only. The same seed draws the same set, whatever
the number of processes.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from ace_client.contract import FAKE, REAL

from .camera import Frame, expose, publish
from .contact_sheet import write_contact_sheet
from .drawing import Identity, draw_face, draw_identity, draw_shot
from .errors import FaceSetError
from .image_files import SPLITS
from .manifest import ManifestEntry, write_manifest
from .new_folder import appearing_whole
from .swap import swapped
from .workers import spread

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
    with appearing_whole(folder) as partial:
        pictures = _pictures(plan)
        for picture in pictures:
            (partial / picture.path).parent.mkdir(parents=True, exist_ok=True)
        _write_pictures(partial, pictures, processes)
        write_manifest(partial, [_entry(picture) for picture in pictures])
        (partial / "faces.json").write_text(json.dumps(_description(plan, pictures), indent=2) + "\n")
        write_contact_sheet(partial, partial / "faces.png", seed=plan.seed)
    return folder


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


def _write_pictures(folder: Path, pictures: list[Picture], processes: int | None) -> None:
    with spread(_encoded, pictures, processes=processes) as drawn:
        for path, jpeg in tqdm(drawn, total=len(pictures), desc="faces", unit="image", mininterval=0.5):
            (folder / path).write_bytes(jpeg)


def _entry(picture: Picture) -> ManifestEntry:
    """The picture as the manifest has it; one person's with one face are a video's frames, since they are alike."""
    split, label, name = picture.path.split("/")
    fake = picture.donor is not None
    return ManifestEntry(
        file=picture.path,
        split=split,
        label=label,
        video=f"{label}/{name.rpartition('_')[0]}",
        identity=f"id{picture.identity:04d}",
        donor=f"id{picture.donor:04d}" if fake else "",
        manipulation=("own face" if picture.donor == picture.identity else "another's face") if fake else "",
        frame=picture.number,
    )


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
