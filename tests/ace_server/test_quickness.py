import asyncio

import numpy as np
import pytest

from ace_server.batching import Batcher
from ace_server.config import BatchingParameters
from ace_server.quickness import Quickness

QUICK_S, CONTENDED_S, SLOW_S = 0.0001, 0.004, 0.1
Y = ["y:0"]
SMALL, LARGE = 4, 800_000  # bytes


def told(probe, *runs_s, input_bytes=SMALL):
    quickness = Quickness()
    for run_s in runs_s:
        quickness.ran(probe, Y, run_s, input_bytes)
    return quickness


def test_a_graph_is_run_on_the_loop_once_its_runs_were_quick_and_prepared_in_a_thread(probe):
    assert not told(probe, *[QUICK_S] * 19).in_one_thread(probe, Y)
    assert told(probe, *[QUICK_S] * 20).in_one_thread(probe, Y)
    assert not told(probe, *[QUICK_S] * 20).on_the_loop(probe, Y, SMALL)
    assert told(probe, *[QUICK_S] * 22).on_the_loop(probe, Y, SMALL)


def test_runs_that_waited_for_the_interpreter_only_delay_that(probe):
    assert told(probe, *[QUICK_S, QUICK_S, CONTENDED_S] * 25).on_the_loop(probe, Y, SMALL)


def test_a_graph_that_takes_long_now_and_then_stays_in_threads(probe):
    assert not told(probe, *[*[QUICK_S] * 19, SLOW_S] * 25).in_one_thread(probe, Y)


def test_a_graph_that_has_held_up_the_loop_does_not_come_back_soon(probe):
    assert not told(probe, *[QUICK_S] * 22, SLOW_S, *[QUICK_S] * 5000).in_one_thread(probe, Y)


def test_other_outputs_are_judged_apart(probe):
    assert not told(probe, *[QUICK_S] * 22).on_the_loop(probe, ["rows:0"], SMALL)


def test_inputs_larger_than_those_that_were_quick_have_a_thread_until_such_are_quick_too(probe):
    quickness = told(probe, *[QUICK_S] * 22)
    assert not quickness.on_the_loop(probe, Y, LARGE)

    quickness.ran(probe, Y, SLOW_S, LARGE)
    assert quickness.on_the_loop(probe, Y, SMALL)

    quickness.ran(probe, Y, QUICK_S, LARGE)
    assert quickness.on_the_loop(probe, Y, LARGE)


def test_a_large_request_to_a_quick_graph_does_not_hold_up_the_loop(probe):
    signature = probe.signatures["divide"]
    (given,), (wanted,) = signature.inputs.values(), signature.outputs.values()

    async def runs_on_the_loop(batcher, rows):
        feeds = {given.name: np.ones(rows, dtype=np.int32)}
        request = asyncio.create_task(batcher.run(probe, feeds, [wanted.name]))
        await asyncio.sleep(0)  # the request is taken on here, and run where it is run on the loop
        on_the_loop = not batcher.busy_with(probe)
        await request
        return on_the_loop

    async def scenario():
        batcher = Batcher(BatchingParameters(), merging=False)
        for _ in range(10_000):  # on a busy machine, runs are seldom quick
            if await runs_on_the_loop(batcher, 1):
                return await runs_on_the_loop(batcher, 200_000)
        return "never on the loop"

    assert asyncio.run(scenario()) is False


@pytest.mark.parametrize("merging", [False, True])
def test_answers_stay_the_same_wherever_the_runs_go(probe, merging):
    signature = probe.signatures["divide"]
    (given,), (wanted,) = signature.inputs.values(), signature.outputs.values()

    async def answer(batcher, *x):
        try:
            [y] = await batcher.run(probe, {given.name: np.array(x, dtype=np.int32)}, [wanted.name])
        except Exception as error:
            return type(error).__name__
        return y.tolist()

    async def scenario():
        batcher = Batcher(BatchingParameters(), merging=merging)
        return [await asyncio.gather(*(answer(batcher, x, 3) for x in (1, 0, 4))) for _ in range(40)]

    assert asyncio.run(scenario()) == [[[12, 4], "ModelError", [3, 4]]] * 40
