"""How far apart perceptual hashes are: of two images of two splits, and of an image and what it becomes on its way.

    python training/benchmarks/near_duplicates.py runs/faces

Prints, for each distance in bits, how many pairs of different images it takes for one, and how many copies it finds;
then the same for the distance that the audit goes by together with a correlation of thumbnails. Takes half a minute.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ace_training.image_files import SPLITS
from ace_training.manifest import read_manifest
from ace_training.perceptual_hash import LEAST_CORRELATION, MOST_BITS, Grey, Prints, perceptual_hash, thumbnail

_BITS = range(0, 17, 2)  # half of a hash's bits are 1: an even number differs
_COPIED = 400  # images


def _jpeg(quality: int) -> Callable[[Grey], Grey]:
    def encoded(grey: Grey) -> Grey:
        _, jpeg = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)

    return encoded


def _scaled(scale: float) -> Callable[[Grey], Grey]:
    return lambda grey: cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _cropped(share: float) -> Callable[[Grey], Grey]:
    def cut(grey: Grey) -> Grey:
        edge = max(1, round(share * min(grey.shape)))
        return grey[edge:-edge, edge:-edge]

    return cut


WAYS: dict[str, Callable[[Grey], Grey]] = {
    "JPEG 90": _jpeg(90),
    "JPEG 50": _jpeg(50),
    "JPEG 20": _jpeg(20),
    "half": _scaled(0.5),
    "quarter": _scaled(0.25),
    "double": _scaled(2),
    "half, 50": lambda grey: _jpeg(50)(_scaled(0.5)(grey)),
    "blur 2 px": lambda grey: cv2.GaussianBlur(grey, (0, 0), 2),
    "brighter": lambda grey: cv2.convertScaleAbs(grey, alpha=1.2, beta=10),
    "cut 1 %": _cropped(0.01),
    "cut 3 %": _cropped(0.03),
    "mirrored": lambda grey: cv2.flip(grey, 1),
}


def _prints(images: list[Grey]) -> Prints:
    return Prints(
        np.array([perceptual_hash(image) for image in images], np.uint64), np.stack([thumbnail(one) for one in images])
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(usage="python training/benchmarks/near_duplicates.py runs/faces")
    parser.add_argument("data", type=Path, help="a set without duplicates")
    data = parser.parse_args().data
    images: dict[str, list[Grey]] = {split: [] for split in SPLITS}
    for entry in read_manifest(data):
        images[entry.split].append(cv2.imread(str(data / entry.file), cv2.IMREAD_GRAYSCALE))
    train, rest = _prints(images["train"]), _prints(images["val"] + images["test"])
    everything = [image for split in SPLITS for image in images[split]]
    some = [everything[at] for at in np.random.default_rng(0).permutation(len(everything))[:_COPIED]]
    originals, copies = _prints(some), {name: _prints([way(one) for one in some]) for name, way in WAYS.items()}
    bits = {name: np.bitwise_count(originals.hashes ^ copy.hashes) for name, copy in copies.items()}
    alike = {name: (originals.thumbnails * copy.thumbnails).sum(1) for name, copy in copies.items()}
    apart, strange = np.bitwise_count(train.hashes[:, None] ^ rest.hashes), train.thumbnails @ rest.thumbnails.T

    print(f"{len(train.hashes):,} × {len(rest.hashes):,} images of two splits, {len(some)} copied in each way.")
    print(f"{'':15}{'false':>8}" + "".join(f"{name:>10}" for name in WAYS) + "   % found")
    for most in _BITS:
        found = "".join(f"{100 * np.mean(distance <= most):10.1f}" for distance in bits.values())
        print(f"{f'{most} bits':15}{(apart <= most).sum():8,}{found}")
    for least in (0.94, 0.96, LEAST_CORRELATION, 0.99):
        found = "".join(f"{100 * np.mean((alike[name] >= least) & (bits[name] <= MOST_BITS)):10.1f}" for name in WAYS)
        print(f"{f'{MOST_BITS} and {least}':15}{((apart <= MOST_BITS) & (strange >= least)).sum():8,}{found}")


if __name__ == "__main__":
    main()
