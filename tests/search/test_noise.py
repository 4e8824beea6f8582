"""Noise: estimated by replicates, known after a restart, and worth knowing."""

import math
import statistics

import numpy as np
import pytest
from simulated import maker, smooth

from caviar.errors import StudyError
from caviar.search.noise import REPLICATE, Noise, believed
from caviar.search.simulate import Conditions, Simulation
from caviar.search.standing import standing_of
from caviar.study.records import Assignment, Measurement, TrialState
from caviar.study.spec import StudySpec

RUNGS = (1, 3, 9, 27)


@pytest.mark.parametrize(
    ("scores", "noise", "worth"),
    [
        ([0.5], 0.1, 0.5),
        ([0.9, 0.5, 0.6], 0.1, 0.6),  # a third of three epochs is the last
        ([9.0] * 6 + [0.5, 0.7, 0.6], 0.0, 0.6),  # without noise the last counts
        ([9.0] * 6 + [0.5, 0.7, 0.6], 1.0, 0.6),
        ([9.0] * 6 + [0.5, 0.8, 0.5], 1.0, 0.6),  # the mean of 7, 8 and 9
        ([9.0] * 6 + [0.5, 0.8, 0.5], 0.04, 0.54),  # but no further than the noise
        ([9.0] * 6 + [0.2, 0.2, 0.5], 0.04, 0.46),
        ([9.0] * 6 + [math.inf, 0.2, 0.5], 0.04, 0.5),
    ],
)
def test_what_a_trial_is_believed_to_be_worth(scores, noise, worth):
    assert believed(scores, noise, 3) == pytest.approx(worth)


def test_the_noise_of_a_rung_is_that_of_the_highest_measured_up_to_it():
    noise = Noise(least=0.01)
    assert not noise.observe(1, 0.3)
    assert noise.at(1) == 0.01
    assert noise.observe(1, 0.5)
    assert noise.at(27) == noise.at(1) == pytest.approx(statistics.stdev([0.3, 0.5]))
    assert not noise.observe(3, math.inf)
    noise.observe(3, 0.3)
    noise.observe(3, 0.302)
    assert noise.at(1) == pytest.approx(statistics.stdev([0.3, 0.5]))
    assert noise.at(3) == noise.at(9) == 0.01  # what a person gave, since less was measured


def lucky(seed, spread):
    """`smooth`, but for the luck of each epoch."""

    def curve(hyperparameters, epoch):
        key = (seed, epoch, int(float(hyperparameters["x"]) * 2**30))
        return smooth(hyperparameters, epoch) + np.random.default_rng(key).normal(0, spread)

    return curve


class Lucky(Simulation):
    """Trials of the same hyperparameters differ by their index, as they do in training."""

    def _measurement(self, trial, epoch):
        found = super()._measurement(trial, epoch)
        luck = np.random.default_rng((trial.index, 5)).normal(0, 0.03)
        return Measurement(
            found.trial, epoch, found.train_loss, 0.5, found.dev_loss,
            found.dev_accuracy + luck, found.elapsed_s, diverged=found.diverged,
        )  # fmt: skip


def replicated(**options):
    simulation = Lucky(maker(**({"trials": 60, "replicates": 6} | options)), smooth)
    simulation.run()
    return simulation


def test_the_best_early_trial_is_repeated_and_its_repeats_follow_it():
    simulation = replicated()
    strategy, entries = simulation.strategy, simulation.outcome.entries
    repeats = [trial for trial in strategy.trials if trial.origin == REPLICATE]
    assert len(repeats) == 6
    assert len(strategy.trials) == 66
    (number,) = {int(trial.why.removeprefix("of trial ")) for trial in repeats}
    assert {(t.point, t.draw) for t in repeats} == {(strategy.trials[number].point, None)}
    # It was the best of those compared when the first repeat was drawn.
    seen = [e for e in entries[: entries.index(repeats[0])] if isinstance(e, Measurement)]
    first = [m for m in seen if m.epoch == 1]
    assert len(first) >= 9
    assert max(first, key=lambda m: m.dev_accuracy).trial == number
    epochs = {t.index: max(m.epoch for m in measurements(entries, t.index)) for t in repeats}
    assert set(epochs.values()) == {max(m.epoch for m in measurements(entries, number))}


