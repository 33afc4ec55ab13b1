"""Faces altered as face swaps alter them: a region is replaced by a slightly different copy, and blended in.

After "Detecting Deepfakes with Self-Blended Images" (Shiohara and Yamasaki, 2022, arXiv:2204.08376): what a detector
has to find is not a face that looks odd but the seam between two pictures whose colour, sharpness, noise or geometry
do not agree.
"""

import cv2
import numpy as np

from .camera import Frame, resampled, sharpened
from .drawing import Floats, Points


def swapped(target: Frame, donor: Frame, landmarks: Points, rng: np.random.Generator, *, strength: float = 1) -> Frame:
    """The target with the face of the donor, which is a picture of the same pose, and may be the target itself.

    At half the strength colour, geometry and sharpness are half as far off.
    """
    mask = face_mask(landmarks, target.shape[0], rng)
    if donor is not target:
        donor = matched(donor, target, mask)
    donor = altered(donor, landmarks, rng, strength)
    blended: Frame = cv2.blendLinear(donor, target, mask, 1 - mask)
    return blended


def face_mask(landmarks: Points, size: int, rng: np.random.Generator) -> Floats:
    """float32[size, size] in [0, 1]: the landmarks' hull, grown or shrunk, off its place, with a feathered edge."""
    centre = landmarks.mean(0)
    grown = centre + (landmarks - centre) * rng.uniform(0.82, 1.06, 2) + rng.normal(0, 0.01 * size, 2)
    hull = cv2.convexHull(grown.astype(np.float32)).round().astype(np.int32)
    mask = cv2.fillConvexPoly(np.zeros((size, size), np.float32), hull, 1.0)
    feathered: Floats = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.004, 0.014) * size)
    return feathered


def matched(donor: Frame, target: Frame, mask: Floats) -> Frame:
    """The donor with the target's mean and deviation of each channel inside the mask."""
    inside = (mask > 0.5).astype(np.uint8)
    have_mean, have_deviation = cv2.meanStdDev(donor, mask=inside)
    want_mean, want_deviation = cv2.meanStdDev(target, mask=inside)
    gain = np.clip(want_deviation / np.maximum(have_deviation, 1), 0.5, 2)
    return _levelled(donor, gain, want_mean - gain * have_mean)


def altered(donor: Frame, landmarks: Points, rng: np.random.Generator, strength: float = 1) -> Frame:
    """The donor changed in colour and geometry, and in sharpness or resolution or both."""
    steps = [_recoloured, _moved, *[[_refocused], [_rescaled], [_refocused, _rescaled]][rng.integers(3)]]
    for chosen in rng.permutation(len(steps)):
        donor = steps[chosen](donor, landmarks, rng, strength)
    return donor


def _recoloured(frame: Frame, _: Points, rng: np.random.Generator, strength: float) -> Frame:
    return _levelled(frame, np.exp(strength * _off(rng, 0.05, 0.18, 3)), strength * _off(rng, 0, 8, 3))


def _moved(frame: Frame, landmarks: Points, rng: np.random.Generator, strength: float) -> Frame:
    size = frame.shape[0]
    x, y = landmarks.mean(0).tolist()
    turn_deg, growth = strength * _off(rng, 1.5, 5), strength * _off(rng, 0.03, 0.1)
    matrix = cv2.getRotationMatrix2D((x, y), float(turn_deg[0]), float(1 + growth[0]))
    matrix[:, 2] += strength * size * _off(rng, 0.01, 0.035, 2)
    moved: Frame = cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return moved


def _refocused(frame: Frame, _: Points, rng: np.random.Generator, strength: float) -> Frame:
    if rng.random() < 0.35:
        return sharpened(frame, strength * rng.uniform(0.8, 2.0))
    soft: Frame = cv2.GaussianBlur(frame, (0, 0), strength * rng.uniform(1.2, 2.8))
    return soft


def _rescaled(frame: Frame, _: Points, rng: np.random.Generator, strength: float) -> Frame:
    return resampled(frame, rng.uniform(0.2, 0.4) ** strength, rng)


def _off(rng: np.random.Generator, least: float, most: float, count: int = 1) -> Floats:
    """Numbers on either side of 0 and not too near to it, lest the copy be no different."""
    numbers: Floats = rng.choice([-1, 1], count) * rng.uniform(least, most, count)
    return numbers


def _levelled(frame: Frame, gain: Floats, shift: Floats) -> Frame:
    """Each channel times its gain plus its shift."""
    levels = np.arange(256) * np.reshape(gain, (3, 1)) + np.reshape(shift, (3, 1))  # [channel, level]
    levelled: Frame = cv2.LUT(frame, np.clip(levels + 0.5, 0, 255).astype(np.uint8).T[None])
    return levelled
