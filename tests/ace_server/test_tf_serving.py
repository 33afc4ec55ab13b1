"""The TensorFlow Serving config files of the repository, read as ace_server reads them."""

from pathlib import Path

from ace_client.contract import MODEL_NAME
from ace_export.warmup import BATCH_SIZES
from ace_server.config import read_batching_parameters
from ace_server.model_config import read_model_config
from ace_server.repository import VersionPolicy

FILES = Path(__file__).parents[2] / "serving" / "tf_serving"


def test_the_detector_is_served_with_its_predecessor():
    models = read_model_config(FILES / "models.config")

    assert models.keys() == {MODEL_NAME}
    assert models[MODEL_NAME].policy == VersionPolicy(latest=2)


def test_every_batch_size_has_a_warmup_record():
    parameters = read_batching_parameters(FILES / "batching_parameters.txt")

    assert set(parameters.allowed_batch_sizes) <= set(BATCH_SIZES)
