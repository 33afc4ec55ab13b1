"""Parametric faces: an identity and a shot in, a picture and its landmarks out. Knows nothing of fakes or files."""

from .faces import PICTURE_PX, Face, draw_face
from .identity import Identity, draw_identity
from .painting import Floats, Points
from .shot import Shot, draw_shot

__all__ = ["PICTURE_PX", "Face", "Floats", "Identity", "Points", "Shot", "draw_face", "draw_identity", "draw_shot"]
