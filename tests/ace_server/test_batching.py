import asyncio

import numpy as np
import pytest

from ace_server.batching import Batcher
from ace_server.config import BatchingParameters
from ace_server.errors import FailedPrecondition, InvalidArgument, ModelError, Unavailable

LONG_S = 0.3  # how long the only runner is kept busy while requests queue behind it


class Runner:
    """A batcher over the probe; requests are made by signature and values."""

    def __init__(self, probe, *, merging=True, runners=1, spread=False, **parameters):
        self._probe = probe
        parameters = BatchingParameters(num_batch_threads=runners, **parameters)
        self._batcher = Batcher(parameters, merging=merging, spread=spread)

    def submit(self, signature, values, *outputs):
        """A task that resolves to the named outputs, as lists."""
        definition = self._probe.signatures[signature]
        (info,) = definition.inputs.values()
        fetches = [definition.outputs[output].name for output in outputs]
        return asyncio.create_task(self._batcher.run(self._probe, {info.name: np.array(values)}, fetches))

    async def occupied(self):
        """Keep the runner busy; what is submitted next queues."""
        spin = self.submit("spin", [LONG_S], "seconds")
        await asyncio.sleep(LONG_S / 5)
        return spin

    def busy(self):
        return self._batcher.busy_with(self._probe)


def x(*values):
    return np.array(values, dtype=np.float32)


async def rows_of(tasks):
    return [outputs[0].tolist() for outputs in await asyncio.gather(*tasks)]


def test_requests_that_wait_together_run_together_and_each_gets_its_own_rows(probe):
    async def scenario():
        runner = Runner(probe)
        await runner.occupied()
        return await asyncio.gather(
            *(runner.submit("serving_default", x(*values), "y", "rows") for values in ([0], [2, 4], [6]))
        )

    answers = asyncio.run(scenario())

    assert [y.tolist() for y, _ in answers] == [[2], [3, 4], [5]]
    assert [rows.tolist() for _, rows in answers] == [[4], [4, 4], [4]]


def test_without_batching_requests_run_one_by_one(probe):
    async def scenario():
        runner = Runner(probe, merging=False)
        await runner.occupied()
        return await rows_of([runner.submit("serving_default", x(0), "rows") for _ in range(3)])

    assert asyncio.run(scenario()) == [[1], [1], [1]]


def test_a_batch_takes_no_more_than_max_batch_size_rows(probe):
    async def scenario():
        runner = Runner(probe, max_batch_size=3)
        await runner.occupied()
        return await rows_of([runner.submit("serving_default", x(0, 0), "rows") for _ in range(2)])

    assert asyncio.run(scenario()) == [[2, 2], [2, 2]]


def test_a_batch_is_padded_and_the_padding_is_dropped(probe):
    async def scenario():
        runner = Runner(probe, max_batch_size=8, allowed_batch_sizes=(8,))
        return await runner.submit("serving_default", x(0, 2, 4), "y", "rows")

    y, rows = asyncio.run(scenario())

    assert y.tolist() == [2, 3, 4]
    assert rows.tolist() == [8, 8, 8]


def test_a_part_filled_batch_waits_for_company_while_a_runner_idles(probe):
    async def scenario():
        runner = Runner(probe, max_batch_size=2, batch_timeout_micros=10_000_000)
        first = runner.submit("serving_default", x(0), "rows")
        await asyncio.sleep(0.05)
        assert not first.done()
        return await rows_of([first, runner.submit("serving_default", x(0), "rows")])

    assert asyncio.run(scenario()) == [[2], [2]]


def test_a_part_filled_batch_does_not_wait_beyond_its_timeout(probe):
    async def scenario():
        runner = Runner(probe, max_batch_size=2, batch_timeout_micros=50_000)
        return await rows_of([runner.submit("serving_default", x(0), "rows")])

    assert asyncio.run(scenario()) == [[1]]


def test_different_signatures_are_never_merged(probe):
    async def scenario():
        runner = Runner(probe)
        await runner.occupied()
        plain = runner.submit("serving_default", x(0), "rows")
        divided = runner.submit("divide", np.array([4], dtype=np.int32), "y")
        return await rows_of([plain, divided])

    assert asyncio.run(scenario()) == [[1], [3]]


