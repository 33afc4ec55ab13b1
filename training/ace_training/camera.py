"""From a drawn scene to a file: lens and sensor first, then what happens to pictures that are passed on."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from .drawing import Floats

Frame = npt.NDArray[np.uint8]  # [height, width, 3], RGB

SMALLEST_PX: Final = 160
LARGEST_PX: Final = 400
WORST_QUALITY: Final = 55
BEST_QUALITY: Final = 95
INTERPOLATIONS: Final = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)


def expose(image: Floats, rng: np.random.Generator) -> Frame:
    """The scene as a sensor records it: a little soft, with noise that grows with the light, and more in some shots."""
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9))
    grain = rng.standard_normal(image.shape, dtype=np.float32)
    noisy = soft + rng.uniform(0.003, 0.025) * (0.5 + np.sqrt(soft)) * grain
    return _to_frame(noisy)


def publish(frame: Frame, rng: np.random.Generator) -> bytes:
    """The frame as a JPEG file of any usual size and quality, once re-sampled or softened on its way, or not.

    Real and altered pictures both go through this, so that neither size nor sharpness nor quality tells them apart.
    """
    frame = passed_on(frame, rng)
    size = int(rng.integers(SMALLEST_PX, LARGEST_PX + 1))
    interpolation = cv2.INTER_AREA if size < len(frame) else cv2.INTER_CUBIC
    frame = cv2.resize(frame, (size, size), interpolation=interpolation)
    quality = int(rng.integers(WORST_QUALITY, BEST_QUALITY + 1))
    _, encoded = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()


def passed_on(frame: Frame, rng: np.random.Generator) -> Frame:
    """The frame re-sampled, softened or sharpened on its way, or not; as large as before."""
    if rng.random() < 0.5:
        frame = resampled(frame, rng.uniform(0.5, 0.95), rng)
    if rng.random() < 0.4:
        frame = cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.3, 1.0))
    elif rng.random() < 0.4:
        frame = sharpened(frame, rng.uniform(0.2, 0.9))
    return frame


def resampled(frame: Frame, scale: float, rng: np.random.Generator) -> Frame:
    """The frame made smaller by `scale` and as large as before again."""
    height, width = frame.shape[:2]
    down, up = (INTERPOLATIONS[i] for i in rng.integers(len(INTERPOLATIONS), size=2))
    small = cv2.resize(frame, (round(width * scale), round(height * scale)), interpolation=down)
    enlarged: Frame = cv2.resize(small, (width, height), interpolation=up)
    return enlarged


def sharpened(frame: Frame, amount: float) -> Frame:
    """The frame with its edges raised."""
    crisp: Frame = cv2.addWeighted(frame, 1 + amount, cv2.GaussianBlur(frame, (0, 0), 1.2), -amount, 0)
    return crisp


def _to_frame(image: Floats) -> Frame:
    frame: Frame = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
    return frame
