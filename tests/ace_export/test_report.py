import json
from pathlib import Path

import pytest

from ace_export.errors import ModelError
from ace_export.report import Report, read_report

HASH = "0" * 64


def write(folder: Path, **content: object) -> Path:
    (folder / "report.json").write_text(json.dumps(content))
    return folder / "detector.keras"


def test_what_training_chose_is_read(tmp_path: Path):
    chosen = {"class_names": ["fake", "real"], "threshold": 0.3, "temperature": 1.5, "test": {"auc": 0.9}}
    detector = write(tmp_path, detector_sha256=HASH, **chosen)

    assert read_report(detector, HASH) == Report(
        classes=("fake", "real"), threshold=0.3, temperature=1.5, metrics={"auc": 0.9}
    )


def test_what_training_did_not_say_is_left_open(tmp_path: Path):
    assert read_report(write(tmp_path, detector_sha256=HASH), HASH) == Report()


def test_a_detector_without_a_report_is_none_the_worse(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    assert read_report(tmp_path / "detector.keras", HASH) == Report()
    assert not caplog.records


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"detector_sha256": "1", "threshold": 0.9}', '"text"'])
def test_a_report_of_something_else_is_not_used_and_said_not_to_be(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "report.json").write_text(content)

    assert read_report(tmp_path / "detector.keras", HASH) == Report()
    assert "report.json is not used" in caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"class_names": ["genuine", "forged"]}, "Pass --classes"),
        ({"class_names": ["real", "fake", "other"]}, "Pass --classes"),
        ({"threshold": "high"}, "the threshold 'high', which is no number"),
        ({"temperature": True}, "the temperature True, which is no number"),
    ],
)
def test_a_report_that_cannot_be_understood_is_refused(content: dict[str, object], message: str, tmp_path: Path):
    with pytest.raises(ModelError, match=message):
        read_report(write(tmp_path, detector_sha256=HASH, **content), HASH)
