import numpy as np
import pytest

from ace_training.evaluation.figures import TITLES, confusion, figures
from ace_training.evaluation.scored import Scored, scored
from ace_training.evaluation.tables import reservations, table
from ace_training.manifest import ManifestEntry

WORKED_BY_HAND = {  # real 0.1 and 0.4, fake 0.35 and 0.8, threshold 0.35
    "auc": 3 / 4,
    "pr_auc": 1 / 2 * 1 + 1 / 2 * 2 / 3,
    "equal_error_rate": 1 / 2,
    "tpr_at_fpr_1pct": 1 / 2,
    "tpr_at_fpr_01pct": 1 / 2,
    "accuracy": 3 / 4,
    "accuracy_at_threshold": 3 / 4,
    "balanced_accuracy": 3 / 4,
    "true_negative_rate": 1 / 2,
    "true_positive_rate": 1,
    "log_loss": -np.log([0.9, 0.6, 0.35, 0.8]).mean(),
    "brier": (0.1**2 + 0.4**2 + 0.65**2 + 0.2**2) / 4,
    "ece": (0.1 + 0.4 + 0.65 + 0.2) / 4,
}


def of(real: list[float], fake: list[float], video: list[int] | None = None) -> Scored:
    """Rows of these P(fake), each a video of its own unless said otherwise."""
    count = len(real) + len(fake)
    each = np.arange(count) if video is None else np.array(video)
    return Scored(
        tuple(map(str, range(count))),
        np.arange(count) >= len(real),
        np.array([*real, *fake]),
        each,
        np.array([""] * len(real) + ["Deepfakes"] * len(fake), object),
        np.stack([each, each], axis=1),
    )


def entry(file: str, label: str, video: str, manipulation: str = "") -> ManifestEntry:
    return ManifestEntry(file=file, split="test", label=label, video=video, identity=video, manipulation=manipulation)


def test_figures_are_those_worked_by_hand():
    assert figures(of([0.1, 0.4], [0.35, 0.8]), 0.35) == pytest.approx(WORKED_BY_HAND)
    assert WORKED_BY_HAND.keys() == TITLES.keys()


def test_the_equal_error_rate_lies_on_the_line_between_two_points():
    # ROC: (0, 0) (0, 1/2) (1/3, 1/2) (1/3, 1): where fpr = 1 - tpr on the last line, 1/3
    assert figures(of([0.1, 0.2, 0.6], [0.5, 0.9]), 0.5)["equal_error_rate"] == pytest.approx(1 / 3)
    # all alike: one line from (0, 0) to (1, 1)
    assert figures(of([0.5], [0.5]), 0.5)["equal_error_rate"] == pytest.approx(1 / 2)


def test_a_single_class_has_the_figures_that_need_no_other():
    found = figures(of([0.1, 0.7], []), 0.5)

    assert (found["accuracy"], found["true_negative_rate"]) == (0.5, 0.5)
    missing = {name for name, value in found.items() if value is None}
    assert missing == {"auc", "pr_auc", "equal_error_rate", "tpr_at_fpr_1pct", "tpr_at_fpr_01pct",
                       "balanced_accuracy", "true_positive_rate"}  # fmt: skip


def test_confusion_has_the_truth_in_rows():
    assert confusion(of([0.1, 0.4, 0.2], [0.35, 0.8]), 0.4) == [[2, 1], [1, 1]]


def test_a_videos_probability_is_the_mean_of_its_frames():
    videos = of([0.1, 0.3], [0.5, 0.9, 0.2], video=[7, 7, 9, 9, 12]).by_video()

    assert videos.prob_fake == pytest.approx([0.2, 0.7, 0.2])
    assert videos.fake.tolist() == [False, True, True]


def test_a_real_and_a_fake_video_of_one_name_are_two():
    entries = [entry("a_0.jpg", "real", "a"), entry("b_0.jpg", "fake", "a"), entry("a_1.jpg", "real", "a")]

    assert len(scored(entries, np.array([0.1, 0.9, 0.2])).by_video()) == 2


def test_rows_know_whose_faces_are_in_them_or_their_video_where_nobody_does():
    def of_people(label: str, video: str, identity: str, donor: str = "") -> ManifestEntry:
        return ManifestEntry(file=video, split="test", label=label, video=video, identity=identity, donor=donor)

    rows = scored(
        [
            of_people("real", "a", "Ann"),
            of_people("real", "d", "Dan"),
            of_people("fake", "b-c", "Bob", "Cid"),
            of_people("fake", "a-b", "Ann", "Bob"),
            of_people("real", "nobody", ""),
            of_people("fake", "nobody", ""),
        ],
        np.zeros(6),
    )

    ann, bob, cid, dan = range(4)
    fake, real = 4, 5  # the videos of nobody
    assert rows.people.tolist() == [[ann, ann], [dan, dan], [bob, cid], [ann, bob], [real, real], [fake, fake]]
    assert rows.by_video().people.tolist() == [
        [ann, bob],
        [bob, cid],
        [fake, fake],
        [ann, ann],
        [dan, dan],
        [real, real],
    ]


def test_each_manipulation_stands_beside_all_that_is_real():
    entries = [entry("a", "real", "a"), entry("b", "fake", "b", "FaceSwap"), entry("c", "fake", "c", "Deepfakes")]

    kinds = scored(entries, np.array([0.1, 0.2, 0.3])).by_manipulation()

    assert {name: kind.names for name, kind in kinds.items()} == {"Deepfakes": ("a", "c"), "FaceSwap": ("a", "b")}


def test_no_error_in_a_few_videos_is_not_taken_for_none_ever():
    notes = " ".join(reservations(table(of([0.1] * 15, [0.9] * 15), 0.5)))

    assert "None of 15 real test videos is called wrongly" in notes
    assert "up to 18 %" in notes  # 1 - 0.05^(1/15)


def test_what_cannot_be_judged_is_said():
    assert "has no fake images" in reservations(table(of([0.1, 0.2], []), 0.5))[0]
    assert any("a single video" in note for note in reservations(table(of([0.1, 0.2], [0.9]), 0.5)))
