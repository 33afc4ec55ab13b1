"""The order of the measurements, on a machine whose speeds are known."""

from ace_export.tuning.bench import STEADY
from ace_export.tuning.candidates import BATCHED, UNBATCHED, Candidate, settings
from ace_export.tuning.measurement import Round
from ace_export.tuning.survey import survey

SETTINGS = settings(2, [1, 4])


class KnownMachine:
    """Answers at the speed that `speed` gives a candidate, and keeps a record of what was asked of it."""

    def __init__(self, speed):
        self.speed = speed
        self.visits = []
        self.rates_per_s = []
        self.up = set()
        self.servers_up = []  # at each visit
        self.start_s = [1.0]
        self.visit_s = [1.0]

    def visit(self, candidate, rate_per_s=0.0, *, check=False):
        self.visits.append(candidate)
        self.rates_per_s.append(rate_per_s)
        self.up.add(candidate)
        self.servers_up.append(len(self.up))
        return Round(self.speed(candidate), (1.0,), (1.0,))

    def keep(self, candidates):
        self.up &= set(candidates)


def by_size(candidate: Candidate) -> float:
    """Larger batches on more batch threads are faster, oneDNN doubles all."""
    one = candidate.setting
    return (one.batch_sizes[-1] + one.batch_threads if one else 1.0) * (1 if candidate.onednn is False else 2)


def test_every_setting_is_measured_once_and_the_best_and_the_defaults_in_turn():
    machine = KnownMachine(by_size)

    found = survey(machine, SETTINGS, rounds=2)

    in_turn = machine.visits[-10:]
    assert in_turn[:5] == in_turn[5:]
    assert in_turn[:2] == [UNBATCHED, BATCHED]
    assert {one.candidate.setting for one in found.finalists} <= set(SETTINGS)
    assert {one.candidate.setting for one in found.all} == {None, *SETTINGS}
    assert [len(one.rounds) for one in (*found.defaults, *found.finalists)] == [2] * 5
    assert len({one.candidate for one in found.all}) == len(found.all)


def test_the_finalists_are_the_fastest():
    found = survey(KnownMachine(by_size), SETTINGS, rounds=1)

    speeds = sorted((one.images_per_s for one in found.all if one.candidate.setting), reverse=True)
    assert [one.images_per_s for one in found.finalists] == speeds[:3]


def test_the_steady_rate_is_a_share_of_the_first_default_for_all():
    machine = KnownMachine(by_size)

    found = survey(machine, SETTINGS, rounds=1)

    assert found.steady_per_s == STEADY * by_size(UNBATCHED)
    assert machine.rates_per_s == [0.0, *[found.steady_per_s] * (len(machine.visits) - 1)]


def test_settings_are_tried_with_onednn_where_the_default_is_faster_with_it_and_the_best_without():
    machine = KnownMachine(by_size)

    survey(machine, SETTINGS, rounds=1)

    tried = [one.onednn for one in machine.visits if one.setting][: len(SETTINGS) + 1]
    assert tried == [True] * len(SETTINGS) + [False]


def test_where_the_default_has_misled_about_onednn_all_settings_are_tried_the_other_way():
    machine = KnownMachine(lambda one: by_size(one) if one.setting else 1.0 + (one.onednn is False))

    found = survey(machine, SETTINGS, rounds=1)

    assert {(one.candidate.setting, one.candidate.onednn) for one in found.all if one.candidate.setting} == {
        (setting, onednn) for setting in SETTINGS for onednn in (True, False)
    }
    assert [one.candidate.onednn for one in found.finalists if one.candidate.setting] == [True] * 3


def test_no_batching_without_onednn_is_a_finalist_where_the_default_is_faster_so():
    machine = KnownMachine(lambda one: 3.0 if one.setting else 4.0 + (one.onednn is False))

    found = survey(machine, SETTINGS, rounds=2)

    [without] = [one for one in found.finalists if one.candidate.setting is None]
    assert without.candidate == Candidate(enable_batching=False, onednn=False)
    assert len(without.rounds) == 2
    assert len({one.candidate for one in found.all}) == len(found.all)


def test_one_server_is_up_beside_the_defaults_while_settings_are_tried():
    machine = KnownMachine(by_size)

    survey(machine, SETTINGS, rounds=1)

    assert machine.servers_up[5 : 5 + len(SETTINGS) + 1] == [3] * (len(SETTINGS) + 1)
