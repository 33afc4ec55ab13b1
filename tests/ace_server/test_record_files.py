import logging

import pytest
import tensorflow as tf

from ace_server.errors import CallError
from ace_server.record_files import RecordFiles


def contents(folder):
    """The records of each file, in the order in which the files were begun."""
    files = sorted(folder.glob("*.tfrecord"), key=lambda file: int(file.stem.rsplit("-", 1)[1]))
    return [list(tf.compat.v1.io.tf_record_iterator(str(file))) for file in files]


def test_what_was_written_can_be_read_at_once(tmp_path):
    files = RecordFiles(str(tmp_path / "log"))

    files.write(b"one")

    assert contents(tmp_path) == [[b"one"]]


def test_a_new_file_is_begun_before_one_would_be_too_large(tmp_path):
    files = RecordFiles(str(tmp_path / "log"), max_bytes=250)

    for letter in (b"a", b"b", b"c"):
        files.write(letter * 100)

    assert contents(tmp_path) == [[b"a" * 100, b"b" * 100], [b"c" * 100]]


def test_a_file_holds_no_more_than_a_warm_up_takes(tmp_path):
    files = RecordFiles(str(tmp_path / "log"))

    for _ in range(1001):
        files.write(b"")

    assert [len(records) for records in contents(tmp_path)] == [1000, 1]


def test_trouble_is_an_error_once_and_over_when_a_record_is_written(tmp_path, caplog):
    files = RecordFiles(str(tmp_path / "later" / "log"), retry_s=0)
    caplog.set_level(logging.INFO)

    for _ in range(2):
        with pytest.raises(CallError):
            files.write(b"lost")
    (tmp_path / "later").mkdir()
    files.write(b"kept")

    assert contents(tmp_path / "later") == [[b"kept"]]
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_after_trouble_the_disk_is_left_alone_for_a_while(tmp_path):
    files = RecordFiles(str(tmp_path / "later" / "log"), retry_s=3600)
    with pytest.raises(CallError):
        files.write(b"lost")
    (tmp_path / "later").mkdir()

    with pytest.raises(CallError, match="a moment ago"):
        files.write(b"lost too")

    assert contents(tmp_path / "later") == []
