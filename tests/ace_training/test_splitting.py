import json
import re
from collections import Counter
from pathlib import Path

import pytest

from ace_training.errors import SourceError
from ace_training.sources import Source
from ace_training.splitting import split_by_people, split_officially


def real(person: str) -> Source:
    return Source(label="real", name=f"youtube/{person}", files=(Path("x.mp4"),), identity=person)


def fake(person: str, donor: str) -> Source:
    name = f"Deepfakes/{person}_{donor}"
    return Source(label="fake", name=name, files=(Path("x.mp4"),), identity=person, donor=donor)


SIX = [*map(real, "abcdef"), *(fake(*pair) for pair in ("ab", "ba", "cd", "dc", "ef", "fe"))]


def splits(folder: Path, train: str, val: str, test: str) -> Path:
    for name, pairs in (("train", train), ("val", val), ("test", test)):
        (folder / f"{name}.json").write_text(json.dumps([list(pair) for pair in pairs.split()]))
    return folder


def test_official_files_say_the_split_of_every_video(tmp_path):
    split_of = split_officially(SIX, splits(tmp_path, "ab", "dc", "ef"))

    assert split_of["real/youtube/a"] == "train"
    assert split_of["fake/Deepfakes/c_d"] == "val"
    assert Counter(split_of.values()) == {"train": 4, "val": 4, "test": 4}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("ab xy", "cd", "ef"), "names ids that no video has: x, y. Complete"),
        (("ab", "cd", "ee"), "says nothing of the ids: f. Complete"),
        (("ab", "cd", "ef af"), "puts a into train and test"),
        (("ac", "bd", "ef"), "ties a in train to b in val"),
    ],
)
def test_official_files_that_do_not_fit_are_refused(tmp_path, files, message):
    with pytest.raises(SourceError, match=re.escape(message)):
        split_officially(SIX, splits(tmp_path, *files))


@pytest.mark.parametrize(("text", "message"), [("[", "is no JSON"), ('["a", "b"]', "is no list of pairs of ids")])
def test_official_files_of_another_form_are_refused(tmp_path, text, message):
    (splits(tmp_path, "ab", "cd", "ef") / "val.json").write_text(text)

    with pytest.raises(SourceError, match=f"val.json {message}"):
        split_officially(SIX, tmp_path)


def test_a_missing_official_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=re.escape(f"{tmp_path}/train.json does not exist")):
        split_officially(SIX, tmp_path)


def test_a_split_without_one_class_is_refused(tmp_path):
    only_real = [source for source in SIX if source.label == "real" or source.identity not in "ef"]

    with pytest.raises(SourceError, match="The test split would have no fake videos"):
        split_officially(only_real, splits(tmp_path, "ab", "cd", "ef"))


@pytest.mark.parametrize("seed", range(5))
def test_people_tied_by_a_swap_are_in_one_split_and_shares_are_kept(seed):
    pairs = [(f"{at}", f"{at + 1}") for at in range(0, 200, 2)]
    chain = [fake("0", "2"), fake("2", "4")]
    sources = [source for a, b in pairs for source in (real(a), real(b), fake(a, b), fake(b, a))] + chain

    split_of = split_by_people(sources, seed=seed)

    where: dict[str, set[str]] = {}
    for source in sources:
        for person in source.people:
            where.setdefault(person, set()).add(split_of[source.video])
    assert all(len(found) == 1 for found in where.values())
    assert where["1"] == where["5"]
    for label in ("real", "fake"):
        counts = Counter(split_of[source.video] for source in sources if source.label == label)
        assert abs(counts["train"] - 144) <= 4
        assert abs(counts["val"] - 28) <= 4


def test_real_and_fake_videos_that_share_nobody_are_balanced_apart():
    sources = [*(real(f"r{at}") for at in range(50)), *(fake(f"f{at}", "") for at in range(100))]

    split_of = split_by_people(sources, seed=0)

    counts = Counter((source.label, split_of[source.video]) for source in sources)
    assert (counts["real", "train"], counts["fake", "train"]) == (36, 72)
    assert (counts["real", "test"], counts["fake", "test"]) == (7, 14)


def test_the_splits_are_the_seeds():
    sources = [*(real(f"r{at}") for at in range(20)), *(fake(f"f{at}", "") for at in range(20))]

    assert split_by_people(sources, seed=1) == split_by_people(sources, seed=1)
    assert split_by_people(sources, seed=1) != split_by_people(sources, seed=2)


def test_too_few_groups_for_three_splits_are_refused():
    with pytest.raises(SourceError, match="there are 6, in 2 groups of people who share no face"):
        split_by_people([real("a"), fake("a", "b"), real("b"), real("c"), fake("c", "d"), real("d")], seed=0)
