from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from ace_export.tuning import chart
from ace_export.tuning.candidates import BATCHED, UNBATCHED, Candidate, Setting
from ace_export.tuning.choice import choose
from ace_export.tuning.load import Load
from ace_export.tuning.measurement import Measurement, Round
from ace_export.tuning.result import Result
from ace_export.tuning.survey import Survey


def measured(candidate: Candidate, *images_per_s: float, p99_ms: float) -> Measurement:
    rounds = (Round(each, (900.0,), (p99_ms / 2, p99_ms), cpu_ms_an_image=200.0) for each in images_per_s)
    return Measurement(candidate, tuple(rounds))


@pytest.fixture
def result() -> Result:
    best = measured(Candidate(Setting(2, 1, 2, (1, 4)), onednn=True), 9.0, 10.0, p99_ms=300)
    survey = Survey(
        steady_per_s=5.0,
        defaults=(measured(UNBATCHED, 8.0, 8.0, p99_ms=250), measured(BATCHED, 5.0, 5.0, p99_ms=700)),
        finalists=(best, measured(Candidate(Setting(1, 2, 1, (1, 4)), onednn=True), 8.0, 8.5, p99_ms=200)),
        others=(measured(replace(UNBATCHED, onednn=False), 7.0, p99_ms=260),),
    )
    at = datetime(2026, 11, 24, tzinfo=timezone.utc)
    return Result(Path("runs/models/detector/1"), Load((b"",), 12, 4.0), survey, choose(survey.finalists), 2, 0.04, at)


def test_the_table_has_the_fastest_first_and_marks_the_chosen_one(result):
    assert result.table() == (
        "  batches × threads, largest batch               images/s  p50 ms  p99 ms  p99 full  cpu ms\n"
        "→ 2×1 threads, batches ≤ 4, oneDNN on                 9.5     150     300       900     200\n"
        "  1×2 threads, batches ≤ 4, oneDNN on                8.25     100     200       900     200\n"
        "  default: no batching                                  8     125     250       900     200\n"
        "  default: no batching, oneDNN off                      7     130     260       900     200\n"
        "  default: --enable_batching                            5     350     700       900     200"
    )


def test_the_files_say_for_what_they_were_written_and_what_they_gain(result):
    written, measured_, gains = result.notes

    assert written.startswith("Written by `python -m ace_export tune` for detector/1, 2026-11-24, 2 × ")
    assert measured_ == "Measured at full load, with oneDNN on (TF_ENABLE_ONEDNN_OPTS=1 in the server's environment):"
    assert gains == (
        "9.5 images/s, +19 % (+12 % to +25 %) over no batching, +90 % (+80 % to +100 %) over --enable_batching"
    )


def test_ten_seconds_of_batches_may_wait(result):
    assert result.max_enqueued_batches == 24  # of 4 images at 9.5 a second


def test_a_batch_may_wait_for_every_thread_however_slow_the_version_is(result):
    slow = measured(Candidate(Setting(3, 1, 3, (8,)), onednn=True), 0.1, 0.1, p99_ms=9000)

    assert replace(result, choice=replace(result.choice, measurement=slow)).max_enqueued_batches == 3


def test_both_servers_are_started_with_the_same_flags(result):
    first, second = result.commands(Path("/tuned")).splitlines()

    assert first.startswith("  TF_ENABLE_ONEDNN_OPTS=1 python -m ace_server --port=8500 --model_name=detector ")
    assert second.startswith("  TF_ENABLE_ONEDNN_OPTS=1 tensorflow_model_server --port=8500 --model_name=detector ")
    assert first.partition(" --port")[2] == second.partition(" --port")[2]
    assert first.endswith(
        " --enable_batching --batching_parameters_file=/tuned/batching_parameters.txt "
        "--tensorflow_session_config_file=/tuned/session_config.txt "
        "--tensorflow_intra_op_parallelism=1 --tensorflow_inter_op_parallelism=2"
    )


