"""A study in simulated time: slices, curves and mishaps without Ray and TensorFlow.

Drives any strategy the way the broker does: journals what it decides before acting on it, reports
measurements lane after lane, gives trials up, kills the driver and replays its journal. Tests run
thousands of trials in seconds with it, and tabulated curves can be replayed against it.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

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
        patience: epochs without a better dev accuracy after which a lane stops; 0: none does.
        failure_rate: chance that a lane fails for good.
        kill_rate: chance, after each event, that the driver is killed and replays its journal.
        seed: of the mishaps.
    """

    slices: int = 1
    lane_epoch_s: float = 1.0
    overhead_s: float = 0.01
    compile_s: float = 0.0
    patience: int = 0
    failure_rate: float = 0.0
    kill_rate: float = 0.0
    seed: int = 0


@dataclass(slots=True)
class Slice:
    """A simulated slice: what it has compiled and the lanes it has still to train."""

    warm: set[Signature] = field(default_factory=set)
    work: Assignment | None = None
    lanes: list[int] = field(default_factory=list)
    free_since: float = 0.0


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
        entries: Iterable[Entry] = (),
    ) -> None:
        """Sets the study up.

        Args:
            make_strategy: a fresh strategy; called again after each kill.
            curve: what training gives.
            conditions: the machine and the mishaps.
            entries: the journal of an earlier simulation, to go on from.
        """
        self.strategy = make_strategy()
        self.outcome = Outcome(list(entries))
        self.strategy.replay(self.outcome.entries)
        self._make_strategy = make_strategy
        self._curve = curve
        self._conditions = conditions or Conditions()
        self._random = np.random.default_rng(self._conditions.seed)
        self._slices = [Slice() for _ in range(self._conditions.slices)]
        self._events: list[tuple[float, int, int]] = []
        self._serial = itertools.count()
        self._orphans = unfinished(self.outcome.entries)

    def run(self, until_s: float = math.inf) -> Outcome:
        """Runs to the study's end, or to `until_s` simulated seconds.

        Raises:
            RuntimeError: when nothing runs, nothing starts and the strategy has not finished.
        """
        self._hand_out(self.outcome.elapsed_s)
        while self._events and self._events[0][0] <= until_s:
            now, _, index = heapq.heappop(self._events)
            self.outcome.elapsed_s = now
            self._report(self._slices[index])
            if self._slices[index].lanes:
                self._work(index, now)
            else:
                self._slices[index].work, self._slices[index].free_since = None, now
            if self._random.random() < self._conditions.kill_rate:
                self._kill()
            self._hand_out(now)
        if not self._events and not self.strategy.finished:
            raise RuntimeError("the strategy neither finishes nor starts anything")
        return self.outcome

    def _hand_out(self, now: float) -> None:
        """Gives every free slice something to do, if there is anything."""
        for index, free in enumerate(self._slices):
            if free.work is not None:
                continue
            assignment = self._orphans.pop() if self._orphans else self._decide(free)
            if assignment is not None:
                self._begin(index, assignment, now)

    def _decide(self, free: Slice) -> Assignment | None:
        """Asks the strategy, and journals what it says."""
        self.outcome.decisions += 1
        assignment = self.strategy.next_assignment(free.warm)
        self.outcome.entries.extend(self.strategy.news())
        if assignment is not None:
            self.outcome.entries.append(assignment)
        return assignment

    def _begin(self, index: int, assignment: Assignment, now: float) -> None:
        free = self._slices[index]
        self.outcome.idle_s += now - free.free_since
        free.work, free.lanes = assignment, list(assignment.trials)
        start_s = now + self._conditions.overhead_s
        if assignment.signature not in free.warm:
            free.warm.add(assignment.signature)
            self.outcome.compilations += 1
            start_s += self._conditions.compile_s
        self._work(index, start_s)

    def _work(self, index: int, now: float) -> None:
        """Lets a slice train its next lane from `now` on."""
        work = self._slices[index].work
        epochs = work.last_epoch - work.first_epoch if work is not None else 0
        done_s = now + epochs * self._conditions.lane_epoch_s
        heapq.heappush(self._events, (done_s, next(self._serial), index))

    def _report(self, worker: Slice) -> None:
        """A lane is done: it has failed, or has measurements."""
        trial = worker.lanes.pop(0)
        if worker.work is None:
            return
        if self._random.random() < self._conditions.failure_rate:
            self.outcome.entries.append(Failure(trial, "simulated"))
            self.strategy.fail(trial)
        else:
            self._train(self.strategy.trials[trial], worker.work)

    def _train(self, trial: Trial, assignment: Assignment) -> None:
        for epoch in range(assignment.first_epoch + 1, assignment.last_epoch + 1):
            measurement = self._measurement(trial, epoch)
            self.outcome.entries.append(measurement)
            self.outcome.lane_epochs += 1
            self.strategy.observe([measurement])
            if measurement.diverged or measurement.stopped:
                return

    def _measurement(self, trial: Trial, epoch: int) -> Measurement:
        accuracy = self._curve(trial.hyperparameters, epoch)
        loss = 1.0 - accuracy
        diverged = math.isnan(accuracy)
        return Measurement(
            trial.index,
            epoch,
            *(loss, accuracy, loss, accuracy),
            self._conditions.lane_epoch_s,
            diverged=diverged,
            stopped=not diverged and self._is_stopped(trial, epoch),
        )

    def _is_stopped(self, trial: Trial, epoch: int) -> bool:
        """Whether the last `patience` epochs were no better than some epoch before them."""
        began = epoch - self._conditions.patience
        if not self._conditions.patience or began < 1:
            return False
        curve = [self._curve(trial.hyperparameters, past) for past in range(1, epoch + 1)]
        return max(curve[:began]) >= max(curve[began:])

    def _kill(self) -> None:
        """The driver dies; a new one replays the journal, its slices go on with what they had."""
        self.strategy = self._make_strategy()
        self.strategy.replay(self.outcome.entries)


def unfinished(entries: Iterable[Entry]) -> list[Assignment]:
    """What the assignments in a journal still have to train, the newest first.

    A simulated lane reports all its epochs at once, so a lane is either done or not begun.
    """
    lanes: dict[int, Assignment] = {}
    for entry in entries:
        match entry:
            case Assignment():
                lanes |= dict.fromkeys(entry.trials, entry)
            case Measurement() if _is_last(entry, lanes[entry.trial]):
                del lanes[entry.trial]
            case Failure():
                lanes.pop(entry.trial, None)
    return [replace(lanes[trial], trials=(trial,)) for trial in reversed(lanes)]


def _is_last(measurement: Measurement, assignment: Assignment) -> bool:
    ended = measurement.diverged or measurement.stopped
    return ended or measurement.epoch == assignment.last_epoch