def test_an_empty_batch_is_answered_with_no_rows(probe):
    async def scenario():
        runner = Runner(probe, max_batch_size=4, allowed_batch_sizes=(4,))
        return await rows_of([runner.submit("serving_default", x(), "y")])

    assert asyncio.run(scenario()) == [[]]


def test_only_the_request_that_fails_gets_the_error(probe):
    async def scenario():
        runner = Runner(probe)
        await runner.occupied()
        tasks = [runner.submit("divide", np.array(values, dtype=np.int32), "y") for values in ([3], [0], [4, 6])]
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = asyncio.run(scenario())

    assert (first[0].tolist(), third[0].tolist()) == ([4], [3, 2])
    assert isinstance(second, ModelError)
    assert "division by zero" in str(second)


def test_a_full_queue_refuses_in_the_words_of_tensorflow_serving(probe):
    async def scenario():
        runner = Runner(probe, max_batch_size=2, max_enqueued_batches=2)
        await runner.occupied()
        tasks = [runner.submit("serving_default", x(0, 0), "y") for _ in range(3)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    *answered, refused = asyncio.run(scenario())

    assert [y.tolist() for (y,) in answered] == [[2, 2], [2, 2]]
    assert isinstance(refused, Unavailable)
    assert str(refused) == (
        "The batch scheduling queue to which this task was submitted is full; "
        "currently 2 batches enqueued and max_enqueued_batches is 2"
    )


def test_a_caller_that_goes_leaves_the_queue_and_costs_no_run(probe):
    async def scenario():
        runner = Runner(probe, max_batch_size=2, max_enqueued_batches=1)
        await runner.occupied()
        gone = runner.submit("serving_default", x(0, 0), "rows")
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        return await rows_of([runner.submit("serving_default", x(0), "rows")])  # the queue would be full with the other

    assert asyncio.run(scenario()) == [[1]]


def test_a_caller_that_goes_while_its_run_is_under_way_takes_no_other_from_the_queue(probe):
    async def scenario():
        runner = Runner(probe)
        running = runner.submit("spin", [LONG_S], "seconds")
        await asyncio.sleep(LONG_S / 5)
        waiting = runner.submit("spin", [0.0], "seconds")  # in a queue of the same kind
        await asyncio.sleep(0)
        running.cancel()
        return await asyncio.wait_for(asyncio.gather(waiting), timeout=30)

    assert [outputs[0].tolist() for outputs in asyncio.run(scenario())] == [[0.0]]


def test_a_request_larger_than_a_batch_is_refused(probe):
    async def scenario():
        await Runner(probe, max_batch_size=2).submit("serving_default", x(0, 0, 0), "y")

    with pytest.raises(InvalidArgument, match="Task size 3 is larger than maximum input batch size 2"):
        asyncio.run(scenario())


def test_a_request_larger_than_a_run_is_split_and_its_outputs_are_put_together_again(probe):
    async def scenario():
        runner = Runner(probe, max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=3)
        return await runner.submit("serving_default", x(0, 2, 4, 6, 8, 10, 12), "y", "rows")

    y, rows = asyncio.run(scenario())

    assert y.tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert rows.tolist() == [3, 3, 3, 3, 3, 3, 1]


def test_the_last_part_of_a_split_request_takes_others_along(probe):
    async def scenario():
        runner = Runner(probe, max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=3)
        await runner.occupied()
        return await rows_of([runner.submit("serving_default", x(*values), "rows") for values in ([0] * 4, [0] * 2)])

    assert asyncio.run(scenario()) == [[3, 3, 3, 3], [3, 3]]


def test_a_split_request_is_refused_whole_where_it_does_not_fit_into_the_queue(probe):
    async def scenario():
        limits = {"max_execution_batch_size": 2, "max_enqueued_batches": 2}
        runner = Runner(probe, max_batch_size=8, enable_large_batch_splitting=True, **limits)
        await runner.occupied()
        first = runner.submit("serving_default", x(0), "y")
        second = runner.submit("serving_default", x(0, 0, 0, 0), "y")
        return await asyncio.gather(first, second, return_exceptions=True)

    (y,), refused = asyncio.run(scenario())

    assert y.tolist() == [2]
    assert isinstance(refused, Unavailable)
    assert str(refused) == (
        "The batch scheduling queue to which this task was submitted is full; task size is 4 but scheduling capacity "
        "is only 3 (num_enqueued_batches=1, max_enqueued_batches=2, open_batch_size=1, max_execution_batch_size=2)"
    )


def test_a_split_request_fails_whole_where_a_part_fails(probe):
    async def scenario():
        runner = Runner(probe, max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=1)
        values = np.array([3, 0, 4, 0], dtype=np.int32)
        with pytest.raises(ModelError):
            await runner.submit("divide", values, "y")
        return await rows_of([runner.submit("serving_default", x(0), "y")])

    assert asyncio.run(scenario()) == [[2]]


def test_a_caller_that_goes_takes_all_parts_of_its_request_from_the_queue(probe):
    async def scenario():
        limits = {"max_execution_batch_size": 1, "max_enqueued_batches": 2}
        runner = Runner(probe, max_batch_size=2, enable_large_batch_splitting=True, **limits)
        await runner.occupied()
        gone = runner.submit("serving_default", x(0, 0), "rows")
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        return await rows_of([runner.submit("serving_default", x(0, 0), "rows")])  # the queue would be full

    assert asyncio.run(scenario()) == [[1, 1]]


def test_different_inner_shapes_are_run_apart(probe):
    async def scenario():
        runner = Runner(probe)
        await runner.occupied()
        return await rows_of([runner.submit("echo", np.zeros((1, width), np.float32), "rows") for width in (2, 3, 2)])

    assert asyncio.run(scenario()) == [[2], [1], [2]]


def test_different_inner_shapes_are_run_together_where_they_are_padded(probe):
    async def scenario():
        runner = Runner(probe, pad_variable_length_inputs=True)
        await runner.occupied()
        tasks = [runner.submit("echo", x([1, 2]), "x", "rows"), runner.submit("echo", x([3, 4, 5]), "x", "rows")]
        return await asyncio.gather(*tasks)

    (narrow, rows), (wide, _) = asyncio.run(scenario())

    assert narrow.tolist() == [[1, 2, 1]]
    assert wide.tolist() == [[3, 4, 5]]
    assert rows.tolist() == [2]


def test_the_parts_of_a_split_request_are_padded_alike(probe):
    async def scenario():
        limits = {"max_execution_batch_size": 2, "pad_variable_length_inputs": True}
        runner = Runner(probe, max_batch_size=4, enable_large_batch_splitting=True, **limits)
        await runner.occupied()
        large, _ = await asyncio.gather(
            runner.submit("echo", np.ones((3, 1), np.float32), "x"),
            runner.submit("echo", np.ones((1, 2), np.float32), "x"),
        )
        return large

    assert asyncio.run(scenario())[0].tolist() == [[1], [1], [1]]


def test_a_scalar_has_no_rows_to_merge(probe):
    async def scenario():
        await Runner(probe).submit("serving_default", np.float32(1), "y")

    with pytest.raises(InvalidArgument, match="at least one dimension"):
        asyncio.run(scenario())


def test_an_output_without_a_batch_dimension_is_refused(probe):
    async def scenario():
        await Runner(probe).submit("total", x(1, 2), "y")

    with pytest.raises(FailedPrecondition, match="0 dimensions"):
        asyncio.run(scenario())


def test_a_servable_is_busy_until_its_last_run_has_ended_even_if_the_caller_has_gone(probe):
    async def scenario():
        runner = Runner(probe)
        spin = await runner.occupied()
        spin.cancel()
        await asyncio.sleep(0.01)
        while_running = runner.busy()
        while runner.busy():
            await asyncio.sleep(0.01)
        return while_running

    assert asyncio.run(scenario())


@pytest.mark.parametrize(("waiting", "joins"), [(1, False), (2, True)])
def test_a_run_that_takes_all_processors_is_joined_only_where_several_requests_wait(probe, waiting, joins):
    async def scenario():
        runner = Runner(probe, merging=False, runners=2, spread=True)
        spin = await runner.occupied()
        quick = [runner.submit("serving_default", x(0), "y") for _ in range(waiting)]
        await asyncio.wait([spin, quick[0]], return_when=asyncio.FIRST_COMPLETED)
        joined = not spin.done()
        await asyncio.gather(spin, *quick)
        return joined

    assert asyncio.run(scenario()) is joins
