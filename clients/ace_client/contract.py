"""The one place where the names that exporter, server's users and clients agree on are written down.

Standard library only: whoever needs a name imports it from here and pays for nothing else.
"""

from typing import Final

MODEL_NAME: Final = "detector"

# Signatures.
SERVING_DEFAULT: Final = "serving_default"  # encoded images in, verdicts out
PIXELS: Final = "pixels"  # decoded and resized images in, verdicts out

# Inputs.
IMAGE_BYTES: Final = "image_bytes"  # string[n]: JPEG, PNG, BMP, WebP or GIF (first frame)
PIXELS_INPUT: Final = "pixels"  # uint8[n, size, size, 3], RGB

# Outputs.
PROB_FAKE: Final = "prob_fake"  # float32[n] in [0, 1]; NaN where the image could not be read
LABEL: Final = "label"  # string[n]: `real`, `fake`, or empty where the image could not be read
ERROR: Final = "error"  # string[n]: why the image could not be read; empty where it could

REAL: Final = "real"
FAKE: Final = "fake"

DEFAULT_THRESHOLD: Final = 0.5  # at or above it an image is labelled fake, where nobody chose otherwise
