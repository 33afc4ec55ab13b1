from dataclasses import replace

import pytest

from ace_client import Metadata, Signature, TensorSpec
from ace_client.signatures import misfit

STRINGS, FLOATS = TensorSpec("string", (None,)), TensorSpec("float32", (None,))
FITTING = Signature(
    {"image_bytes": STRINGS}, {"prob_fake": FLOATS, "label": STRINGS, "error": STRINGS}, "tensorflow/serving/predict"
)


def served(signature: Signature) -> Metadata:
    return Metadata(7, {"serving_default": signature})


def test_the_contract_fits_itself():
    assert misfit(served(FITTING)) is None
    assert misfit(served(replace(FITTING, outputs={**FITTING.outputs, "more": FLOATS}))) is None
    assert misfit(served(replace(FITTING, inputs={"image_bytes": TensorSpec("string", None)}))) is None


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (Metadata(7, {}), "it has no signature serving_default, but none at all"),
        (Metadata(7, {"pixels": FITTING}), "it has no signature serving_default, but pixels"),
        (served(replace(FITTING, inputs={"x": FLOATS})), "serving_default wants an input x beside image_bytes"),
        (served(replace(FITTING, inputs={})), "serving_default has no input image_bytes, but none at all"),
        (served(replace(FITTING, outputs={"y": FLOATS})), "serving_default has no output prob_fake, but y"),
        (
            served(replace(FITTING, outputs={**FITTING.outputs, "prob_fake": TensorSpec("float64", (None, 2))})),
            "output prob_fake of serving_default is float64[n, 2], not float32[n]",
        ),
        (
            served(replace(FITTING, inputs={"image_bytes": TensorSpec("string", ())})),
            "input image_bytes of serving_default is string[], not string[n]",
        ),
    ],
)
def test_what_does_not_fit_is_said(metadata, reason):
    assert misfit(metadata) == reason
