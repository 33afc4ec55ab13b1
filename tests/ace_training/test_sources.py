import re
from pathlib import Path

import pytest

from ace_training.errors import SourceError
from ace_training.sources import Source, find_in_folders, find_in_tree


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


REAL = "original_sequences/youtube/c40/videos/033.mp4"
FAKE = "manipulated_sequences/NeuralTextures/c40/videos/033_097.mp4"


def found(folder: Path, people: str | None = None) -> dict[str, Source]:
    return {source.video: source for source in find_in_folders(folder / "real", folder / "fake", people)}


def test_a_tree_says_who_is_in_each_video_and_how_it_was_made(tmp_path):
    real, fake = find_in_tree(touch(tmp_path, REAL, FAKE), "c40")

    assert (real.video, real.identity, real.donor, real.manipulation) == ("real/youtube/033", "033", "", "")
    assert (fake.video, fake.identity, fake.donor) == ("fake/NeuralTextures/033_097", "033", "097")
    assert (fake.manipulation, fake.compression) == ("NeuralTextures", "c40")


def test_a_compression_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(SourceError, match=r"no real videos in c23; it has some in c40\. Pass --compression"):
        find_in_tree(touch(tmp_path, REAL, FAKE), "c23")


def test_a_tree_without_fakes_is_refused(tmp_path):
    with pytest.raises(SourceError, match="no fake videos in c40"):
        find_in_tree(touch(tmp_path, REAL), "c40")


def test_a_video_of_another_naming_is_named(tmp_path):
    with pytest.raises(SourceError, match=re.escape("videos/33-97.mp4 is named as no video of FaceForensics++")):
        find_in_tree(touch(tmp_path, REAL, FAKE, FAKE.replace("033_097", "33-97")), "c40")


def test_videos_of_two_folders_have_a_person_each_where_nothing_else_is_said(tmp_path):
    sources = found(touch(tmp_path, "real/a.mp4", "real/day/b.MOV", "fake/a.mp4", "fake/notes.txt"))

    assert {name: source.identity for name, source in sources.items()} == {
        "real/a": "a",
        "real/day/b": "day/b",
        "fake/a": "a",
    }


def test_a_fake_named_of_two_real_videos_has_their_people_where_nothing_else_is_said(tmp_path):
    touch(tmp_path, "real/033.mp4", "real/097.mp4", "real/a_1_b.mp4", "fake/swap/033_097.mp4", "fake/a_1_b_097.mp4")
    touch(tmp_path, "fake/033_111.mp4", "fake/111_097.mp4", "real/x_1.jpg", "real/y_1.jpg", "fake/x_y_1.jpg")

    sources = found(tmp_path)

    assert {name: (one.identity, one.donor) for name, one in sources.items() if one.label == "fake"} == {
        "fake/033_111": ("033_111", ""),
        "fake/111_097": ("111_097", ""),
        "fake/a_1_b_097": ("a_1_b", "097"),
        "fake/swap/033_097": ("033", "097"),
        "fake/x_y": ("x", "y"),
    }
    assert sources["real/a_1_b"].people == {"a_1_b"}


def test_names_do_not_say_who_is_in_a_file_where_a_rule_does(tmp_path):
    touch(tmp_path, "real/033.mp4", "real/097.mp4", "fake/033_097.mp4")

    assert found(tmp_path, r"/(?P<identity>\w+)")["fake/033_097"].people == {"033_097"}


def test_images_named_by_video_and_frame_are_the_frames_of_one_video(tmp_path):
    sources = found(touch(tmp_path, "real/a_10.png", "real/a_9.png", "real/b.jpg", "fake/c_1.jpg"))

    assert list(sources) == ["real/a", "real/b", "fake/c"]
    assert sources["real/a"].numbers == (9, 10)
    assert [file.name for file in sources["real/a"].files] == ["a_9.png", "a_10.png"]


def test_an_expression_says_who_is_in_a_file(tmp_path):
    touch(tmp_path, "real/id0_0001.mp4", "fake/id0_id7_0001.mp4")

    sources = found(tmp_path, r"/(?P<identity>id\d+)(_(?P<donor>id\d+))?_")

    assert sources["real/id0_0001"].people == {"id0"}
    assert sources["fake/id0_id7_0001"].people == {"id0", "id7"}


def test_a_table_says_who_is_in_a_file_and_of_which_video_it_is(tmp_path):
    touch(tmp_path, "real/x.jpg", "real/y.jpg", "fake/z.jpg")
    table = tmp_path / "people.csv"
    table.write_text(
        "file,identity,donor,video,frame\nreal/x.jpg,Ann,,one,5\nreal/y.jpg,Ann,,one,2\nfake/z.jpg,Bob,Ann,,\n"
    )

    sources = found(tmp_path, str(table))

    assert sources["real/one"].numbers == (2, 5)
    assert sources["real/one"].identity == "Ann"
    assert sources["fake/z"].people == {"Ann", "Bob"}


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ("(", "is no regular expression"),
        ("(?P<name>.)", "has the groups name. It needs identity"),
        ("(?P<identity>b)", "does not match real/a.mp4"),
        ("none.csv", "none.csv does not exist"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(tmp_path, people, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        found(touch(tmp_path, "real/a.mp4", "fake/b.mp4"), people)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,identity\n", "has no column `file`"),
        ("file,who\n", "has the columns file and who. It needs identity"),
        ("file,identity\nreal/a.mp4,Ann\n", "has no line whose file is fake/b.mp4"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, text, message):
    (tmp_path / "people.csv").write_text(text)

    with pytest.raises(SourceError, match=re.escape(message)):
        found(touch(tmp_path, "real/a.mp4", "fake/b.mp4"), str(tmp_path / "people.csv"))


def test_two_files_of_one_name_are_refused(tmp_path):
    with pytest.raises(SourceError, match=r"a\.avi and .*a\.mp4 would both be real/a"):
        found(touch(tmp_path, "real/a.mp4", "real/a.avi", "fake/b.mp4"))


def test_frames_of_one_video_are_of_one_person(tmp_path):
    with pytest.raises(SourceError, match="frames of real/a are of several people"):
        found(touch(tmp_path, "real/a_1.png", "real/a_2.png", "fake/b.mp4"), r"(?P<identity>\d|b)")


def test_a_folder_without_videos_is_named(tmp_path):
    with pytest.raises(SourceError, match=re.escape(f"{tmp_path}/fake is not a folder, and a set needs fake ones")):
        found(touch(tmp_path, "real/a.mp4"))
