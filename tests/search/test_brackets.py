"""Several ladders of rungs: who climbs which, and that each keeps its own account."""

import math
from collections import Counter

import pytest
from simulated import maker, smooth

from caviar.errors import StudyError
from caviar.search.brackets import Brackets
from caviar.search.simulate import Conditions, Simulation
from caviar.search.standing import RungStanding, standing_of
from caviar.study import ladders
from caviar.study.records import Assignment, Measurement, Purpose, TrialState
from caviar.study.spec import StudySpec

RUNGS = (1, 3, 9, 27)


def costs(rungs, eta, brackets):
    """Trial-epochs of a trial of each bracket, in the mean."""
    of = []
    for first in range(brackets):
        left = rungs[first:]
        steps = zip(left, (0, *left), strict=False)
        of.append(sum((after - before) / eta**k for k, (after, before) in enumerate(steps)))
    return of


@pytest.mark.parametrize(("rungs", "eta"), [(RUNGS, 3), ((1, 2, 4, 8, 16), 2), ((5,), 3)])
def test_as_many_brackets_as_rungs_cost_nearly_the_same(rungs, eta):
    parts = ladders.shares(len(rungs), eta)
    spent = [part * cost for part, cost in zip(parts, costs(rungs, eta, len(rungs)), strict=True)]
    assert math.isclose(sum(parts), 1.0)
    assert max(spent) < 1.7 * min(spent)


def test_hyperband_of_27_epochs_by_hand():
    # n_s = ceil(4 / (s + 1) * 3^s), s = 3 .. 0 (Li et al., 2018)
    parts = ladders.shares(4, 3)
    assert [part / parts[-1] for part in parts] == pytest.approx([27 / 4, 3, 3 / 2, 1])


@pytest.mark.parametrize("brackets", [1, 2, 4])
def test_any_stretch_of_trials_is_shared_evenly(brackets):
    ends, parts = ladders.ends_of(brackets, 3), ladders.shares(brackets, 3)
    for first, length in ((0, 1000), (317, 40), (9_990, 25)):
        found = Counter(ladders.bracket_of(i, ends) for i in range(first, first + length))
        assert all(abs(found[b] - length * parts[b]) < 3 for b in range(brackets))
    found = Counter(ladders.bracket_of(i, ends) for i in range(777))
    assert tuple(found[b] for b in range(brackets)) == ladders.counts(777, brackets, 3)


def test_the_numbers_of_a_table():
    assert ladders.numbers((1, 3, 9, 3, 9, 9)) == (1, 1, 1, 2, 2, 3)
    assert ladders.numbers(()) == ()


def test_trials_are_compared_within_their_bracket_and_start_at_its_first_rung():
    simulation = Simulation(maker(trials=90, brackets=3), smooth, Conditions(slices=2))
    entries = simulation.run().entries
    ends = ladders.ends_of(3, 3)
    for entry in entries:
        if isinstance(entry, Assignment) and entry.first_epoch == 0:
            assert {RUNGS[ladders.bracket_of(t, ends)] for t in entry.trials} == {entry.last_epoch}
    table = simulation.strategy.rung_table()
    assert [row[0] for row in table] == [*RUNGS, *RUNGS[1:], *RUNGS[2:]]
    assert sum(row[1] for row in table if row[0] == 27) >= 3
    first = [table[0][1], table[4][1], table[7][1]]
    assert tuple(first) == ladders.counts(90, 3, 3)
    assert simulation.strategy.finished


def test_only_one_trial_of_all_brackets_is_owed_to_the_top():
    brackets = Brackets((1, 3, 9), 3, 2)
    whole, later = brackets.ladders
    whole.arrive(1, (0.1, 0.0, 0))
    later.arrive(3, (0.9, 0.0, 1))
    assert brackets.owed() == (1, 3, 9)  # the highest rung, whatever the bracket
    later.leave(1)
    later.arrive(9, (0.9, 0.0, 1))
    assert brackets.owed() is None


def test_a_lower_rungs_late_best_is_owed_first():
    brackets = Brackets((1, 3, 9), 3, 2)
    for ladder, epoch, first in ((brackets.ladders[1], 3, 0), (brackets.ladders[0], 1, 10)):
        for trial in (first, first + 1, first + 2):
            ladder.arrive(epoch, (0.5, 0.0, trial))
        ladder.leave(first)
        ladder.arrive(epoch, (0.1, 0.0, first + 3))
    assert brackets.owed() == (13, 1, 3)
    brackets.ladders[0].leave(13)
    assert brackets.owed() == (3, 3, 9)


def test_the_standing_tells_the_bracket():
    simulation = Simulation(maker(trials=30, brackets=2), smooth)
    entries = simulation.run().entries
    standing = standing_of(entries, RUNGS, "dev_accuracy", brackets=2)
    rows = simulation.strategy.rung_table()
    assert [rung.bracket for rung in standing.rungs] == [1, 1, 1, 1, 2, 2, 2]
    assert standing.rungs[4] == RungStanding(*rows[4], 2)
    states = [simulation.strategy.state(trial) for trial in range(30)]
    assert list(standing.states) == states


@pytest.mark.parametrize("before", [(1, 3, 9), (1, 3, 7)])
def test_longer_training_moves_nobody_to_another_bracket(before):
    make = maker(trials=40, rungs=before, brackets=3)
    entries = Simulation(make, smooth, Conditions(slices=2)).run().entries
    after = Simulation(maker(trials=40, rungs=RUNGS, brackets=3), smooth, entries=entries)
    whole = after.run().entries
    trained = Counter((e.trial, e.epoch) for e in whole if isinstance(e, Measurement))
    assert max(trained.values()) == 1
    assert after.strategy.finished
    assert TrialState.COMPLETED in map(after.strategy.state, range(40))
    ends = ladders.ends_of(3, 3)
    for entry in whole[len(entries) :]:
        if isinstance(entry, Assignment) and entry.purpose is Purpose.RUNG:
            first = {RUNGS[ladders.bracket_of(t, ends)] for t in entry.trials}
            assert entry.last_epoch >= max(first)


def test_more_brackets_than_rungs_are_refused():
    with pytest.raises(StudyError, match=r"search.brackets: must be <= 4, .* got 5"):
        StudySpec.parse("[search]\nbrackets = 5")
    assert StudySpec.parse("[search]\nbrackets = 4").search.brackets == 4
