import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from ace_export import warmup
from ace_export.errors import TuneError
from ace_export.tuning.records import read_records

NO_VERSION = "is no exported version"
NO_RECORDS = "has no warm-up records of serving_default"


@pytest.fixture
def copied(version: Path, tmp_path: Path) -> Path:
    """A version to spoil."""
    return Path(shutil.copytree(version, tmp_path / "models" / "3"))


def records_of(version: Path) -> Path:
    return version / "assets.extra" / warmup.FILE_NAME


def test_the_batch_sizes_and_the_images_are_those_of_the_exporter(version, golden_images):
    records = read_records(version)

    assert records.batch_sizes == warmup.BATCH_SIZES
    assert len(records.images) == max(warmup.BATCH_SIZES)
    assert set(records.images) <= set(golden_images.values())


def test_records_of_other_signatures_and_kinds_are_passed_over(copied):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = "pixels"
    log.predict_log.request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([b"x"] * 16))
    unnamed = predict_pb2.PredictRequest()
    unnamed.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([b"x"] * 3))
    with tf.io.TFRecordWriter(str(records_of(copied))) as file:
        file.write(log.SerializeToString())
        file.write(prediction_log_pb2.PredictionLog(regress_log={}).SerializeToString())
        file.write(prediction_log_pb2.PredictionLog(predict_log={"request": unnamed}).SerializeToString())

    assert read_records(copied).batch_sizes == (3,)


@pytest.mark.parametrize("name", ["models", "models/3/variables", "models/4"])
def test_a_folder_that_is_no_version_is_named(copied, name):
    with pytest.raises(TuneError, match=rf"{name} {NO_VERSION}"):
        read_records(copied.parent.parent / name)


def test_a_version_without_a_model_is_none(copied):
    (copied / "saved_model.pb").unlink()

    with pytest.raises(TuneError, match=NO_VERSION):
        read_records(copied)


def test_a_version_without_warmup_records_is_named(copied):
    records_of(copied).unlink()

    with pytest.raises(TuneError, match=rf"3 {NO_RECORDS}"):
        read_records(copied)


@pytest.mark.parametrize("content", [b"", b"no records at all, just text"])
def test_records_that_cannot_be_read_are_named(copied, content):
    records_of(copied).write_bytes(content)

    with pytest.raises(TuneError, match=warmup.FILE_NAME):
        read_records(copied)