def test_repeats_start_before_what_was_drawn_before_them():
    entries = replicated(stack=1, trials=200).outcome.entries
    drawn = next(i for i, e in enumerate(entries) if getattr(e, "origin", "") == REPLICATE)
    begun = [e.trials[0] for e in entries[drawn:] if isinstance(e, Assignment) if not e.first_epoch]
    repeats = {e.index for e in entries if getattr(e, "origin", "") == REPLICATE}
    assert len(set(begun[:30]) & repeats) == 6  # of three signatures, which take turns


def measurements(entries, trial):
    return [e for e in entries if isinstance(e, Measurement) and e.trial == trial]


def test_replicates_take_no_place_in_a_rung():
    simulation = replicated()
    table = simulation.strategy.rung_table()
    assert table[0][:2] == (1, 60)
    assert table[1][1] <= 21  # 20 by their rank, and a completion run


def test_the_noise_is_their_standard_deviation():
    simulation = replicated()
    strategy, entries = simulation.strategy, simulation.outcome.entries
    repeats = [trial.index for trial in strategy.trials if trial.origin == REPLICATE]
    at_one = [measurements(entries, trial)[0].dev_accuracy for trial in repeats]
    assert 0.01 < statistics.stdev(at_one) < 0.09
    assert strategy.noise > 0.01
    assert standing_of(entries, RUNGS, "dev_accuracy").noise == strategy.noise
    assert Lucky(maker(trials=60), smooth).strategy.noise == 0.0


def test_a_restart_changes_nothing_and_makes_no_more_of_them():
    conditions = Conditions(slices=3, kill_rate=0.3, seed=4)
    options = {"trials": 60, "replicates": 4, "slices": 3}
    killed = Lucky(maker(**options), smooth, conditions)
    killed.run()
    whole = Lucky(maker(**options), smooth, Conditions(slices=3))
    whole.run()
    counts = [
        sum(t.origin == REPLICATE for t in simulation.strategy.trials)
        for simulation in (killed, whole)
    ]
    assert counts == [4, 4]
    heir = maker(**options)()
    heir.replay(whole.outcome.entries)
    assert heir.finished
    assert heir.noise == whole.strategy.noise


def test_decisions_are_made_again_as_they_were_journalled():
    entries, warm = replicated().outcome.entries, set()
    first = next(i for i, e in enumerate(entries) if getattr(e, "origin", "") == REPLICATE)
    for cut, entry in enumerate(entries):
        if not isinstance(entry, Assignment):
            continue
        if cut > first + 6:
            heir = maker(trials=60, replicates=6)()
            heir.replay(entries[:cut])
            assert heir.next_assignment(warm) == entry
        warm.add(entry.signature)


def test_a_failed_original_leaves_its_repeats_where_they_are():
    strategy = maker(trials=9, replicates=3, stack=9, rungs=(1, 3, 9))()
    model = Lucky(maker(), smooth)
    while (found := strategy.next_assignment()) is not None:
        for epoch in range(found.first_epoch + 1, found.last_epoch + 1):
            trials = [strategy.trials[trial] for trial in found.trials]
            strategy.observe(model._measurement(trial, epoch) for trial in trials)
        repeats = [trial for trial in strategy.trials if trial.origin == REPLICATE]
        number = int(repeats[0].why.removeprefix("of trial ")) if repeats else None
        if number is not None and strategy.state(number) == TrialState.PAUSED:
            strategy.fail(number)
    assert strategy.finished
    assert {strategy.state(trial.index) for trial in repeats} == {TrialState.PAUSED}


def true_worth(hyperparameters):
    return smooth(hyperparameters, 27)


def chosen(seed, noise, luck_of_epochs=0.04):
    """What the trials that came to the top are truly worth: the best of them, and their mean."""
    simulation = Simulation(
        maker(trials=81, noise=noise), lucky(seed, luck_of_epochs), Conditions(slices=2)
    )
    simulation.run()
    strategy = simulation.strategy
    top = [
        true_worth(trial.hyperparameters)
        for trial in strategy.trials
        if strategy.state(trial.index) == TrialState.COMPLETED
    ]
    return max(top), statistics.fmean(top)


def test_who_knows_the_noise_finds_configurations_at_least_as_good():
    pairs = np.array([(chosen(seed, 0.04), chosen(seed, 0.0)) for seed in range(30)])
    gain = pairs[:, 0] - pairs[:, 1]  # 0.002 and 0.004 in the mean of 60 seeds, errors a quarter
    assert (gain.mean(axis=0) > 0).all()


def test_one_replicate_is_refused():
    with pytest.raises(StudyError, match=r"search\.replicates: must be 0 or at least 2"):
        StudySpec.parse("[search]\nreplicates = 1")
