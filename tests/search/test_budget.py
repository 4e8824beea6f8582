"""Budgets: never exceeded, spent well, told in words; and a larger one goes on."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import maker, measured, rough, rungs_of, smooth

from caviar.search.budget import Spending
from caviar.search.simulate import Conditions, Simulation
from caviar.study.records import (
    Assignment,
    Change,
    ChangeKind,
    Measurement,
    Purpose,
    TrialState,
)
from caviar.study.remarks import remarks
from caviar.study.run_tables import UNBOUNDED, Budget
from caviar.study.spec import StudySpec

RUNGS = (1, 3, 9, 27)


def run(curve=smooth, conditions=None, entries=(), **options):
    simulation = Simulation(maker(**options), curve, conditions, entries)
    simulation.run()
    return simulation


def spent(simulation):
    return sum(isinstance(entry, Measurement) for entry in simulation.outcome.entries)


@pytest.mark.parametrize("epochs", [1, 5, 26, 27, 60, 100, 331, 1000])
@pytest.mark.parametrize("slices", [1, 4])
def test_trial_epochs_are_spent_to_the_last(epochs, slices):
    budget = Budget(trial_epochs=epochs)
    found = run(
        conditions=Conditions(slices=slices), slices=slices, budget=budget, trials=UNBOUNDED
    )
    assert spent(found) == epochs
    if epochs < 27:  # too little to bring a single trial to the top
        states = map(found.strategy.state, range(len(found.strategy.trials)))
        assert [state for state in states if state != TrialState.WAITING] == [TrialState.PAUSED]
    assert found.strategy.finished
    assert found.strategy.ending == f"the budget of {epochs:,} trial-epochs is spent"


def test_what_is_too_little_for_another_trial_is_told():
    found = run(budget=Budget(trial_epochs=28), trials=UNBOUNDED)
    assert spent(found) == 27
    words = "the budget of 28 trial-epochs is spent but for 1, too few for another"
    assert found.strategy.ending == words


@settings(max_examples=60, deadline=None)
@given(
    epochs=st.integers(1, 400),
    trials=st.sampled_from([1, 5, 30, UNBOUNDED]),
    slices=st.integers(1, 4),
    top=st.integers(1, 30),
    eta=st.integers(2, 4),
    grace=st.integers(1, 3),
    brackets=st.integers(1, 3),
    stack=st.one_of(st.just("auto"), st.integers(1, 8)),
    seed=st.integers(0, 1000),
    diverging=st.sampled_from([0.0, 0.05, 0.5]),
    patience=st.sampled_from([0, 2]),
    failure_rate=st.sampled_from([0.0, 0.1]),
    kill_rate=st.sampled_from([0.0, 0.2]),
)
def test_no_budget_is_ever_exceeded(
    epochs, trials, slices, top, eta, grace, brackets, stack, seed, diverging, patience,
    failure_rate, kill_rate,
):  # fmt: skip
    rungs = rungs_of(min(grace, top), eta, top)
    conditions = Conditions(
        slices=slices,
        patience=patience,
        failure_rate=failure_rate,
        kill_rate=kill_rate,
        seed=seed,
    )
    found = run(
        rough(seed, 50, diverging), conditions, trials=trials, slices=slices, rungs=rungs,
        reduction_factor=eta, brackets=min(brackets, len(rungs)), stack=stack,
        budget=Budget(trial_epochs=epochs),
    )  # fmt: skip
    assert spent(found) <= epochs
    assert found.strategy.finished
    if found.strategy.ending:
        assert found.strategy.ending.startswith(f"the budget of {epochs} trial-epochs is spent")
        states = Counter(map(found.strategy.state, range(len(found.strategy.trials))))
        assert spent(found) == epochs or not states[TrialState.PAUSED]


@pytest.mark.parametrize("epochs", [60, 100, 333, 1000])
@pytest.mark.parametrize("slices", [1, 4])
def test_the_best_is_trained_to_the_end(epochs, slices):
    """But for one that turns out best when the last of the budget was promised already."""
    completed = 0
    for seed in range(10):
        found = run(
            steady(seed),
            Conditions(slices=slices),
            slices=slices,
            budget=Budget(trial_epochs=epochs),
            trials=UNBOUNDED,
        )
        best = found.strategy.best
        completed += found.strategy.state(best.trial) == TrialState.COMPLETED
    assert completed >= 9


def steady(seed):
    """Ranks that stay as they are: who is best at first is best at last."""
    quality = rough(seed, 10_000, 0.0)
    return lambda values, epoch: quality(values, 0) * (1 - 0.5 / epoch)


def test_a_larger_budget_goes_on():
    budget = Budget(trial_epochs=100)
    before = run(budget=budget, trials=UNBOUNDED)
    entries = list(before.outcome.entries)
    after = run(entries=entries, budget=Budget(trial_epochs=250), trials=UNBOUNDED)
    assert spent(before) == 100
    assert spent(after) == 250
    trained = Counter(
        (e.trial, e.epoch) for e in after.outcome.entries if isinstance(e, Measurement)
    )
    assert max(trained.values()) == 1


def test_a_budget_that_is_not_spent_changes_nothing():
    with_one, without = (
        run(trials=40, **given).outcome.entries
        for given in ({"budget": Budget(trial_epochs=9999)}, {})
    )
    assert repr(with_one) == repr(without)


def test_an_assignment_that_does_not_fit_gets_fewer_lanes():
    study = maker(rungs=(3, 9), trials=50, stack=8, budget=Budget(trial_epochs=20))()
    lanes = 0
    while (found := study.next_assignment()) is not None:
        assert found.last_epoch == 3
        lanes += len(found.trials)
    assert lanes == 4  # 9 epochs must be left when a trial begins


def test_promotions_that_do_not_fit_get_fewer_lanes():
    make = maker(rungs=(1, 3), trials=30, stack=32, budget=Budget(trial_epochs=38))
    study, begun, went_on = make(), [], []
    while (found := study.next_assignment()) is not None and not found.first_epoch:
        begun += found.trials
    study.observe(measured(trial, 1, trial / 100) for trial in begun)
    while (found := study.next_assignment()) is not None:
        (went_on if found.first_epoch else begun).extend(found.trials)
    assert len(begun) == 30
    # Of ten that could: 8 epochs are left, and two of them kept for the best.
    assert went_on == [28, 27, 25, 29]


def test_nobody_begins_who_could_not_be_brought_to_the_top():
    found = run(budget=Budget(trial_epochs=200), trials=UNBOUNDED, stack=1)
    left = 200
    for entry in found.outcome.entries:
        if isinstance(entry, Assignment) and entry.purpose is Purpose.RUNG:
            assert RUNGS[-1] - entry.first_epoch <= left
        left -= isinstance(entry, Measurement)


# Target and plateau


@pytest.mark.parametrize(
    ("metric", "target", "seen", "reached"),
    [
        ("dev_accuracy", 0.9, {"accuracy": 0.9}, True),
        ("dev_accuracy", 0.9, {"accuracy": 0.89}, False),
        ("dev_loss", 0.3, {"dev_loss": 0.3}, True),
        ("dev_loss", 0.3, {"dev_loss": 0.31}, False),
    ],
)
def test_a_target(metric, target, seen, reached):
    spending = Spending(Budget(target=target), metric)
    assert spending.ending(None) == ""
    assert bool(spending.ending(measured(0, 1, **seen))) == reached


def test_a_reached_target_ends_the_study_in_words():
    found = run(budget=Budget(target=0.97), trials=200)
    strategy = found.strategy
    reached = strategy.best.dev_accuracy
    assert reached >= 0.97
    assert strategy.ending == f"dev_accuracy reached {reached:.4g}, the target was 0.97"
    assert len(strategy.trials) < 200 or spent(found) < spent(run(trials=200))
    on = run(trials=200, entries=found.outcome.entries)
    assert on.strategy.ending == ""
    assert spent(on) > spent(found)


def test_a_plateau_counts_trials_that_brought_nothing_better():
    spending = Spending(Budget(plateau=3), "dev_accuracy")
    for accuracy in (0.5, 0.52, 0.55, 0.55):  # 0.52 is within the noise of 0.5, 0.55 is not
        assert spending.ending(None) == ""
        spending.arrive()
        spending.compare(measured(0, 1, accuracy), 0.03)
    for _ in range(2):
        assert spending.ending(None) == ""
        spending.arrive()
    assert spending.ending(None) == "3 trials brought nothing better"


def test_a_plateau_ends_a_study():
    found = run(budget=Budget(plateau=20), trials=2000)
    assert found.strategy.finished
    assert "trials brought nothing better" in found.strategy.ending
    assert spent(found) < 0.5 * spent(run(trials=2000))
    assert TrialState.COMPLETED in map(found.strategy.state, range(len(found.strategy.trials)))


# The study file


@pytest.mark.parametrize(
    ("text", "trials"),
    [
        ("", 64),
        ("[budget]\ntrial_epochs = 500", UNBOUNDED),
        ("[budget]\nhours = 2.0", UNBOUNDED),
        ("[budget]\nslice_hours = 2.0", UNBOUNDED),
        ("[budget]\ntrial_epochs = 500\n[search]\ntrials = 12", 12),
        ("[budget]\ntarget = 0.9", 64),
        ("[budget]\nplateau = 9", 64),
    ],
)
def test_trials_are_as_many_as_the_budget_allows_unless_given(text, trials):
    spec = StudySpec.parse(text)
    assert spec.search.trials == trials
    assert StudySpec.from_json(spec.to_json()).search.trials == trials


def test_no_trials_are_added_to_as_many_as_the_budget_allows():
    more = Change(ChangeKind.ADD_TRIALS, {"trials": 5})
    unbounded = maker(trials=UNBOUNDED, budget=Budget(trial_epochs=99))()
    assert "as many trials as its budget allows" in unbounded.refusal(more)
    assert unbounded.wanted == 0  # none is known to wait
    assert maker(trials=9)().refusal(more) is None


def test_a_budget_below_one_training_is_remarked_upon():
    line = "budget.trial_epochs: 26 bring no trial to search.max_epochs = 27"
    assert line in remarks(StudySpec.parse("[budget]\ntrial_epochs = 26"))
    assert not remarks(StudySpec.parse("[budget]\ntrial_epochs = 27"))
