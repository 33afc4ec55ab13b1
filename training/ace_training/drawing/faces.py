"""One drawn face: a person and a shot in, a picture and its landmarks out."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from . import eyes, hair, head, mouth
from .identity import Identity
from .painting import CANVAS_PX, ORIGIN_PX, SIDES, UNIT_PX, Floats, Painting, Points, floats, noise
from .relief import depth_of, light_on
from .shot import Shot

PICTURE_PX: Final = CANVAS_PX
_TURN: Final = floats([0.38, 0.3])  # shift of the surface a half face height nearer, at yaw and pitch 1


@dataclass(frozen=True)
class Face:
    """A picture of one person."""

    image: Floats  # float32[size, size, 3], RGB in [0, 1]
    landmarks: Points  # float32[k, 2]: jaw and brows, whose hull is the face, in pixels


def draw_face(identity: Identity, shot: Shot, *, size_px: int = PICTURE_PX) -> Face:
    """The person as the shot shows them, in a square picture."""
    outline = head.face_outline(identity, shot)
    depth = depth_of(identity, shot, outline)
    person = _paint_person(identity, shot, outline, depth)
    to_picture = _placement(shot, size_px)
    source_x, source_y = _turned(depth, shot, to_picture, size_px)
    rgba = cv2.merge([*person.rgb, person.alpha])
    rgba = cv2.remap(rgba, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    *planes, alpha = cv2.split(rgba)
    behind = cv2.split(_background(shot, size_px))
    image = [
        np.clip((back + alpha * (front - back)) * tint, 0, 1)
        for front, back, tint in zip(planes, behind, shot.light_colour, strict=True)
    ]
    return Face(cv2.merge(image), _landmarks(identity, shot, outline, depth, to_picture))


def _paint_person(identity: Identity, shot: Shot, outline: Points, depth: Floats) -> Painting:
    """From back to front: everything in even light, then the light on it, then what shines."""
    person = Painting()
    hair.paint_back_hair(person, identity)
    head.paint_body(person, identity, shot)
    head.paint_ears(person, identity)
    head.paint_skin(person, identity, outline)
    mouth.paint_nose(person, identity, shot)
    mouth.paint_mouth(person, identity, shot)
    hair.paint_beard(person, identity, outline)
    eyes.paint_eyes(person, identity, shot)
    eyes.paint_brows(person, identity, shot)
    hair.paint_front_hair(person, identity)
    dull, gloss = light_on(depth, shot)
    person.rgb *= shot.exposure * dull
    person.rgb += 0.22 * gloss
    eyes.paint_catchlights(person, identity, shot)
    eyes.paint_glasses(person, identity)
    return person


def _placement(shot: Shot, size_px: int) -> Floats:
    """The 2 × 3 matrix from the canvas's pixels to the picture's: size, roll and place."""
    scale = shot.zoom * size_px / 2 / UNIT_PX
    matrix = cv2.getRotationMatrix2D(ORIGIN_PX, shot.roll_deg, scale)
    place = size_px / 2 * np.array([1 + shot.offset_x, 1 + shot.offset_y])
    matrix[:, 2] += place - ORIGIN_PX
    return floats(matrix)


def _turned(depth: Floats, shot: Shot, to_picture: Floats, size_px: int) -> tuple[Floats, Floats]:
    """For each pixel of the picture, where on the canvas it is seen: what stands out shifts the way the head turns.

    Beyond the canvas its edge goes on, so that in a wider picture the body reaches the lower edge.
    """
    shift = _TURN * floats([shot.yaw, shot.pitch]) * UNIT_PX
    at = np.arange(CANVAS_PX, dtype=np.float32)
    x, y = np.meshgrid(at, at)
    source = np.dstack([x - shift[0] * depth, y - shift[1] * depth])
    size = (size_px, size_px)
    source = cv2.warpAffine(source, to_picture, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return source[..., 0], source[..., 1]


def _landmarks(identity: Identity, shot: Shot, outline: Points, depth: Floats, to_picture: Floats) -> Points:
    """The jaw from ear to ear and both brows, in the picture's pixels."""
    brows = [eyes.brow_line(identity, shot, side) for side in SIDES]
    points = np.concatenate([outline[outline[:, 1] > 0], *brows]) * UNIT_PX + floats(ORIGIN_PX)
    column, row = np.clip(points.round().astype(int), 0, CANVAS_PX - 1).T
    points = points + _TURN * floats([shot.yaw, shot.pitch]) * UNIT_PX * depth[row, column, None]
    return floats(points @ to_picture[:, :2].T + to_picture[:, 2])


def _background(shot: Shot, size_px: int) -> Floats:
    """A room out of focus: a gradient, a few things with edges, blurred."""
    rng = np.random.default_rng(shot.seed)
    small = 100
    ramp = np.linspace(-1, 1, small, dtype=np.float32)
    level = 1 + rng.uniform(-0.25, 0.25) * ramp[:, None] + rng.uniform(-0.25, 0.25) * ramp[None, :]
    scene = floats(level[..., None] * shot.background)
    for _ in range(int(rng.integers(0, 9))):
        x, y, width, height = rng.uniform([-20, -20, 5, 10], [100, 100, 50, 90]).astype(int).tolist()
        contrast = shot.background_detail * (rng.uniform(-0.5, 0.5) + rng.uniform(-0.2, 0.2, 3))
        colour = shot.background * (1 + contrast)
        cv2.rectangle(scene, (x, y), (x + width, y + height), colour.tolist(), -1, cv2.LINE_AA)
    scene = cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.8, 5))
    scene *= 1 + 0.04 * shot.background_detail * noise(rng, (40, 40), (small, small))[..., None]
    return floats(cv2.resize(scene, (size_px, size_px), interpolation=cv2.INTER_CUBIC))
