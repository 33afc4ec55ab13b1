import cv2
import numpy as np
import pytest
import tensorflow as tf

from ace_export import pixels
from ace_export.rare_files import cmyk_jpeg

PLANES = [*np.random.default_rng(0).integers(0, 256, (4, 37, 51), np.uint8)]


@pytest.mark.parametrize("quality", [30, 90, 100])
@pytest.mark.parametrize("transform", [None, 0, 2])
def test_four_channels_are_read_as_opencv_does_bit_for_bit(transform: int | None, quality: int):
    data = cmyk_jpeg(PLANES, quality=quality, transform=transform)
    expected = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    np.testing.assert_array_equal(pixels.decode(tf.constant(data)), expected)


def test_a_truncated_one_is_not_answered():
    with pytest.raises(tf.errors.InvalidArgumentError):
        pixels.decode(tf.constant(cmyk_jpeg(PLANES)[:-300]))
