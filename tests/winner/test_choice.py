"""The winner's choice: by the mean, never by luck."""

import math

import numpy as np
import pytest

from caviar.study.finals import BASELINE, Candidate
from caviar.study.records import Measurement
from caviar.winner.choice import Contender, Run, choose, paired


def contender(name, values, metric="dev_accuracy", score=None, losses=None):
    """A candidate whose runs scored these; None: diverged."""
    runs = []
    for place, value in enumerate(values):
        if value is None:
            runs.append(Run(place, place + 1, None, True, "diverged"))
            continue
        loss = losses[place] if losses else 0.5
        given = {"train_loss": loss, "dev_loss": loss, "dev_accuracy": 0.5, metric: value}
        runs.append(
            Run(place, place + 1, Measurement(0, 3, train_accuracy=0.5, elapsed_s=1, **given))
        )
    index = None if name == BASELINE else int(name.split()[1])
    return Contender(Candidate(name, {}, index, score), tuple(runs), metric)


def names(choice):
    return [one.candidate.name for one in choice.contenders]


def test_the_best_mean_wins_not_the_best_run():
    lucky = contender("trial 1", [0.99, 0.80, 0.80], score=0.99)
    steady = contender("trial 2", [0.90, 0.91, 0.89], score=0.90)
    choice = choose([lucky, steady, contender(BASELINE, [0.5, 0.5, 0.6])])
    assert names(choice) == ["trial 2", "trial 1", BASELINE]
    assert choice.winner.result.mean == pytest.approx(0.9)


def test_of_losses_the_lower_wins():
    one = contender("trial 1", [0.3, 0.4], "dev_loss")
    two = contender("trial 2", [0.2, 0.3], "dev_loss")
    base = contender(BASELINE, [0.5, 0.7], "dev_loss")
    choice = choose([one, two, base])
    assert names(choice) == ["trial 2", "trial 1", BASELINE]
    assert choice.difference.mean == pytest.approx(0.35)  # better is positive


def test_lost_runs_put_a_candidate_behind_all_that_lost_none():
    lost = contender("trial 1", [0.99, None, 0.99])
    worse = contender("trial 2", [0.70, 0.71, 0.72])
    none = contender("trial 3", [None, None, None])
    two = contender("trial 4", [0.995, None, None])
    choice = choose([none, lost, two, worse, contender(BASELINE, [0.6, 0.6, 0.6])])
    assert names(choice) == ["trial 2", BASELINE, "trial 1", "trial 4", "trial 3"]


def test_equal_means_are_told_apart_by_the_dev_loss():
    one = contender("trial 1", [0.9, 0.8], losses=[0.5, 0.5], score=0.95)
    two = contender("trial 2", [0.8, 0.9], losses=[0.4, 0.4], score=0.9)
    assert names(choose([one, two])) == ["trial 2", "trial 1"]


def test_the_baseline_may_win():
    choice = choose([contender("trial 1", [0.8, 0.8]), contender(BASELINE, [0.9, 0.9])])
    assert choice.winner is choice.baseline
    assert (choice.beats_baseline, choice.difference) == (False, None)


@pytest.mark.parametrize(
    ("ours", "theirs", "beats"),
    [
        ([0.90, 0.91, 0.92], [0.80, 0.81, 0.81], True),
        ([0.90, 0.95, 0.85], [0.89, 0.90, 0.88], False),
        ([0.90, 0.95, None], [None, 0.90, 0.88], None),  # one pair left
    ],
)
def test_beating_the_baseline(ours, theirs, beats):
    choice = choose([contender("trial 1", ours), contender(BASELINE, theirs)])
    assert choice.beats_baseline is beats


def test_without_a_baseline_nothing_is_said_of_it():
    choice = choose([contender("trial 1", [0.9])])
    assert (choice.baseline, choice.difference, choice.beats_baseline) == (None, None, None)


