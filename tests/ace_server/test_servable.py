"""What a loaded version holds on to."""

import gc

import numpy as np


def test_the_sets_of_outputs_that_callers_have_asked_for_are_not_all_kept(probe):
    signature = probe.signatures["divide"]
    (given,), (wanted,) = signature.inputs.values(), signature.outputs.values()

    def kept():
        return sum(type(held).__name__ == "_Callable" for held in gc.get_objects())

    before = kept()
    for count in range(1, 41):
        values = probe.run({given.name: np.array([4], np.int32)}, [wanted.name] * count)
        assert [value.tolist() for value in values] == [[3]] * count

    assert kept() - before <= 32
