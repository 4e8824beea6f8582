import math

import pytest
from simulated import maker, measured, rough, signature_of

from caviar.search.simulate import Conditions, Simulation
from caviar.search.standing import RungStanding, standing_of
from caviar.study.records import Assignment, Failure, Purpose, Signature, Trial, TrialState

RUNGS = (1, 3, 9)
ANY = Signature((64,), 32, "adam")


def drawn(count):
    return [Trial(i, (), {}) for i in range(count)]


def sent(trials, first, last, purpose=Purpose.RUNG):
    return Assignment(tuple(trials), first, last, ANY, purpose)


@pytest.mark.parametrize("until_s", [3.0, 30.0, 100.0, math.inf])
@pytest.mark.parametrize("patience", [0, 2])
def test_it_tells_what_the_strategy_tells(until_s, patience):
    simulation = Simulation(
        maker(trials=40, slices=3),
        rough(3, 50, 0.05),
        Conditions(slices=3, failure_rate=0.05, patience=patience),
    )
    entries = simulation.run(until_s).entries
    standing = standing_of(entries, (1, 3, 9, 27), "dev_accuracy")
    strategy = simulation.strategy
    count = len(strategy.trials)
    assert list(standing.states) == [strategy.state(trial) for trial in range(count)]
    assert standing.rungs == tuple(RungStanding(*row) for row in strategy.rung_table())
    assert standing.best == strategy.best


def test_nothing_yet():
    standing = standing_of([], RUNGS, "dev_accuracy")
    assert standing.states == ()
    assert standing.rungs == (RungStanding(1, 0, 0), RungStanding(3, 0, 0), RungStanding(9, 0, 0))
    assert standing.best is None


@pytest.mark.parametrize(
    ("running", "states"),
    [
        (None, ["running", "running", "waiting"]),
        ([1], ["paused", "running", "waiting"]),
        ([], ["paused", "waiting", "waiting"]),
    ],
)
def test_who_runs_is_told_from_outside(running, states):
    entries = [
        *drawn(3),
        sent([0], 0, 1),
        measured(0, 1),
        sent([0], 1, 3),
        measured(0, 2),
        sent([1], 0, 1),
    ]
    assert list(standing_of(entries, RUNGS, "dev_accuracy", running).states) == states


def test_the_best_is_measured_where_a_checkpoint_is():
    entries = [*drawn(1), sent([0], 0, 3), measured(0, 1, 0.9), measured(0, 2, 0.8)]
    assert standing_of(entries, RUNGS, "dev_accuracy").best is None
    last = measured(0, 3, 0.7)
    assert standing_of([*entries, last], RUNGS, "dev_accuracy").best == last
    on = [*entries, last, sent([0], 3, 9), measured(0, 4, 0.99)]
    assert standing_of(on, RUNGS, "dev_accuracy").best == last


@pytest.mark.parametrize(("later", "best_epoch"), [(0.6, 3), (0.7, 9), (0.8, 9)])
def test_longer_training_that_made_it_worse_hides_nothing(later, best_epoch):
    entries = [*drawn(1), sent([0], 0, 3), measured(0, 3, 0.7), sent([0], 3, 9)]
    best = standing_of([*entries, measured(0, 9, later)], RUNGS, "dev_accuracy").best
    assert best.epoch == best_epoch


@pytest.mark.parametrize(
    ("metric", "measurements", "best"),
    [
        ("dev_accuracy", [measured(0, 1, 0.7), measured(1, 3, 0.6)], 0),
        ("dev_accuracy", [measured(0, 1, 0.7), measured(1, 3, 0.7)], 1),  # longer trained
        ("dev_accuracy", [measured(0, 1, 0.7), measured(1, 1, 0.7, dev_loss=0.5)], 1),
        ("dev_accuracy", [measured(0, 1, 0.7), measured(1, 1, 0.7)], 0),
        ("dev_loss", [measured(0, 1, 0.9, dev_loss=2.0), measured(1, 1, 0.1, dev_loss=1.0)], 1),
        ("dev_accuracy", [measured(0, 1, math.nan), measured(1, 1, 0.1)], 1),
        ("dev_accuracy", [measured(0, 1, 1.0, diverged=True), measured(1, 1, 0.1)], 1),
        ("dev_accuracy", [measured(0, 1, math.nan)], None),
        ("dev_accuracy", [measured(0, 1, 0.7, stopped=True), measured(1, 1, 0.1)], 0),
        ("dev_accuracy", [measured(0, 1, math.nan, stopped=True), measured(1, 1, 0.1)], 1),
        ("train_loss", [measured(0, 1, train_loss=2.0), measured(1, 1, train_loss=1.0)], 1),
        ("train_loss", [measured(0, 1, train_loss=math.nan), measured(1, 1)], 1),
    ],
)
def test_best(metric, measurements, best):
    entries = drawn(2)
    for measurement in measurements:
        entries += [sent([measurement.trial], 0, measurement.epoch), measurement]
    found = standing_of(entries, RUNGS, metric).best
    assert (found.trial if found else None) == best


def test_the_failed_and_the_diverged_are_not_best():
    entries = [
        *drawn(3),
        sent([0, 1, 2], 0, 1),
        *[measured(trial, 1, 0.9 - trial / 10) for trial in range(3)],
        sent([0, 1], 1, 3),
        measured(0, 2, diverged=True),
        Failure(1, "gone"),
    ]
    standing = standing_of(entries, RUNGS, "dev_accuracy")
    assert standing.best == measured(2, 1, 0.7)
    assert list(standing.states) == [TrialState.DIVERGED, TrialState.FAILED, TrialState.PAUSED]
    assert standing.rungs[:2] == (RungStanding(1, 3, 2), RungStanding(3, 2, 0))


def test_a_stopped_trial_is_judged_by_its_last_epoch():
    entries = [
        *drawn(2),
        sent([0, 1], 0, 9),
        *[measured(0, epoch, 0.9 - epoch / 10) for epoch in (1, 2, 3)],
        measured(0, 4, 0.5, stopped=True),
        *[measured(1, epoch, 0.4) for epoch in range(1, 10)],
    ]
    standing = standing_of(entries, RUNGS, "dev_accuracy")
    assert list(standing.states) == [TrialState.STOPPED, TrialState.COMPLETED]
    assert standing.best == measured(0, 4, 0.5, stopped=True)
    assert standing.rungs == (RungStanding(1, 0, 0), RungStanding(3, 0, 0), RungStanding(9, 2, 0))


def test_signatures_do_not_matter():
    simulation = Simulation(maker(trials=5), rough(0, 9, 0.0))
    entries = simulation.run().entries
    assert {signature_of(trial.hyperparameters) for trial in simulation.strategy.trials}
    assert standing_of(entries, (1, 3, 9, 27), "dev_accuracy").best is not None
