import cv2
import numpy as np
import pytest
import tensorflow as tf

from ace_training import image_ops as ops
from ace_training.self_blending import face_mask, self_blend

OPS = {
    "flip": lambda image, _: ops.flip(image),
    "crop": lambda image, seed: ops.crop(image, seed, (0.6, 0.9)),
    "recolour": lambda image, seed: ops.recolour(image, seed, 0.3),
    "rescale": lambda image, seed: ops.rescale(image, seed, (0.25, 0.5)),
    "blur": lambda image, seed: ops.blur(image, seed, (0.5, 2)),
    "sharpen": lambda image, seed: ops.sharpen(image, seed, (0.5, 2)),
    "add_noise": lambda image, seed: ops.add_noise(image, seed, (3, 8)),
    "recompress": lambda image, seed: ops.recompress(image, seed, (30, 90)),
    "erase": lambda image, seed: ops.erase(image, seed, (0.2, 0.4)),
    "move": lambda image, seed: ops.move(image, seed, 0.1),
    "self_blend": self_blend,
}
SEED = tf.constant([3, 4], tf.int64)


@pytest.fixture(scope="module")
def image() -> tf.Tensor:
    """A photograph's kind of picture: soft shapes, an edge, a little noise. uint8[60, 50, 3]."""
    rng = np.random.default_rng(0)
    soft = cv2.resize(rng.uniform(30, 220, (6, 5, 3)).astype(np.float32), (50, 60), interpolation=cv2.INTER_CUBIC)
    soft[:, 25:] += 30
    return tf.constant(np.clip(soft + rng.normal(0, 3, soft.shape), 0, 255).astype(np.uint8))


def inside_tf_data(op, image: tf.Tensor, *seeds: tf.Tensor) -> list[np.ndarray]:
    """What the op makes of the image by each seed, in a dataset that knows no sizes."""
    source = tf.data.Dataset.from_tensor_slices(tf.stack(seeds))
    return list(source.map(lambda seed: op(image, seed), num_parallel_calls=2).as_numpy_iterator())


@pytest.mark.parametrize("name", OPS)
def test_the_same_seed_gives_the_same_image_eagerly_and_inside_tf_data(image, name):
    eager = OPS[name](image, SEED)
    mapped, other = inside_tf_data(OPS[name], image, SEED, SEED + 1)

    assert (eager.dtype, eager.shape) == (image.dtype, image.shape)
    assert np.abs(eager.numpy().astype(int) - mapped).max() <= 1  # graphs may fuse what rounds apart
    assert not np.array_equal(eager, image)
    assert name == "flip" or not np.array_equal(mapped, other)


def test_a_flip_is_mirrored(image):
    assert np.array_equal(ops.flip(image), image.numpy()[:, ::-1])


def test_a_crop_of_everything_is_the_image(image):
    assert np.array_equal(ops.crop(image, SEED, (1, 1)), image)


def test_a_crop_shows_less_and_larger():
    wide = tf.constant(np.tile(np.arange(50, dtype=np.uint8) * 5, (60, 1))[..., None].repeat(3, 2))

    cropped = ops.crop(wide, SEED, (0.6, 0.9)).numpy()

    assert int(cropped.max()) - int(cropped.min()) <= 0.92 * 245


def test_recolouring_by_nothing_is_the_image(image):
    assert np.array_equal(ops.recolour(image, SEED, 0.0), image)


@pytest.mark.parametrize("op", ["rescale", "blur"])
def test_what_softens_takes_detail(image, op):
    def detail(pixels) -> float:
        return float(cv2.Laplacian(np.asarray(pixels), cv2.CV_64F).var())

    assert detail(OPS[op](image, SEED)) < 0.7 * detail(image)
    assert detail(OPS["sharpen"](image, SEED)) > 1.3 * detail(image)


def test_a_blur_is_opencvs(image):
    expected = cv2.GaussianBlur(image.numpy(), (13, 13), 2, borderType=cv2.BORDER_REFLECT_101)

    assert np.abs(ops.blur(image, SEED, (2, 2)).numpy().astype(int) - expected).max() <= 1


def test_noise_has_the_deviation_asked_for():
    grey = tf.fill([60, 50, 3], tf.constant(128, tf.uint8))

    noisy = ops.add_noise(grey, SEED, (5, 5)).numpy()

    assert noisy.mean() == pytest.approx(128, abs=0.5)
    assert noisy.std() == pytest.approx(5, abs=0.3)


def test_recompression_is_a_jpeg_of_that_quality(image):
    jpeg = tf.io.encode_jpeg(image, quality=40)
    expected = tf.io.decode_jpeg(jpeg, dct_method="INTEGER_ACCURATE")

    assert np.array_equal(ops.recompress(image, SEED, (40, 40)), expected)


def test_an_erased_rectangle_has_one_colour_and_the_rest_is_as_it_was(image):
    erased = ops.erase(image, SEED, (0.3, 0.3)).numpy()

    gone = (erased != image.numpy()).any(-1)
    assert gone.mean() == pytest.approx(0.09, abs=0.02)
    assert len(np.unique(erased[gone], axis=0)) == 1


def test_moving_by_nothing_is_the_image(image):
    assert np.array_equal(ops.move(image, SEED, 0.0), image)


def test_a_self_blended_face_differs_within_its_outline_and_around_that_either_all_over_or_not_at_all(image):
    around = []
    for number in range(8):
        blended = self_blend(image, SEED + number).numpy().astype(int)
        difference = np.abs(blended - image.numpy()).mean(-1)
        outline = tf.random.split(SEED + number, 5)[3]
        mask = face_mask(image, outline).numpy()[..., 0]
        assert difference[mask > 0.95].mean() > 3, number
        around.append(difference[mask < 0.05].mean())

    unchanged = [mean for mean in around if mean < 0.1]
    changed = [mean for mean in around if mean > 3]
    assert len(unchanged) + len(changed) == 8
    assert 2 <= len(unchanged) <= 6


@pytest.mark.parametrize("number", range(4))
def test_the_face_is_in_the_middle(image, number):
    mask = face_mask(image, SEED + number).numpy()[..., 0]

    assert mask[25:35, 20:30].min() > 0.9
    assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) < 0.6
    assert 0.1 < mask.mean() < 0.6