@pytest.fixture
def nothing_gained(result) -> Result:
    """The same settings, and a server without batching that serves better than any."""
    fastest = measured(UNBATCHED, 10.0, 11.0, p99_ms=250)
    survey = replace(result.survey, defaults=(fastest, result.survey.defaults[1]))
    return replace(result, survey=survey, choice=choose((*survey.defaults, *survey.finalists)))


def test_where_no_setting_beats_no_batching_that_is_said_and_started(nothing_gained):
    commands = nothing_gained.commands(Path("/tuned"))

    assert nothing_gained.advice == (
        "No setting serves better on this machine: start the server without batching. The files hold the best of the "
        "settings, for a server that has to batch: 2×1 threads, batches ≤ 4, oneDNN on, 9.5 images/s, p99 300 ms."
    )
    assert nothing_gained.gains == (
        "10.5 images/s, +110 % (+100 % to +120 %) over --enable_batching, "
        "+11 % (+10 % to +11 %) over 2×1 threads, batches ≤ 4, oneDNN on"
    )
    assert commands.startswith("  TF_ENABLE_ONEDNN_OPTS=1 python -m ace_server ")
    assert "batching" not in commands
    assert "/tuned" not in commands
    assert "→ default: no batching" in nothing_gained.table()


def test_the_files_of_settings_that_gain_nothing_say_so(nothing_gained):
    _, without, best, how = nothing_gained.notes

    assert without == "Better without this file: no batching serves best there, 10.5 images/s, p99 250 ms."
    assert best == "For a server that has to batch, the best of the settings: 9.5 images/s, p99 300 ms."
    assert how == "Measured at full load, with oneDNN on (TF_ENABLE_ONEDNN_OPTS=1 in the server's environment)."
    assert (nothing_gained.setting, nothing_gained.max_enqueued_batches) == (Setting(2, 1, 2, (1, 4)), 24)
    assert nothing_gained.as_json()["written"] == "2×1 threads, batches ≤ 4, oneDNN on"


def test_batching_by_default_is_recommended_where_it_is_best(result):
    fastest = measured(BATCHED, 12.0, 12.0, p99_ms=250)
    survey = replace(result.survey, defaults=(result.survey.defaults[0], fastest))

    found = replace(result, survey=survey, choice=choose((*survey.defaults, *survey.finalists)))

    assert "start the server with --enable_batching alone." in found.advice
    assert found.commands(Path("/tuned")).endswith(" --enable_batching")


def test_no_batching_without_onednn_is_started_so(result):
    survey = replace(
        result.survey,
        others=(),
        finalists=(*result.survey.finalists, measured(replace(UNBATCHED, onednn=False), 12.0, 12.0, p99_ms=99)),
    )

    found = replace(result, survey=survey, choice=choose((*survey.defaults, *survey.finalists)))

    assert found.commands(Path("/tuned")).startswith("  TF_ENABLE_ONEDNN_OPTS=0 python -m ace_server ")
    assert chart.draw(found).startswith(b"\x89PNG")


def test_a_setting_chosen_for_its_p99_alone_is_said_to_be(result):
    near = measured(UNBATCHED, 9.6, 9.6, p99_ms=400)
    survey = replace(result.survey, defaults=(near, result.survey.defaults[1]))

    found = replace(result, survey=survey, choice=choose((*survey.defaults, *survey.finalists)))

    assert found.advice == "That is no gain over no batching but in its p99: 300 ms, and 400 ms there."
    assert result.advice == ""


def test_the_picture_rings_the_chosen_candidate_in_red(result):
    picture = cv2.imdecode(np.frombuffer(chart.draw(result), np.uint8), cv2.IMREAD_COLOR)

    blue, green, red = (picture[..., channel].astype(int) for channel in range(3))
    assert ((red > 200) & (green < 60) & (blue < 60)).sum() > 200


def test_the_picture_needs_no_other_candidates(result):
    assert chart.draw(replace(result, survey=replace(result.survey, others=()))).startswith(b"\x89PNG")
