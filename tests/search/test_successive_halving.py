import math

import pytest
from simulated import measured

from caviar.search.brackets import Brackets
from caviar.search.successive_halving import SuccessiveHalving, rank_of


def halving(epochs=(1, 3, 9), eta=3):
    return SuccessiveHalving(epochs, eta)


def arrive(rungs, epoch, *scores, first=0):
    for trial, score in enumerate(scores, first):
        rungs.arrive(epoch, (score, 0.0, trial))


def promotable(rungs, place=0, limit=99):
    return list(rungs.promotable(rungs.rungs[place], limit))


@pytest.mark.parametrize(
    ("metric", "better", "worse"),
    [
        ("dev_accuracy", {"accuracy": 0.9}, {"accuracy": 0.8}),
        ("dev_loss", {"dev_loss": 0.1}, {"dev_loss": 0.2}),
        ("dev_accuracy", {"dev_loss": 0.1}, {"dev_loss": 0.2}),
        ("dev_loss", {"dev_loss": 5.0}, {"dev_loss": math.nan}),
        ("dev_accuracy", {"accuracy": 0.0}, {"accuracy": math.nan}),
        ("dev_accuracy", {"accuracy": 0.0}, {"accuracy": 1.0, "diverged": True}),
        ("dev_accuracy", {"dev_loss": 9.0}, {"dev_loss": math.inf}),
        ("train_loss", {"train_loss": 0.1, "dev_loss": 9.0}, {"train_loss": 0.2}),
        ("train_loss", {"train_loss": 0.1, "stopped": True}, {"train_loss": 0.2}),
    ],
)
def test_ranks_by_metric_then_loss(metric, better, worse):
    assert rank_of(measured(7, 1, **better), metric) < rank_of(measured(1, 1, **worse), metric)


def test_ranks_by_trial_where_all_else_is_equal():
    assert rank_of(measured(1, 1), "dev_accuracy") < rank_of(measured(2, 1), "dev_accuracy")


def test_promotes_as_soon_as_a_third_is_one():
    rungs = halving()
    arrive(rungs, 1, 0.5, 0.4)
    assert promotable(rungs) == []
    arrive(rungs, 1, 0.6, first=2)
    assert promotable(rungs) == [1]


def test_the_share_bounds_all_promotions_ever_made():
    rungs = halving()
    arrive(rungs, 1, 0.5, 0.6, 0.7)
    rungs.leave(0)
    arrive(rungs, 1, 0.1, 0.2, first=3)
    assert promotable(rungs) == []
    arrive(rungs, 1, 0.9, first=5)
    assert promotable(rungs) == [3]


def test_who_dropped_out_counts_but_is_never_promoted():
    rungs = halving()
    for _ in range(5):
        rungs.drop_out(0)
    arrive(rungs, 1, 0.5)
    assert rungs.rungs[0].reached == 6
    assert promotable(rungs) == [0]


def test_what_is_not_finite_counts_but_is_never_promoted():
    rungs = halving()
    arrive(rungs, 1, math.inf, math.inf, math.inf, math.inf, math.inf, 0.5)
    assert promotable(rungs) == [5]


@pytest.mark.parametrize(("epoch", "place"), [(0, 0), (1, 1), (2, 1), (3, 2), (8, 2)])
def test_a_drop_out_counts_in_the_rung_it_was_running_for(epoch, place):
    rungs = halving()
    rungs.drop_out(epoch)
    assert [rung.reached for rung in rungs.rungs] == [int(i == place) for i in range(3)]


def test_the_last_rung_promotes_nobody():
    rungs = halving()
    arrive(rungs, 9, 0.1, 0.2, 0.3)
    assert rungs.promotable_count == 0
    assert rungs.late() is None
    assert rungs.finishers == 3


