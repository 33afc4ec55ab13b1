"""The one place where the names that exporter, server's users and clients agree on are written down.

Standard library only: whoever needs a name imports it from here and pays for nothing else.
"""

from typing import Final

VERSION: Final = 1  # of what stands here; a manifest names the one that its version was exported under
MODEL_NAME: Final = "detector"

# Signatures.
SERVING_DEFAULT: Final = "serving_default"  # encoded images in, verdicts out
PIXELS: Final = "pixels"  # decoded and resized images in, verdicts out
FEATURES: Final = "features"  # encoded images in, what the network's last layer sees of them out
CLASSIFY: Final = "classify"  # serialized tf.Examples in, TensorFlow Serving's Classify answers out
REGRESS: Final = "regress"  # serialized tf.Examples in, TensorFlow Serving's Regress answers out

# What TensorFlow Serving requires a signature to name that Classify or Regress is to serve.
METHODS: Final = {CLASSIFY: "tensorflow/serving/classify", REGRESS: "tensorflow/serving/regress"}

# Inputs.
IMAGE_BYTES: Final = "image_bytes"  # string[n]: JPEG, PNG, BMP, WebP or GIF (first frame)
PIXELS_INPUT: Final = "pixels"  # uint8[n, height, width, 3], RGB: the size of the network's input
EXAMPLES: Final = "inputs"  # string[n]: serialized tf.Examples
IMAGE_ENCODED: Final = "image/encoded"  # the feature of a tf.Example that holds what `image_bytes` holds

# Outputs.
PROB_FAKE: Final = "prob_fake"  # float32[n] in [0, 1]; NaN where the image could not be read
LABEL: Final = "label"  # string[n]: `real`, `fake`, or empty where the image could not be read
ERROR: Final = "error"  # string[n]: why the image could not be read; empty where it could
FEATURE_VECTORS: Final = "features"  # float32[n, k]; NaN where the image could not be read
CLASSES: Final = "classes"  # string[n, 2]: `real`, `fake`
SCORES: Final = "scores"  # float32[n, 2]: the probability of each; NaN where the image could not be read
VALUES: Final = "outputs"  # float32[n]: what `prob_fake` is elsewhere

REAL: Final = "real"
FAKE: Final = "fake"

IMAGE_SUFFIXES: Final = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"})  # of files that hold an image

DEFAULT_THRESHOLD: Final = 0.5  # at or above it an image is labelled fake, where nobody chose otherwise
