from collections import Counter

import numpy as np
import pytest
from simulated import SPACE, decode, maker, measured, rough, signature_of, smooth

from caviar.search.caviar import CaviarStrategy
from caviar.search.drawing import Drawing
from caviar.search.quasi_random import Sobol
from caviar.search.searcher import Suggestion
from caviar.search.simulate import Conditions, Simulation
from caviar.search.standing import standing_of
from caviar.study.records import Assignment, Purpose, Signature, TrialState


class Fixed:
    """A searcher of given first coordinates; the last one decides the batch size."""

    def __init__(self, batches=()):
        self.batches = batches
        self.seen = []

    ahead = 1000

    def suggest(self, draw, box):
        batch = self.batches[draw] if self.batches else 0
        return Suggestion(np.array([draw / 1000, 0.5, batch / 3]))

    def note(self, entry):
        pass

    def observe(self, trial, epoch, score):
        self.seen.append((trial.index, epoch, score))


def strategy(batches=(), **options):
    given = {"trials": 9, "rungs": (1, 3, 9), "stack": 16} | options
    return CaviarStrategy(
        drawing=Drawing(Fixed(batches), SPACE), signature_of=signature_of, **given
    )


def report(strategy, assignment, accuracy=lambda trial: 1 - trial / 100, **other):
    """Every lane of an assignment trained; lower indices are better."""
    for trial in assignment.trials:
        for epoch in range(assignment.first_epoch + 1, assignment.last_epoch + 1):
            strategy.observe([measured(trial, epoch, accuracy(trial), **other)])


def test_promotes_the_best_third_and_ends_with_one_at_the_top():
    study = strategy()
    first = study.next_assignment()
    assert first == Assignment(tuple(range(9)), 0, 1, signature_of(decode([0, 0, 0])))
    assert study.next_assignment() is None
    report(study, first)
    second = study.next_assignment()
    assert (second.trials, second.first_epoch, second.last_epoch) == ((0, 1, 2), 1, 3)
    report(study, second)
    third = study.next_assignment()
    assert (third.trials, third.first_epoch, third.last_epoch) == ((0,), 3, 9)
    assert not study.finished
    report(study, third)
    assert study.finished
    assert study.next_assignment() is None
    assert study.rung_table() == [(1, 9, 3), (3, 3, 1), (9, 1, 0)]
    assert Counter(map(study.state, range(9))) == {TrialState.COMPLETED: 1, TrialState.PAUSED: 8}


def test_a_promotion_does_not_wait_for_the_assignment_to_end():
    study = strategy()
    study.next_assignment()
    study.observe([measured(trial, 1) for trial in (0, 1, 2)])
    assert study.next_assignment().trials == (0,)


def test_only_the_measurement_at_the_rung_decides():
    study = strategy(rungs=(3, 9), trials=3)
    study.next_assignment()
    study.observe([measured(trial, epoch) for trial in range(3) for epoch in (1, 2)])
    assert study.next_assignment() is None
    assert {study.state(trial) for trial in range(3)} == {TrialState.RUNNING}
    study.observe([measured(trial, 3, accuracy=trial / 10) for trial in range(3)])
    assert study.next_assignment().trials == (2,)


def test_the_highest_rung_first():
    study = strategy(trials=18, stack=9)
    report(study, study.next_assignment())
    first = study.next_assignment()
    new = study.next_assignment()
    report(study, first)
    report(study, new)
    order = [study.next_assignment() for _ in range(2)]
    assert [(group.first_epoch, group.trials) for group in order] == [(3, (0,)), (1, (3, 4, 5))]


def test_promotions_before_new_trials():
    study = strategy(trials=6, stack=3)
    report(study, study.next_assignment())
    assert study.next_assignment().trials == (0,)
    assert study.next_assignment().trials == (3, 4, 5)


def test_new_trials_are_drawn_ahead_and_packed_by_signature():
    study = strategy(batches=[0, 1, 2, 0, 1, 0], trials=6)
    warm = study.next_assignment()
    assert len(study.trials) == 6
    assert warm.trials == (0, 3, 5)
    assert study.next_assignment().trials == (1, 4)
    assert study.next_assignment().trials == (2,)


def test_never_more_than_the_look_ahead_wait():
    study = strategy(trials=100, look_ahead=10, stack=4)
    study.next_assignment()
    assert len(study.trials) == 10
    study.next_assignment()
    assert len(study.trials) == 14


def test_what_is_warm_goes_first():
    study = strategy(batches=[0, 0, 0, 1, 1, 1], trials=6, stack=3)
    cold, warm = (signature_of(decode([0, 0, batch / 3])) for batch in (0, 1))
    assert study.next_assignment([warm]).trials == (3, 4, 5)
    assert study.next_assignment([warm]).signature == cold


def test_a_promotion_of_anothers_signature_yields_to_warm_new_trials_but_not_for_ever():
    study = strategy(batches=[0] * 3 + [1] * 30, trials=33, stack=1)
    for _ in range(3):
        report(study, study.next_assignment([signature_of(decode([0, 0, 0]))]))
    other = [signature_of(decode([0, 0, 1 / 3]))]
    started = [study.next_assignment(other) for _ in range(6)]
    kinds = [assignment.first_epoch for assignment in started]
    assert kinds[0] == 0
    assert kinds.count(1) == 1