def test_a_looked_at_few_are_the_best():
    rungs = halving()
    arrive(rungs, 1, *[i / 100 for i in range(99, 0, -1)])
    assert promotable(rungs, limit=3) == [98, 97, 96]
    assert rungs.promotable_count == 33


def test_leaving_gives_the_place_to_nobody_else():
    rungs = halving()
    arrive(rungs, 1, 0.5, 0.4, 0.6)
    rungs.leave(1, promoted=False)
    assert promotable(rungs) == [0]
    rungs.leave(0)
    assert promotable(rungs) == []


def one_ladder():
    """Brackets with a single ladder, and the ladder."""
    brackets = Brackets((1, 3, 9), 3)
    return brackets, brackets.ladders[0]


def test_owed_is_the_best_of_the_highest_rung_when_nobody_finished():
    brackets, rungs = one_ladder()
    arrive(rungs, 1, 0.5, 0.4)
    assert brackets.owed() == (1, 1, 9)


def test_owed_is_the_late_best_first():
    brackets, rungs = one_ladder()
    arrive(rungs, 1, 0.5, 0.6, 0.7)
    rungs.leave(0)
    arrive(rungs, 1, 0.1, first=3)
    arrive(rungs, 3, 0.3)
    assert brackets.owed() == (3, 1, 3)
    rungs.leave(3)
    assert brackets.owed() == (0, 3, 9)


def test_a_passing_trial_counts_as_promoted():
    rungs = halving()
    rungs.arrive(3, (0.5, 0.0, 0), passing=True)
    assert (rungs.rungs[1].reached, rungs.rungs[1].promoted) == (1, 1)
    assert rungs.late() is None


def stop(rungs, epoch, score, trial, *, final=False):
    rungs.stop(epoch, (score, 0.0, trial), final=final)


@pytest.mark.parametrize(
    ("stopped", "goes_on"),
    [
        ([0.35], [3]),  # it takes the second of two places
        ([0.45], [3, 4]),  # behind both
        ([0.1, 0.2], []),  # both places
        ([math.inf], [3, 4]),
    ],
)
def test_a_stopped_trial_keeps_its_place_and_never_goes_on(stopped, goes_on):
    rungs = halving()
    arrive(rungs, 1, 0.3, 0.4, 0.5, 0.6, first=3)
    for trial, score in enumerate(stopped):
        stop(rungs, 1, score, trial)
    for _ in range(2 - len(stopped)):
        rungs.drop_out(0)
    assert rungs.rungs[0].reached == 6
    assert promotable(rungs) == goes_on
    assert rungs.promotable_count == len(goes_on)


def test_places_that_promotions_took_are_not_taken_twice():
    rungs = halving()
    arrive(rungs, 1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    stop(rungs, 1, 0.15, 8)
    for trial in (0, 1):
        assert promotable(rungs)[0] == trial
        rungs.leave(trial)
    assert promotable(rungs) == []


@pytest.mark.parametrize(("epoch", "place"), [(1, 0), (2, 1), (3, 1), (4, 2), (9, 2)])
def test_a_stopped_trial_ranks_in_the_rung_it_was_running_for(epoch, place):
    rungs = halving()
    stop(rungs, epoch, 0.5, 0)
    assert [rung.reached for rung in rungs.rungs] == [int(i == place) for i in range(3)]
    assert [rung.stopped for rung in rungs.rungs][place] == [(0.5, 0.0, 0)]


def test_nobody_need_follow_who_stopped_on_the_way_to_the_top():
    for final in (True, False):
        brackets, rungs = one_ladder()
        arrive(rungs, 3, 0.5)
        stop(rungs, 4, 0.4, 1, final=final)
        assert brackets.owed() == (None if final else (0, 3, 9))


def test_a_stopped_trial_beyond_the_last_rung_is_of_an_earlier_plan():
    rungs = halving(epochs=(1, 3))
    stop(rungs, 5, 0.4, 1)
    assert [rung.reached for rung in rungs.rungs] == [0, 0]
