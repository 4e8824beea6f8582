"""Layers most of whose units became idle: begun anew, put up with, told alike by a replay."""

import dataclasses

import pasture
import pytest

from caviar.search.judging import Verdict
from caviar.study import rows
from caviar.study.records import Watch


def watched(measurement, idle, accuracy=0.8):
    watch = Watch((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (0.0, idle))
    return dataclasses.replace(measurement, watch=watch, train_accuracy=accuracy)


class Meadow(pasture.Pasture):
    """A pasture on which a share of a layer's units is idle from some learning rate on."""

    def __init__(self, *args, crippling=0.0, accuracy=0.8, idle=0.75, **more):
        super().__init__(*args, **more)
        self.crippling, self.accuracy, self.idle = crippling, accuracy, idle
        self.crippled = set()

    def train(self, index, work):
        trial = self.trials[index]
        if trial.hyperparameters["learning_rate"] >= self.crippling or (
            trial.parent is not None and trial.parent[0] in self.crippled
        ):
            self.crippled.add(index)
        loss = self.losses[trial.parent] if trial.parent else 2.3
        for epoch in range(work.first_epoch + 1, work.last_epoch + 1):
            loss = pasture.step(loss, 0.02)
            idle = self.idle if index in self.crippled else 0.1
            found = watched(pasture.measured(index, epoch, loss), idle, self.accuracy)
            self.losses[index, epoch] = loss
            self.entries.append(found)
            self.strategy.observe([found])

    @property
    def verdicts(self):
        return [day.verdict for day in self.strategy._days.days]


def test_a_crippled_beginning_is_thrown_away_for_a_much_lower_rate():
    meadow = Meadow(pasture.study(rate=0.02), crippling=0.015, twins=True).run()
    second = meadow.trials[1]
    assert meadow.verdicts[0] is Verdict.CRIPPLED
    assert (second.parent, second.origin) == (None, "rollback")
    assert second.hyperparameters["learning_rate"] == pytest.approx(0.02 * 0.3)
    assert second.why == "crippled: begun anew, learning_rate down"
    # It never climbs by itself to where it was crippled.
    assert all(trial.hyperparameters["learning_rate"] <= 0.01 for trial in meadow.trials[1:])


def test_what_guesses_with_idle_layers_is_not_taken_for_asleep():
    def guessing(idle):
        strategy = pasture.strategy_of(pasture.study(rate=1.0))
        strategy.next_assignment()
        for epoch in (1, 2, 3):
            found = pasture.measured(0, epoch, 2.33)
            strategy.observe([watched(found, idle, accuracy=0.1)])
        return strategy._days.days[0].verdict

    assert guessing(0.2) is Verdict.ASLEEP
    assert guessing(0.9) is Verdict.CRIPPLED


def test_what_becomes_crippled_later_goes_back_to_the_day_before():
    meadow = Meadow(pasture.study(rate=0.02), crippling=0.024).run()
    assert meadow.verdicts[:2] == [Verdict.BETTER, Verdict.CRIPPLED]
    assert meadow.trials[2].parent == (0, 3)


def test_layers_that_are_idle_at_any_rate_are_put_up_with():
    meadow = Meadow(pasture.study(rate=0.02), crippling=0.0, twins=True).run()
    assert meadow.verdicts[:3] == [Verdict.CRIPPLED] * 3
    assert Verdict.CRIPPLED not in meadow.verdicts[3:]
    assert meadow.trials[-1].parent is not None


@pytest.mark.parametrize(("idle", "accuracy"), [(0.69, 0.8), (0.75, 0.95)])
def test_idle_units_that_nobody_misses_are_left_alone(idle, accuracy):
    meadow = Meadow(pasture.study(), crippling=0.0, idle=idle, accuracy=accuracy).run()
    assert Verdict.CRIPPLED not in meadow.verdicts


@pytest.mark.parametrize("share", [0.70004, 0.70046, 0.70051, 0.69996, 2870 / 4096])
def test_a_share_that_the_journal_keeps_a_little_differently_is_judged_alike(share):
    kept = rows.watch(rows.watch_text(Watch((1.0,), (1.0,), (share,))))
    both = [Meadow(pasture.study(), idle=one).run().verdicts for one in (share, kept.idle[0])]
    assert both[0] == both[1]
