import asyncio
import re

import httpx
import pytest

from ace_export.errors import TuneError
from ace_export.tuning.candidates import Setting
from ace_export.tuning.load import Answer, Caller, Load, Saturation


def saturation(*at_s: float, cpu_s: tuple[float | None, float | None] = (None, None)) -> Saturation:
    return Saturation(tuple(Answer(each, 1.0) for each in at_s), *cpu_s)


def test_throughput_is_the_slope_of_the_answers():
    assert saturation(5.0, 5.5, 6.0, 6.5).images_per_s == pytest.approx(2.0)


@pytest.mark.parametrize("batches", [2, 3, 10])
def test_answers_that_come_a_batch_at_a_time_are_not_counted_twice_at_the_ends(batches):
    at_s = [2.0 * batch for batch in range(batches) for _ in range(8)]

    assert saturation(*at_s).images_per_s == pytest.approx(4.0)


def test_processor_time_is_that_between_the_first_and_the_last_answer_for_each_image():
    assert saturation(0.0, 1.0, 2.0, cpu_s=(10.0, 13.0)).cpu_ms_an_image == pytest.approx(1500)


def test_processor_time_may_be_unknown():
    assert saturation(0.0, 1.0).cpu_ms_an_image is None


@pytest.fixture(scope="module")
def server(serve, version):
    return serve(version.parent, "--model_name=detector", "--enable_batching", "--rest_api_port=-1")


@pytest.fixture(scope="module")
def address(server):
    return server.address


def called(address, load, method, *arguments):
    async def call():
        async with Caller(address, load) as caller:
            return await getattr(caller, method)(*arguments)

    return asyncio.run(call())


def test_every_caller_is_answered_at_full_load_for_as_long_as_asked(address, faces):
    clock = iter(range(100))

    full = called(address, Load(tuple(faces), callers=5, seconds=0.3), "saturate", lambda: float(next(clock)))

    assert full.answers[-1].at_s - full.answers[0].at_s >= 0.3
    assert len(full.answers) > 5
    assert (full.cpu_before_s, full.cpu_after_s) == (0.0, 1.0)


def test_full_load_lasts_until_there_are_answers_enough_to_tell(address, faces):
    full = called(address, Load(tuple(faces), callers=20, seconds=1e-6), "saturate", lambda: None)

    assert len(full.answers) > 20


def test_calls_at_a_steady_rate_are_all_answered_and_their_wait_begins_when_they_were_due(address, faces):
    answers = called(address, Load(tuple(faces), callers=1, seconds=0.5), "offer", 40.0)

    assert len(answers) == 20
    assert all(answer.latency_ms > 0 for answer in answers)


def test_an_image_that_the_version_does_not_read_is_told_with_its_reason(address, faces):
    load = Load((faces[0], b"not an image"), callers=1, seconds=0.1)

    with pytest.raises(TuneError, match=r"image 2 of its own warm-up records: not an image \(JPEG"):
        called(address, load, "check")


def test_images_that_the_version_reads_are_fine(address, faces):
    called(address, Load(tuple(faces), callers=1, seconds=0.1), "check")


def runs_of_at_most(server, rows):
    metrics = httpx.get(f"{server.rest_url}/monitoring/prometheus/metrics").text
    return int(re.search(rf'processed_batch_size_bucket{{le="{rows}"}} (\d+)', metrics)[1])


def test_a_batch_of_every_size_allowed_is_run_before_any_is_measured(server, faces):
    before = [runs_of_at_most(server, rows) for rows in (1, 4, 16)]

    called(server.address, Load(tuple(faces), callers=1, seconds=0.1), "warm", Setting(1, 1, 1, (1, 4, 16)))

    after = [runs_of_at_most(server, rows) for rows in (1, 4, 16)]
    assert [more - fewer for fewer, more in zip(before, after, strict=True)] == [1, 2, 3]


FAILING = [("saturate", (lambda: None,)), ("offer", (10.0,)), ("check", ()), ("warm", (Setting(1, 1, 1, (2,)),))]


@pytest.fixture(scope="module")
def another(serve, version):
    """A server that has no detector."""
    return serve(version.parent, "--model_name=other", "--enable_model_warmup=false").address


@pytest.mark.parametrize(("method", "arguments"), FAILING)
def test_a_call_that_fails_ends_the_measurement_with_the_servers_words(another, faces, method, arguments):
    with pytest.raises(TuneError, match="NOT_FOUND: Servable not found for request: Latest"):
        called(another, Load(tuple(faces), callers=3, seconds=0.5), method, *arguments)
