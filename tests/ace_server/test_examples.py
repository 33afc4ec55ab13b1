"""Results made of what a signature's outputs came out as, held to the words of TensorFlow Serving."""

import numpy as np
import pytest

from ace_server.errors import InvalidArgument
from ace_server.examples import BoundExamples, classifications, regressions

TWO = {"inputs:0": np.array([b"", b""], object)}
LABELS = np.array([[b"real", b"fake"]] * 2, object)
SCORES = np.array([[0.25, 0.75]] * 2, np.float32)


def classified(**outputs):
    return classifications(
        BoundExamples("classify", TWO, {alias: f"{alias}:0" for alias in outputs}), [*outputs.values()]
    )


def regressed(output):
    return regressions(BoundExamples("regress", TWO, {"outputs": "outputs:0"}), [output])


def test_labels_and_scores_are_those_of_each_example():
    result = classified(classes=LABELS, scores=SCORES)

    assert [[(entry.label, entry.score) for entry in row.classes] for row in result.classifications] == [
        [("real", 0.25), ("fake", 0.75)]
    ] * 2
    assert [entry.score for entry in classified(scores=SCORES[:, :1]).classifications[1].classes] == [0.25]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"classes": SCORES}, "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        ({"scores": SCORES.astype(np.int64)}, "Expected scores Tensor of DT_FLOAT. Got: DT_INT64"),
        ({"scores": LABELS}, "Expected scores Tensor of DT_FLOAT. Got: DT_STRING"),
        ({"scores": SCORES[0]}, "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        ({"scores": SCORES[:1]}, "Expected scores output batch size of 2. Got: 1"),
        ({"classes": LABELS[:1], "scores": SCORES}, "Expected classes output batch size of 2. Got: 1"),
        (
            {"classes": LABELS[:, :1], "scores": SCORES},
            "Tensors class and score should match in dim_size(1). Got 1 vs. 2",
        ),
        (
            {"classes": np.array([[b"a"], [b"\xff"]], object)},
            "Expected classes in UTF-8, as a label is text. Got: b'\\xff'",
        ),
    ],
)
def test_classes_and_scores_that_do_not_fit_are_refused(outputs, message):
    with pytest.raises(InvalidArgument) as caught:
        classified(**outputs)

    assert str(caught.value) == message


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_a_regression_is_one_value_for_each_example(shape):
    result = regressed(np.array([1.5, 2.5], np.float32).reshape(shape))

    assert [entry.value for entry in result.regressions] == [1.5, 2.5]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (np.array([1e300, 1.0]), "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE"),
        (np.array([b"a", b"b"], object), "Expected output Tensor of DT_FLOAT.  Got: DT_STRING"),
        (np.float32([1.0]), "Input batch size did not match output batch size: 2 vs. 1"),
        (SCORES, "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]"),
        (np.float32(1.0), "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got []"),
    ],
)
def test_a_regression_that_does_not_fit_is_refused(output, message):
    with pytest.raises(InvalidArgument) as caught:
        regressed(output)

    assert str(caught.value) == message
