"""A study in simulated time: slices, curves and mishaps without Ray and TensorFlow.

Drives any strategy the way the broker does: journals what it decides before acting on it, reports
measurements lane after lane, gives trials up, kills the driver and replays its journal. Tests run
thousands of trials in seconds with it, and tabulated curves can be replayed against it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from caviar.search.strategy import Strategy
from caviar.study.records import (
    Assignment,
    Entry,
    Failure,
    Measurement,
    Signature,
    Trial,
    Value,
)

Curve = Callable[[Mapping[str, Value], int], float]
"""From hyperparameters and epoch to dev accuracy in [0, 1]; nan where training diverges."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The machine and the mishaps.

    Attributes:
        slices: how many trainables work side by side.
        lane_epoch_s: simulated seconds of one lane-epoch.
        overhead_s: simulated seconds an assignment costs beside its epochs.
        compile_s: simulated seconds a signature costs a slice when it first meets it.
        failure_rate: chance that a lane fails for good.
        kill_rate: chance, after each event, that the driver is killed and replays its journal.
        seed: of the mishaps.
    """

    slices: int = 1
    lane_epoch_s: float = 1.0
    overhead_s: float = 0.01
    compile_s: float = 0.0
    failure_rate: float = 0.0
    kill_rate: float = 0.0
    seed: int = 0


@dataclass(slots=True)
class Slice:
    """A simulated slice: what it has compiled, what it works on, how long it stood idle."""

    warm: set[Signature] = field(default_factory=set)
    work: Assignment | None = None
    idle_since: float = 0.0
    idle_s: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What came of a simulated study.

    Attributes:
        entries: the journal's, in commit order.
        elapsed_s: simulated seconds from start to end.
        idle_s: simulated seconds that slices waited in, summed.
        compilations: how often a slice met a signature for the first time.
        lane_epochs: epochs trained, over all trials.
        decisions: how often a slice asked for work.
    """

    entries: list[Entry] = field(default_factory=list)
    elapsed_s: float = 0.0
    idle_s: float = 0.0
    compilations: int = 0
    lane_epochs: int = 0
    decisions: int = 0


class Simulation:
    """One simulated study."""

    def __init__(
        self,
        make_strategy: Callable[[], Strategy],
        curve: Curve,
        conditions: Conditions | None = None,
    ) -> None:
        """Sets the study up.

        Args:
            make_strategy: a fresh strategy; called again after each kill.
            curve: what training gives.
            conditions: the machine and the mishaps.
        """
        self.strategy = make_strategy()
        self.outcome = Outcome()
        self._make_strategy = make_strategy
        self._curve = curve
        self._conditions = conditions or Conditions()
        self._random = np.random.default_rng(self._conditions.seed)
        self._slices = [Slice() for _ in range(self._conditions.slices)]
        self._events: list[tuple[float, int, int]] = []
        self._journalled = 0
        self._asked = 0

    def run(self, until_s: float = math.inf) -> Outcome:
        """Runs to the study's end, or to `until_s` simulated seconds.

        Raises:
            RuntimeError: when nothing runs, nothing starts and the strategy has not finished.
        """
        self._hand_out(0.0)
        while self._events and self._events[0][0] <= until_s:
            now, _, index = heapq.heappop(self._events)
            self.outcome.elapsed_s = now
            self._report(self._slices[index])
            self._slices[index].idle_since = now
            if self._random.random() < self._conditions.kill_rate:
                self._kill()
            self._hand_out(now)
        if not self._events and not self.strategy.finished:
            raise RuntimeError("the strategy neither finishes nor starts anything")
        return self.outcome

    def _hand_out(self, now: float) -> None:
        """Gives every free slice something to do, if there is anything."""
        for index, free in enumerate(self._slices):
            if free.work is None:
                self._ask(index, free, now)

    def _ask(self, index: int, free: Slice, now: float) -> None:
        self.outcome.decisions += 1
        assignment = self.strategy.next_assignment(free.warm)
        self._journal_trials()
        if assignment is None:
            return
        self.outcome.entries.append(assignment)
        free.work = assignment
        free.idle_s = now - free.idle_since
        self.outcome.idle_s += free.idle_s
        heapq.heappush(self._events, (now + self._duration(free, assignment), self._asked, index))
        self._asked += 1

    def _duration(self, worker: Slice, assignment: Assignment) -> float:
        compile_s = 0.0
        if assignment.signature not in worker.warm:
            worker.warm.add(assignment.signature)
            self.outcome.compilations += 1
            compile_s = self._conditions.compile_s
        lane_epochs = len(assignment.trials) * (assignment.last_epoch - assignment.first_epoch)
        train_s = self._conditions.lane_epoch_s * lane_epochs
        return self._conditions.overhead_s + compile_s + train_s

    def _journal_trials(self) -> None:
        trials = self.strategy.trials
        self.outcome.entries.extend(trials[self._journalled :])
        self._journalled = len(trials)

    def _report(self, worker: Slice) -> None:
        """A slice is done with its assignment: its lanes report one after the other."""
        assignment, worker.work = worker.work, None
        if assignment is None:
            return
        for trial in assignment.trials:
            if self._random.random() < self._conditions.failure_rate:
                self.outcome.entries.append(Failure(trial, "simulated"))
                self.strategy.fail(trial)
            else:
                self._train(self.strategy.trials[trial], assignment)

    def _train(self, trial: Trial, assignment: Assignment) -> None:
        for epoch in range(assignment.first_epoch + 1, assignment.last_epoch + 1):
            accuracy = self._curve(trial.hyperparameters, epoch)
            measurement = self._measurement(trial.index, epoch, accuracy)
            self.outcome.entries.append(measurement)
            self.outcome.lane_epochs += 1
            self.strategy.observe([measurement])
            if measurement.diverged:
                return

    def _measurement(self, trial: int, epoch: int, accuracy: float) -> Measurement:
        loss = 1.0 - accuracy
        seconds = self._conditions.lane_epoch_s
        return Measurement(
            trial, epoch, loss, accuracy, loss, accuracy, seconds, diverged=math.isnan(accuracy)
        )

    def _kill(self) -> None:
        """The driver dies; a new one replays the journal, its slices go on with what they had."""
        self.strategy = self._make_strategy()
        self.strategy.replay(self.outcome.entries)