def test_a_promotion_is_taken_cold_rather_than_nothing():
    study = strategy(trials=3)
    report(study, study.next_assignment())
    assert study.next_assignment([Signature((9,), 9, "sgd")]).trials == (0,)


def test_work_is_shared_between_slices():
    study = strategy(trials=8, slices=4, stack="auto")
    assert [len(study.next_assignment().trials) for _ in range(4)] == [2, 2, 1, 1]


@pytest.mark.parametrize("stack", [1, 3, 16])
def test_the_stack_is_never_exceeded(stack):
    simulation = Simulation(maker(stack=stack, trials=50), smooth)
    entries = simulation.run().entries
    sizes = [len(entry.trials) for entry in entries if isinstance(entry, Assignment)]
    assert max(sizes) == stack


def test_slow_trials_go_alone():
    study = strategy(trials=9, stack="auto", rungs=(1, 3))
    report(study, study.next_assignment(), elapsed_s=20.0)
    assert len(study.next_assignment().trials) == 1


def test_a_diverged_trial_counts_in_its_rung_and_never_goes_on():
    study = strategy(trials=3)
    study.next_assignment()
    study.observe([measured(0, 1, 1.0, diverged=True), measured(1, 1, 0.1), measured(2, 1, 0.2)])
    assert study.rung_table()[0] == (1, 3, 0)
    assert study.next_assignment().trials == (2,)
    assert study.state(0) == TrialState.DIVERGED


def test_a_failed_trial_counts_in_its_rung_and_late_news_of_it_is_ignored():
    study = strategy(trials=3)
    study.next_assignment()
    study.fail(0)
    study.fail(0)
    study.observe([measured(0, 1), measured(1, 1), measured(2, 1)])
    assert study.rung_table()[0] == (1, 3, 0)
    assert study.state(0) == TrialState.FAILED
    assert study.next_assignment().trials == (1,)


def test_all_diverged():
    study = strategy(trials=5)
    report(study, study.next_assignment(), diverged=True)
    assert study.next_assignment() is None
    assert study.finished
    assert study.rung_table() == [(1, 5, 0), (3, 0, 0), (9, 0, 0)]


def test_the_completion_run_goes_to_the_next_best_when_it_diverges():
    study = strategy(trials=2)
    report(study, study.next_assignment())
    completion = study.next_assignment()
    assert (completion.trials, completion.first_epoch, completion.last_epoch) == ((0,), 1, 9)
    assert completion.purpose is Purpose.COMPLETION
    study.observe([measured(0, 2), measured(0, 3), measured(0, 4, diverged=True)])
    assert not study.finished
    second = study.next_assignment()
    assert (second.trials, second.purpose) == ((1,), Purpose.COMPLETION)
    report(study, second)
    assert study.finished
    assert study.rung_table() == [(1, 2, 2), (3, 2, 2), (9, 2, 0)]


def test_a_completion_run_that_stops_early_is_the_last():
    study = strategy(trials=2)
    report(study, study.next_assignment(), lambda trial: 0.5 - trial / 10)
    assert study.next_assignment().purpose is Purpose.COMPLETION
    study.observe([measured(0, 2), measured(0, 3), measured(0, 4, 0.9, stopped=True)])
    assert study.finished
    assert study.state(0) == TrialState.STOPPED
    assert study.best == measured(0, 4, 0.9, stopped=True)
    assert study.rung_table() == [(1, 2, 1), (3, 1, 1), (9, 1, 0)]


def test_the_searcher_is_told_where_a_trial_stopped():
    searcher = Fixed()
    study = CaviarStrategy(
        drawing=Drawing(searcher, SPACE), signature_of=signature_of, trials=1, rungs=(5,)
    )
    study.next_assignment()
    study.observe([measured(0, 1), measured(0, 2, 0.7, stopped=True), measured(0, 3)])
    assert searcher.seen == [(0, 2, -0.7)]


def test_one_trial_goes_all_the_way():
    study = strategy(trials=1)
    report(study, study.next_assignment())
    report(study, study.next_assignment())
    assert study.finished
    assert study.state(0) == TrialState.COMPLETED


def test_the_best_of_a_rung_goes_on_though_it_came_after_the_share_was_spent():
    study = strategy(trials=4, stack=1)
    for accuracy in (0.3, 0.2, 0.1):
        report(study, study.next_assignment(), lambda _, a=accuracy: a)
    promoted = study.next_assignment()
    assert promoted.trials == (0,)
    report(study, study.next_assignment(), lambda _: 0.9)
    assert study.next_assignment() is None
    report(study, promoted, lambda _: 0.3)
    late = study.next_assignment()
    assert (late.trials, late.first_epoch, late.last_epoch) == ((3,), 1, 3)
    assert late.purpose is Purpose.COMPLETION


