"""Whether the graph's pixels are OpenCV's: 200 drawn images of every kind, and what the differences do to `prob_fake`.

    python export/benchmarks/pixels.py

Takes two minutes. The network is an untrained Xception at 299×299 with random batch-norm statistics, its last layer
drawn so steep that the logits of the drawn images have a standard deviation of 3. Expect no level difference above 1,
means below 0.0001, and `prob_fake` within 1e-3. Exit status 1 where a target is missed.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ace_export import golden, pixels, rare_files
from ace_export.parity import reference_pixels

SIZE = (299, 299)
SIZES = ((320, 280), (96, 96), (299, 299), (150, 220), (640, 480), (61, 43), (301, 500), (720, 540))  # height, width
MAX_LEVELS, MEAN_LEVELS, MAX_DELTA = 1, 0.2, 1e-3

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Compared:
    """The graph's pixels of one image and OpenCV's: uint8[299, 299, 3]."""

    kind: str
    found: Image
    expected: Image

    @property
    def levels(self) -> NDArray[np.int16]:
        """How far apart they are."""
        return np.abs(self.found.astype(np.int16) - self.expected)


def main() -> int:
    """Exit status 0 where every kind meets the targets."""
    preprocess = tf.function(
        lambda data: pixels.resize(pixels.decode(data), SIZE),
        autograph=False,
        input_signature=[tf.TensorSpec([], tf.string)],
    )
    compared = [Compared(kind, preprocess(data).numpy(), reference_pixels(data, SIZE)) for kind, data in images(200)]
    deltas = prob_fake_deltas(compared)
    print(f"{'kind':22}{'images':>7}{'max levels':>12}{'mean levels':>13}{'max Δ prob_fake':>17}")
    for kind in dict.fromkeys(each.kind for each in compared):
        _print_row(kind, [(each, delta) for each, delta in zip(compared, deltas, strict=True) if each.kind == kind])
    met = _print_row("all", list(zip(compared, deltas, strict=True)))
    targets = f"max {MAX_LEVELS} level, mean {MEAN_LEVELS} of each image, prob_fake within {MAX_DELTA:g}"
    print(f"target: {targets}: {'met' if met else 'NOT met'}")
    return 0 if met else 1


def _print_row(kind: str, rows: list[tuple[Compared, float]]) -> bool:
    levels = max(int(each.levels.max()) for each, _ in rows)
    mean = max(float(each.levels.mean()) for each, _ in rows)
    delta = max(delta for _, delta in rows)
    print(f"{kind:22}{len(rows):7}{levels:12}{mean:13.6f}{delta:17.1e}")
    return levels <= MAX_LEVELS and mean <= MEAN_LEVELS and delta <= MAX_DELTA


def images(count: int) -> Iterator[tuple[str, bytes]]:
    """Kinds by turns, each time of another size and quality: name and encoded bytes."""
    rng = np.random.default_rng(golden.SEED)
    for number in range(count):
        kind = list(KINDS)[number % len(KINDS)]
        height, width = SIZES[(number // len(KINDS) + number) % len(SIZES)]
        yield kind, KINDS[kind](golden.scene(rng, height, width), 40 + 7 * (number // len(KINDS)) % 59)


def _encoded(suffix: str, image: NDArray[np.uint8] | NDArray[np.uint16], *parameters: int) -> bytes:
    return cv2.imencode(suffix, image, parameters)[1].tobytes()


def _jpeg(image: Image, quality: int, *parameters: int) -> bytes:
    return _encoded(".jpg", image, cv2.IMWRITE_JPEG_QUALITY, quality, *parameters)


def _turned(number: int) -> Callable[[Image, int], bytes]:
    return lambda image, quality: rare_files.jpeg_with_exif(_jpeg(image, quality), rare_files.exif(number))


def _channels(transform: int | None) -> Callable[[Image, int], bytes]:
    def encoded(image: Image, quality: int) -> bytes:
        planes = [*cv2.split(image), golden.grey(image)]
        return rare_files.cmyk_jpeg(
            [np.asarray(plane, np.uint8) for plane in planes], quality=quality, transform=transform
        )

    return encoded


_COLOURS = np.random.default_rng(1).integers(0, 256, (256, 4), np.uint8)

KINDS: dict[str, Callable[[Image, int], bytes]] = {
    "JPEG baseline": _jpeg,
    "JPEG progressive": lambda image, quality: _jpeg(image, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "JPEG grey": lambda image, quality: _jpeg(golden.grey(image), quality),
    **{f"JPEG EXIF {number}": _turned(number) for number in range(1, 9)},
    "JPEG CMYK": _channels(None),
    "JPEG CMYK, Adobe": _channels(0),
    "JPEG YCCK": _channels(2),
    "PNG": lambda image, _: _encoded(".png", image),
    "PNG 16 bits": lambda image, _: _encoded(".png", image.astype(np.uint16) * 257 - image // 2),
    "PNG grey": lambda image, _: _encoded(".png", golden.grey(image)),
    "PNG palette": lambda image, _: rare_files.palette_png(golden.grey(image), np.ascontiguousarray(_COLOURS[:, :3])),
    "PNG alpha": lambda image, _: _encoded(".png", golden.with_alpha(image)),
    "BMP": lambda image, _: _encoded(".bmp", image),
    "BMP palette": lambda image, _: rare_files.bmp(
        np.pad(golden.grey(image), [(0, 0), (0, -image.shape[1] % 4)]), image.shape[1], 8, colours=_COLOURS
    ),
    "GIF": lambda image, _: rare_files.gif(golden.grey(image) // 2, np.ascontiguousarray(_COLOURS[:128, :3])),
    "GIF transparent": lambda image, _: rare_files.gif(
        golden.grey(image) // 2, np.ascontiguousarray(_COLOURS[:128, :3]), transparent=60, background=9
    ),
    "WebP": lambda image, quality: _encoded(".webp", image, cv2.IMWRITE_WEBP_QUALITY, quality),
    "WebP alpha": lambda image, quality: _encoded(".webp", golden.with_alpha(image), cv2.IMWRITE_WEBP_QUALITY, quality),
}


def prob_fake_deltas(compared: list[Compared]) -> list[float]:
    """How far apart the network's answers are to each image's two versions; where they are equal, nothing is asked."""
    network = steep_network(np.stack([each.expected for each in compared[:16]]))
    differing = [number for number, each in enumerate(compared) if each.levels.any()]
    deltas = [0.0] * len(compared)
    if differing:
        pairs = np.stack([version for n in differing for version in (compared[n].found, compared[n].expected)])
        answers = network.predict(_scaled(pairs), batch_size=8, verbose=0)[:, 0].reshape(-1, 2)
        for number, (found, expected) in zip(differing, answers, strict=True):
            deltas[number] = abs(float(found) - float(expected))
    return deltas


def steep_network(sample: Image) -> keras.Model:
    """An untrained Xception with random batch-norm statistics, whose logits of the sample have standard deviation 3."""
    keras.utils.set_random_seed(7)
    base = keras.applications.Xception(weights=None, include_top=False, pooling="avg", input_shape=(*SIZE, 3))
    rng = np.random.default_rng(7)
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, *_ = layer.get_weights()
            shape = gamma.shape
            layer.set_weights(
                [
                    rng.normal(1, 0.2, shape),
                    rng.normal(0, 0.2, shape),
                    rng.normal(0, 0.2, shape),
                    rng.uniform(0.5, 1.5, shape),
                ]
            )
    features = base.predict(_scaled(sample), batch_size=8, verbose=0)
    kernel = rng.normal(size=features.shape[1])
    logits = features @ kernel
    kernel *= 3 / logits.std()
    dense = keras.layers.Dense(1, activation="sigmoid")
    network = keras.Model(base.input, dense(base.output))
    dense.set_weights([kernel[:, np.newaxis], -(features @ kernel).mean(keepdims=True)])
    return network


def _scaled(images: Image) -> NDArray[np.float32]:
    return images / np.float32(127.5) - 1


if __name__ == "__main__":
    sys.exit(main())
