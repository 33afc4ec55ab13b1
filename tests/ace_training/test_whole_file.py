from pathlib import Path

import pytest

from ace_training.whole_file import whole_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("old")
    return tmp_path / "file"


def test_the_old_content_stands_until_the_new_one_is_whole(file):
    with whole_file(file) as stream:
        stream.write(b"new")
        stream.flush()
        assert file.read_text() == "old"

    assert file.read_text() == "new"
    assert list(file.parent.iterdir()) == [file]


def test_what_was_broken_off_changes_nothing_and_leaves_nothing(file):
    def break_off() -> None:
        with whole_file(file) as stream:
            stream.write(b"ne")
            raise KeyError

    with pytest.raises(KeyError):
        break_off()

    assert file.read_text() == "old"
    assert list(file.parent.iterdir()) == [file]
