"""A strategy rebuilt from its journal decides as the one that was never killed."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import maker, rough, rungs_of, smooth

from caviar.search.simulate import Conditions, Simulation
from caviar.study.records import Assignment, Measurement, TrialState


class Twins:
    """Two strategies that must agree: one lives on, the other is killed and replayed."""

    def __init__(self, make, survivor=None):
        self.survivor = survivor or make()
        self.heir = make()

    @property
    def trials(self):
        return self.survivor.trials

    @property
    def finished(self):
        assert self.survivor.finished == self.heir.finished
        return self.heir.finished

    def next_assignment(self, warm=()):
        decisions = [twin.next_assignment(warm) for twin in (self.survivor, self.heir)]
        assert decisions[0] == decisions[1]
        assert list(self.survivor.trials) == list(self.heir.trials)
        return decisions[0]

    def news(self):
        news = [twin.news() for twin in (self.survivor, self.heir)]
        assert news[0] == news[1]
        return news[0]

    def observe(self, measurements):
        for twin in (self.survivor, self.heir):
            twin.observe(measurements)

    def fail(self, trial):
        for twin in (self.survivor, self.heir):
            twin.fail(trial)

    def replay(self, entries):
        self.heir.replay(entries)


@settings(max_examples=40, deadline=None)
@given(
    trials=st.integers(1, 60),
    slices=st.integers(1, 4),
    top=st.integers(1, 30),
    look_ahead=st.sampled_from([1, 5, 64]),
    seed=st.integers(0, 1000),
    levels=st.sampled_from([2, 1000]),
    patience=st.sampled_from([0, 2]),
    failure_rate=st.sampled_from([0.0, 0.1]),
    lane_epoch_s=st.sampled_from([0.0, 0.3, 5.0]),
)
def test_kills_at_random_change_no_decision(
    trials, slices, top, look_ahead, seed, levels, patience, failure_rate, lane_epoch_s
):
    make = maker(trials=trials, slices=slices, rungs=rungs_of(1, 3, top), look_ahead=look_ahead)
    survivor = make()
    conditions = Conditions(
        slices=slices,
        lane_epoch_s=lane_epoch_s,
        patience=patience,
        failure_rate=failure_rate,
        kill_rate=0.3,
        seed=seed,
    )
    simulation = Simulation(lambda: Twins(make, survivor), rough(seed, levels, 0.05), conditions)
    simulation.run()
    assert simulation.strategy.finished


def test_a_decision_that_was_not_journalled_is_made_again():
    make = maker(trials=40)
    simulation = Simulation(make, smooth)
    entries = simulation.run().entries
    for cut, entry in enumerate(entries):
        if isinstance(entry, Assignment) and cut > 64:
            heir = make()
            heir.replay(entries[:cut])
            assert heir.next_assignment(warm_at(entries[:cut])) == entry


def warm_at(entries):
    return {entry.signature for entry in entries if isinstance(entry, Assignment)}


def test_trials_journalled_without_their_assignment_change_nothing():
    make = maker(trials=100)
    study = make()
    first = study.next_assignment()
    heir = make()
    heir.replay(study.trials)
    assert heir.next_assignment() == first
    assert list(heir.trials) == list(study.trials)


def test_parts_of_a_running_assignment_are_no_news():
    make = maker(trials=100, stack=4)
    study, heir = make(), make()
    first, second = study.next_assignment(), study.next_assignment()
    part = Assignment(first.trials[:2], 0, 1, first.signature)
    assert first.signature != second.signature
    heir.replay([*study.trials, first, second, part, part])
    assert [heir.next_assignment() for _ in range(9)] == [study.next_assignment() for _ in range(9)]


def run(make, slices=1, entries=(), until_s=float("inf")):
    simulation = Simulation(make, smooth, Conditions(slices=slices), entries)
    simulation.run(until_s)
    trained = Counter(
        (entry.trial, entry.epoch)
        for entry in simulation.outcome.entries
        if isinstance(entry, Measurement)
    )
    assert max(trained.values()) == 1, "an epoch was trained twice"
    return simulation


@pytest.mark.parametrize("until_s", [5.0, 40.0, float("inf")])
def test_more_trials(until_s):
    before = run(maker(trials=10), until_s=until_s).outcome.entries
    after = run(maker(trials=30), entries=before)
    assert after.outcome.entries[: len(before)] == before
    assert after.strategy.rung_table()[0] == (1, 30, 10)
    assert after.strategy.finished


@pytest.mark.parametrize("until_s", [20.0, 60.0, float("inf")])
@pytest.mark.parametrize("rungs", [(1, 3, 9), (1, 3, 7), (1, 2), (2, 5, 9)])
def test_longer_training(rungs, until_s):
    before = run(maker(trials=30, rungs=rungs), slices=2, until_s=until_s)
    longer = rungs_of(rungs[0], 3, 81)
    after = run(maker(trials=30, rungs=longer), slices=2, entries=before.outcome.entries)
    assert after.strategy.finished
    assert TrialState.COMPLETED in map(after.strategy.state, range(30))
    assert after.strategy.rung_table()[-1][1] >= 1


def test_who_had_completed_is_paused_in_the_longer_study():
    before = run(maker(trials=9, rungs=(1, 3)))
    completed = [t for t in range(9) if before.strategy.state(t) == TrialState.COMPLETED]
    heir = maker(trials=9, rungs=(1, 3, 9))()
    heir.replay(before.outcome.entries)
    assert completed
    assert {heir.state(trial) for trial in completed} == {TrialState.PAUSED}
    assert not heir.finished
    assert heir.next_assignment().first_epoch == 3


def test_who_stopped_between_the_new_rungs_goes_on_at_once():
    before = run(maker(trials=9, rungs=(1, 2)))
    heir = maker(trials=9, rungs=(1, 3, 9))()
    heir.replay(before.outcome.entries)
    first = heir.next_assignment()
    assert (first.first_epoch, first.last_epoch) == (2, 3)


def test_shorter_training_completes_who_is_beyond():
    before = run(maker(trials=9, rungs=(1, 3, 9)))
    heir = maker(trials=9, rungs=(1, 3))()
    heir.replay(before.outcome.entries)
    assert heir.finished
    assert TrialState.COMPLETED in map(heir.state, range(9))


def test_fewer_trials_start_no_more():
    study = maker(trials=30, stack=4)()
    first = study.next_assignment()
    heir = maker(trials=2, stack=4)()
    heir.replay([*study.trials, first])
    started = set(first.trials)
    while (assignment := heir.next_assignment()) is not None:
        started |= set(assignment.trials)
    assert started - set(first.trials) <= {0, 1}
    assert heir.state(29) == TrialState.WAITING
