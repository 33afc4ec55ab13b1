import io
import os

import pytest

from ace_client.command import sources
from ace_client.command.errors import CommandError


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """The working folder: images and others at three depths."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.jpg", "a.PNG", "notes.txt", "deep/c.webp", "deep/er/d.gif", "none/notes.txt"):
        file = tmp_path / "faces" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def images(*names, listed=b""):
    return list(sources.images(names, sources.names_in(io.BytesIO(listed))))


def test_files_are_taken_as_they_are_named_whether_they_are_there_or_not():
    assert images("gone.jpg", "./notes.txt", "gone.jpg") == ["gone.jpg", "./notes.txt", "gone.jpg"]


@pytest.mark.parametrize("name", ["faces", "faces/", "./faces"])
def test_a_folder_stands_for_the_images_at_any_depth_below_it_sorted(faces, name):
    assert images(name) == ["faces/a.PNG", "faces/b.jpg", "faces/deep/c.webp", "faces/deep/er/d.gif"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("faces/*.jpg", ["faces/b.jpg"]),
        ("faces/[ab].*", ["faces/a.PNG", "faces/b.jpg"]),
        ("faces/d*", ["faces/deep/c.webp", "faces/deep/er/d.gif"]),
        ("faces/**/*.[gw]*", ["faces/deep/c.webp", "faces/deep/er/d.gif"]),
        ("faces/deep/**", ["faces/deep/c.webp", "faces/deep/er/d.gif"]),
    ],
)
def test_a_glob_stands_for_what_matches_it(faces, pattern, found):
    assert images(pattern) == found


def test_a_file_whose_name_looks_like_a_glob_is_that_file(faces, tmp_path):
    (tmp_path / "a[1].jpg").touch()

    assert images("a[1].jpg") == ["a[1].jpg"]


@pytest.mark.parametrize(
    "listed",
    [b"x.jpg\nfaces/deep\n\n*.jpg\n", b"x.jpg\nfaces/deep\n*.jpg", b"x.jpg\0faces/deep\0*.jpg\0"],
    ids=["lines", "the last line open", "NULs"],
)
def test_a_list_on_stdin_names_files_and_folders_by_line_or_nul(faces, listed):
    expected = ["b.jpg", "x.jpg", "faces/deep/c.webp", "faces/deep/er/d.gif", "*.jpg", "c.jpg"]

    assert images("b.jpg", "-", "c.jpg", listed=listed) == expected


def test_a_nul_list_may_hold_line_breaks_and_bytes_that_are_no_text():
    assert [os.fsencode(name) for name in images("-", listed=b"a\nb.jpg\0\xff.jpg\0")] == [b"a\nb.jpg", b"\xff.jpg"]


@pytest.mark.parametrize("separator", [b"\0", b"\n"])
def test_a_list_that_comes_in_pieces_is_told_by_the_first_separator_in_it(separator):
    pieces = [b"a", b".jpg", separator + b"b.jpg", separator]

    class Pipe:
        def read1(self, _size):
            return pieces.pop(0) if pieces else b""

    assert list(sources.names_in(Pipe())) == ["a.jpg", "b.jpg"]


def test_a_long_list_is_read_as_it_comes():
    lines = (f"{number}.jpg\n".encode() for number in range(10**9))

    class Endless:
        def read1(self, size):
            return b"".join(next(lines) for _ in range(size // 16))

    names = sources.names_in(Endless())

    assert [next(names) for _ in range(9999)][-1] == "9998.jpg"


@pytest.mark.parametrize(
    ("name", "said"),
    [("faces/none", "faces/none holds no images (.bmp, .gif, "), ("faces/*.bmp", "No file matches faces/*.bmp: ")],
)
def test_a_name_that_stands_for_nothing_is_an_error(faces, name, said):
    with pytest.raises(CommandError) as raised:
        sources.check(["faces", "-", "gone.jpg", name])

    assert str(raised.value).startswith(said)


def test_a_folder_that_cannot_be_listed_is_an_error_that_names_it(faces, tmp_path):
    walk = sources.images(["faces"], iter(()))
    next(walk)
    (tmp_path / "faces" / "deep" / "er").rename(tmp_path / "er")  # gone since its name was read
    (tmp_path / "faces" / "deep").rename(tmp_path / "deep")

    with pytest.raises(CommandError, match=r"^The folder faces/deep cannot be listed: No such file"):
        list(walk)
