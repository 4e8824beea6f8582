"""Days: who lived through which, from which day each went on, and how it ended.

A *panda* is one model raised from day to day. A day is a trial: its parent is the day it goes on
from, its `draw` the number of its panda. Trials of another origin, as those that the strategy
"auto" begins with, belong to no panda; a panda may go on from one of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from caviar.search.judging import Verdict, cost_of, judge
from caviar.search.successive_halving import merit_of
from caviar.study.records import (
    Assignment,
    Change,
    ChangeKind,
    Entry,
    Failure,
    Measurement,
    Trial,
    TrialState,
    Value,
)

DAY: Final = "day"
"""The origin of a day that goes on from its panda's last one, or is its first."""
ROLLBACK: Final = "rollback"
"""The origin of a day that goes on from an earlier one."""
COPY: Final = "copy"
"""The origin of a day that goes on from another panda's."""
ORIGINS: Final = (DAY, ROLLBACK, COPY)
SPARED: Final = 3
"""Beginnings of a panda that may be thrown away for their idle units; later ones are lived with."""


@dataclass(slots=True, eq=False)
class Day:
    """A trial and what came of it.

    Attributes:
        trial: the trial.
        number: which day of its panda it is, from 1; 0: it is no panda's.
        before: the day it goes on from, or None.
        curve: its measurements so far.
        target: epochs it is running to, or None.
        ended: how it ended: completed, diverged, stopped or failed; None before.
        verdict: what was thought of it at its end.
        cost: the metric at its end, lower is better; inf unless its end is good.
        least: the least cost of the line of days up to its own.
        best: the best of its measurements with a checkpoint, None if it came to none.
    """

    trial: Trial
    number: int
    before: Day | None
    curve: list[Measurement] = field(default_factory=list)
    target: int | None = None
    ended: TrialState | None = None
    verdict: Verdict | None = None
    cost: float = math.inf
    least: float = math.inf
    best: Measurement | None = None

    @property
    def end(self) -> Measurement | None:
        """Its last measurement with a checkpoint, or None if it came to none."""
        sound = [each for each in self.curve[-2:] if not each.diverged]
        return sound[-1] if sound else None

    @property
    def to_go(self) -> int:
        """Epochs that it is still going to train."""
        behind = self.curve[-1].epoch if self.curve else self.trial.first_epoch
        return max(0, (self.target or 0) - behind)

    @property
    def rate(self) -> float:
        """Its learning rate."""
        return float(self.trial.hyperparameters["learning_rate"])

    @property
    def is_good(self) -> bool:
        """Whether one may go on from its end."""
        if self.ended is not TrialState.COMPLETED or self.verdict is None:
            return False
        return not self.verdict.is_bad and self.verdict is not Verdict.ASLEEP

    def line(self) -> Iterator[Day]:
        """The days it goes on from, the latest first."""
        day = self.before
        while day is not None:
            yield day
            day = day.before


@dataclass(slots=True)
class Panda:
    """One model.

    Attributes:
        number: from 0.
        days: all of its days, rolled back ones included.
        nudged: hyperparameters that a person wants its next day to have.
        sent_back: the day a person wants its next one to go on from, or None.
        ceiling: the learning rate that it shall not climb above by itself.
    """

    number: int
    days: list[Day] = field(default_factory=list)
    nudged: dict[str, Value] = field(default_factory=dict)
    sent_back: int | None = None
    ceiling: float = math.inf

    @property
    def last(self) -> Day | None:
        """Its latest day."""
        return self.days[-1] if self.days else None

    @property
    def is_stopped(self) -> bool:
        """Whether a person ended it for good."""
        return self.last is not None and self.last.ended is TrialState.STOPPED

    @property
    def is_idle(self) -> bool:
        """Whether its last day is over and nobody ended it there for good."""
        last = self.last
        if last is None:
            return True
        return last.ended not in (None, TrialState.STOPPED)


