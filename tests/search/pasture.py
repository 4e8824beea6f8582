"""A pasture for pandas: slices, a toy network whose loss follows from its past, mishaps, kills."""

import math

import numpy as np

from caviar.search.choosing import strategy_of
from caviar.study.records import Assignment, Change, ChangeKind, Failure, Measurement
from caviar.study.spec import StudySpec

LIMIT = 0.1
"""The learning rate above which the toy network's loss rises; four times that and it diverges."""
TEXT = """
[network]
layers = 2
units = 64
[training]
optimizer = "momentum"
learning_rate = {rate}
batch_size = 64
[search]
strategy = "{strategy}"
metric = "dev_accuracy"
{where}
[panda]
days = {days}
day_epochs = {day_epochs}
{more}
"""


def study(rate=0.02, strategy="panda", **given):
    asked = {"days": 10, "day_epochs": 3, "where": "", "more": ""} | given
    return StudySpec.parse(TEXT.format(rate=rate, strategy=strategy, **asked))


def step(loss, rate):
    """The loss after one more epoch."""
    if rate > 4 * LIMIT:
        return math.nan
    return 1.6 * loss if rate > LIMIT else loss * (1 - 0.5 * rate / LIMIT)


class Pasture:
    """Drives a strategy as the broker does.

    At every decision a twin that was made of the entries alone must decide alike (`twins`).
    """

    def __init__(self, spec, slices=1, seed=0, failure_rate=0.0, kill_rate=0.0, twins=False):
        self.make = lambda: strategy_of(spec, slices=slices)
        self.strategy, self.entries = self.make(), []
        self.slices = [None] * slices
        self.random = np.random.default_rng(seed)
        self.failure_rate, self.kill_rate, self.twins = failure_rate, kill_rate, twins
        self.losses = {}
        self.refusals = []

    @property
    def trials(self):
        return self.strategy.trials

    def run(self, changes=None, most=10_000):
        """To its end; `changes` by how many decisions came before."""
        decisions, changes = 0, dict(changes or {})
        for _ in range(most):
            if self.strategy.finished:
                return self
            for change in changes.pop(decisions, ()):
                self.ask(change)
            free = [place for place, work in enumerate(self.slices) if work is None]
            if free and self.hand_out(free[0]):
                decisions += 1
            else:
                self.report()
            if self.random.random() < self.kill_rate:
                self.strategy = self.make()
                self.strategy.replay(self.entries)
        raise AssertionError("it does not end")

    def ask(self, change):
        refusal = self.strategy.refusal(change)
        self.refusals.append(refusal)
        if refusal is None:
            self.entries.append(change)
            self.strategy.change(change)

    def hand_out(self, place):
        twin = self.make() if self.twins else None
        if twin is not None:
            twin.replay(self.entries)
        decisions = [one.next_assignment() for one in (self.strategy, twin) if one]
        news = [list(one.news()) for one in (self.strategy, twin) if one]
        assert all(each == decisions[0] for each in decisions)
        assert all(each == news[0] for each in news)
        self.entries += news[0]
        if decisions[0] is None:
            return False
        self.entries.append(decisions[0])
        self.slices[place] = decisions[0]
        return True

    def report(self):
        busy = [place for place, work in enumerate(self.slices) if work is not None]
        place = busy[self.random.integers(len(busy))]
        work, self.slices[place] = self.slices[place], None
        for trial in work.trials:
            if self.random.random() < self.failure_rate:
                self.entries.append(Failure(trial, "simulated"))
                self.strategy.fail(trial)
            else:
                self.train(trial, work)

    def train(self, index, work):
        trial = self.trials[index]
        loss = self.losses[trial.parent] if trial.parent else 2.3
        for epoch in range(work.first_epoch + 1, work.last_epoch + 1):
            loss = step(loss, float(trial.hyperparameters["learning_rate"]))
            found = measured(index, epoch, loss)
            self.losses[index, epoch] = loss
            self.entries.append(found)
            self.strategy.observe([found])
            if found.diverged:
                return


def measured(trial, epoch, loss, elapsed_s=1.0):
    accuracy = max(0.1, 1 - loss / 2.5) if math.isfinite(loss) else 0.1
    diverged = not math.isfinite(loss)
    return Measurement(trial, epoch, loss, accuracy, loss, accuracy, elapsed_s, diverged)


def nudge(**hyperparameters):
    return Change(ChangeKind.NUDGE, {"hyperparameters": hyperparameters})


def rollback(day, **more):
    return Change(ChangeKind.ROLLBACK, {"day": day, **more})


def assignments(pasture):
    return [entry for entry in pasture.entries if isinstance(entry, Assignment)]