@pytest.mark.parametrize("rungs", [(1,), (9,)])
def test_a_single_rung_trains_all_and_promotes_none(rungs):
    simulation = Simulation(maker(rungs=rungs, trials=7), smooth)
    simulation.run()
    assert simulation.strategy.rung_table() == [(rungs[0], 7, 0)] or rungs == (9,)
    assert all(
        simulation.strategy.state(trial) in (TrialState.COMPLETED, TrialState.DIVERGED)
        for trial in range(7)
    )


def test_the_searcher_is_told_at_rungs_and_divergences():
    searcher = Fixed()
    study = CaviarStrategy(
        drawing=Drawing(searcher, SPACE), signature_of=signature_of, trials=2, rungs=(2, 4)
    )
    study.next_assignment()
    study.observe([measured(0, 1, 0.4), measured(0, 2, 0.5), measured(1, 1, 0.5, diverged=True)])
    assert searcher.seen == [(0, 2, -0.5), (1, 1, float("inf"))]


def test_dev_loss_counts_downward():
    study = strategy(trials=3, metric="dev_loss")
    study.next_assignment()
    study.observe([measured(trial, 1, dev_loss=loss) for trial, loss in enumerate((3, 1, 2))])
    assert study.next_assignment().trials == (1,)


def test_expected_lane_epochs_bounds_what_comes():
    simulation = Simulation(maker(trials=60), smooth)
    study = simulation.strategy
    study.next_assignment()
    expected = {
        signature: study.expected_lane_epochs(signature)
        for signature in {signature_of(trial.hyperparameters) for trial in study.trials}
    }
    fresh = Simulation(maker(trials=60), rough(0, 100, 0.1))
    came = Counter()
    for entry in fresh.run().entries:
        if hasattr(entry, "epoch"):
            came[signature_of(fresh.strategy.trials[entry.trial].hyperparameters)] += 1
    assert all(0 < came[signature] <= expected[signature] for signature in expected)
    assert all(fresh.strategy.expected_lane_epochs(signature) <= 27 + 9 for signature in expected)


def test_most_lane_epochs_is_a_close_bound_at_any_time():
    whole = Simulation(maker(trials=60), smooth).run().lane_epochs
    for until_s in (-1.0, 5.0, 50.0, 150.0):
        simulation = Simulation(maker(trials=60), smooth)
        behind = simulation.run(until_s).lane_epochs
        bound = simulation.strategy.most_lane_epochs
        assert whole - behind <= bound <= 1.6 * (whole - behind) + 27


def test_the_best_is_that_of_the_standing():
    simulation = Simulation(maker(trials=60), rough(1, 20, 0.1))
    entries = simulation.run(100.0).entries
    best = standing_of(entries, (1, 3, 9, 27), "dev_accuracy").best
    assert best is not None
    assert simulation.strategy.best == best


def test_expected_lane_epochs_of_an_unknown_signature():
    unknown = Signature((9,), 9, "sgd")
    study = strategy(trials=9)
    assert study.expected_lane_epochs(unknown) > 0
    study.next_assignment()
    assert study.expected_lane_epochs(unknown) == 0


class Blind(CaviarStrategy):
    """Never knows what is warm."""

    def next_assignment(self, warm=()):
        return super().next_assignment()


def drawn():
    return Drawing(Sobol(3, 0), SPACE)


def test_each_slice_keeps_its_signatures():
    conditions = Conditions(slices=4, lane_epoch_s=0.006, compile_s=2.5)
    options = {
        "signature_of": lambda values: Signature((64,), int(float(values["y"]) * 12) + 1, "adam"),
        "trials": 500,
        "rungs": (1, 3, 9, 27),
        "slices": 4,
    }
    knowing = Simulation(
        lambda: CaviarStrategy(drawing=drawn(), **options), smooth, conditions
    ).run()
    blind = Simulation(lambda: Blind(drawing=drawn(), **options), smooth, conditions).run()
    assert knowing.compilations < 0.8 * blind.compilations
    assert knowing.elapsed_s < 0.8 * blind.elapsed_s


def test_little_work_is_left_to_a_slice_that_has_it_compiled():
    found = strategy(batches=[0] * 9, stack=3, slices=2)
    first = found.next_assignment()
    attended = {first.signature}
    taken = found.next_assignment(attended=attended)
    assert taken is not None  # nothing was measured: it might be a lot
    report(found, first, elapsed_s=0.01)
    assert found.next_assignment(attended=attended) is None
    assert found.next_assignment(warm=attended, attended=attended) is not None
    assert found.next_assignment(attended=()) is not None


def test_much_work_is_worth_compiling_again():
    found = strategy(batches=[0] * 9, stack=3, slices=2)
    first = found.next_assignment()
    report(found, first, elapsed_s=10.0)
    assert found.next_assignment(attended={first.signature}) is not None


def test_a_closing_run_is_left_to_a_slice_that_has_it_compiled():
    found = strategy(batches=[0, 0], trials=2)
    first = found.next_assignment()
    report(found, first, elapsed_s=0.01)
    assert found.next_assignment(attended={first.signature}) is None
    closing = found.next_assignment(warm={first.signature}, attended={first.signature})
    assert closing.purpose == Purpose.COMPLETION