class Days:
    """The days of all pandas, told by the journal's entries."""

    def __init__(self, metric: str) -> None:
        """Makes an empty one; `metric` is what days are compared by."""
        self.metric = metric
        self.days: list[Day] = []
        self.pandas: list[Panda] = []
        self.running: set[int] = set()
        self.best: Measurement | None = None

    def take(self, entry: Entry) -> None:
        """Takes an entry of the journal."""
        match entry:
            case Trial():
                self.admit(entry)
            case Assignment():
                self.start(entry)
            case Measurement():
                self.observe(entry)
            case Failure():
                self.fail(entry.trial, stopped=entry.stopped)
            case Change():
                self.change(entry)

    def panda(self, number: int) -> Panda:
        """The panda of this number."""
        self.pandas += [Panda(n) for n in range(len(self.pandas), number + 1)]
        return self.pandas[number]

    def admit(self, trial: Trial) -> None:
        """A trial was taken up; what a person wanted of its day is done by that."""
        before = self.days[trial.parent[0]] if trial.parent is not None else None
        if trial.origin not in ORIGINS or trial.draw is None:
            self.days.append(Day(trial, 0, before))
            return
        panda = self.panda(trial.draw)
        panda.nudged, panda.sent_back = {}, None
        day = Day(trial, len(panda.days) + 1, before)
        panda.days.append(day)
        self.days.append(day)

    def start(self, assignment: Assignment) -> bool:
        """An assignment was made; False if all its trials run already, as in a part of another."""
        fresh = [trial for trial in assignment.trials if trial not in self.running]
        for trial in fresh:
            self.days[trial].target = assignment.last_epoch
            self.running.add(trial)
        return bool(fresh)

    def observe(self, measurement: Measurement) -> None:
        """A measurement was committed."""
        day = self.days[measurement.trial]
        if day.ended not in (None, TrialState.COMPLETED):
            return
        day.curve.append(measurement)
        if measurement.diverged:
            self._end(day, TrialState.DIVERGED)
        elif measurement.stopped or measurement.epoch == day.target:
            self._end(day, TrialState.COMPLETED)
            self._compare(day, measurement)

    def fail(self, trial: int, *, stopped: bool = False) -> None:
        """A trial was given up, or stopped by a person."""
        day = self.days[trial]
        if day.ended is None:
            self._end(day, TrialState.STOPPED if stopped else TrialState.FAILED)

    def change(self, change: Change) -> None:
        """A person takes over: the next day of one panda, or of each, is as they say."""
        if change.kind not in (ChangeKind.NUDGE, ChangeKind.ROLLBACK):
            return
        for panda in self.meant(change):
            if change.kind is ChangeKind.NUDGE:
                panda.nudged |= change.detail["hyperparameters"]
            else:
                panda.sent_back = int(change.detail["day"])

    def meant(self, change: Change) -> list[Panda]:
        """The pandas that a change is about."""
        number = change.detail.get("panda")
        return [panda for panda in self.pandas if number is None or panda.number == number]

    def state(self, trial: int) -> TrialState:
        """Where a trial stands."""
        day = self.days[trial]
        if trial in self.running:
            return TrialState.RUNNING
        if day.ended is TrialState.COMPLETED and not day.number:
            return TrialState.PAUSED
        return day.ended or TrialState.WAITING

    def _end(self, day: Day, how: TrialState) -> None:
        day.ended, day.target = how, None
        self.running.discard(day.trial.index)
        day.verdict = judge(day, self.metric, indulgent=self._was_spared(day))
        day.cost = math.inf
        day.least = day.before.least if day.before is not None else math.inf
        if day.end is not None and not day.verdict.is_bad:
            day.cost = cost_of(day.end, self.metric)
            day.least = min(day.least, day.cost)
        if day.number and day.verdict.is_bad and day.trial.draw is not None:
            panda = self.pandas[day.trial.draw]
            panda.ceiling = min(panda.ceiling, day.rate / 2)

    def _was_spared(self, day: Day) -> bool:
        """Whether its panda was begun anew for idle units so often that no rate is to blame."""
        if not day.number or day.trial.draw is None:
            return True
        days = self.pandas[day.trial.draw].days
        crippled = [one for one in days if one.verdict is Verdict.CRIPPLED and one.before is None]
        return len(crippled) >= SPARED

    def _compare(self, day: Day, measurement: Measurement) -> None:
        order = partial(merit_of, metric=self.metric)
        day.best = min(filter(None, (day.best, measurement)), key=order)
        best = min(filter(None, (self.best, measurement)), key=order)
        self.best = best if math.isfinite(order(best)[0]) else self.best