def test_losing_where_both_finished_is_no_beating():
    ours = contender("trial 1", [0.80, 0.81, 0.82])
    theirs = contender(BASELINE, [0.90, 0.91, None])
    choice = choose([ours, theirs])
    assert choice.winner is ours
    assert choice.difference.mean < 0
    assert choice.beats_baseline is False


def test_differences_are_paired_by_replicate():
    # What differs from seed to seed is common to both: unpaired, nothing could be said.
    seeds = np.random.default_rng(0).normal(0.8, 0.05, 5)
    ours = contender("trial 1", (seeds + np.array([0.011, 0.010, 0.012, 0.010, 0.011])).tolist())
    theirs = contender(BASELINE, seeds.tolist())
    found = paired(ours, theirs)
    assert found.low > 0.009
    assert choose([ours, theirs]).beats_baseline is True
    shuffled = contender(BASELINE, seeds[::-1].tolist())
    assert not paired(ours, shuffled).excludes_zero


def test_nobody_left():
    assert choose([contender("trial 1", [None, None]), contender(BASELINE, [None, None])]) is None
    assert choose([]) is None


@pytest.mark.parametrize(
    ("values", "replicate"),
    [([0.9, 0.7, 0.8], 3), ([0.9, 0.7], 2), ([0.9, None, 0.7, 0.8, 0.6], 3), ([0.5], 1)],
)
def test_the_exported_run_is_the_median(values, replicate):
    assert choose([contender("trial 1", values)]).exported.replicate == replicate


def test_of_an_even_number_the_worse_of_the_middle_is_exported():
    choice = choose([contender("trial 1", [0.2, 0.4, 0.3, 0.1], "dev_loss")])
    assert choice.exported.value("dev_loss") == 0.3


def test_an_accuracy_ends_at_one_and_a_loss_does_not():
    assert contender("trial 1", [0.99, 0.9, 1.0]).result.high == 1.0
    assert contender("trial 1", [1.99, 0.9, 1.0], "dev_loss").result.high > 2.0


def test_a_dev_loss_that_is_infinite_is_only_the_worst():
    one = contender("trial 1", [0.9, 0.9], losses=[math.inf, 1.0])
    two = contender("trial 2", [0.9, 0.9], losses=[2.0, 2.0])
    assert names(choose([one, two])) == ["trial 2", "trial 1"]


NOISE, STUDIES, SEEDS = 0.01, 600, 5


def drawn(rng, name, mean, score=None):
    return contender(name, rng.normal(mean, NOISE, SEEDS).tolist(), score=score)


def test_the_lucky_one_of_two_equals_is_not_favoured():
    """Two configurations of one mean; the search saw one of them with a lucky seed."""
    rng = np.random.default_rng(7)
    by_search = by_mean = 0
    for _ in range(STUDIES):
        lucky = drawn(rng, "trial 1", 0.9, 0.9 + 3 * NOISE)
        plain = drawn(rng, "trial 2", 0.9, rng.normal(0.9, NOISE / 2))
        by_search += lucky.candidate.score > plain.candidate.score
        base = drawn(rng, BASELINE, 0.8)
        by_mean += choose([lucky, plain, base]).winner is lucky
    assert by_search == STUDIES  # the best trial of the search always is
    assert by_mean / STUDIES == pytest.approx(0.5, abs=0.08)


def test_the_lucky_one_loses_to_a_truly_better_one():
    rng = np.random.default_rng(8)
    won = 0
    for _ in range(STUDIES):
        lucky = drawn(rng, "trial 1", 0.9, 0.93)
        better = drawn(rng, "trial 2", 0.91, 0.91)
        won += choose([lucky, better, drawn(rng, BASELINE, 0.8)]).winner is better
    assert won / STUDIES > 0.9


def test_a_baseline_as_good_as_the_best_of_three_is_seldom_called_beaten():
    rng = np.random.default_rng(9)
    called = 0
    for _ in range(STUDIES):
        three = [drawn(rng, f"trial {n}", 0.9) for n in range(3)]
        called += bool(choose([*three, drawn(rng, BASELINE, 0.9)]).beats_baseline)
    assert called / STUDIES < 0.08
