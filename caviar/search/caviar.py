"""The caviar strategy: many trials side by side, the promising ones promoted.

A searcher draws trials into a small pool; successive halving says who goes on; what shares a
compiled step and an epoch range is packed into assignments. All of it is a function of the
journal's entries in commit order, so a killed driver that replays them decides as before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from caviar.search.affinity import Affinity
from caviar.search.ledger import Ledger
from caviar.search.pool import Pool
from caviar.search.searcher import Searcher
from caviar.search.stacking import Pace, StackSize
from caviar.search.successive_halving import SuccessiveHalving, rank_of
from caviar.study.records import (
    Assignment,
    Entry,
    Failure,
    Measurement,
    Purpose,
    Signature,
    Trial,
    TrialState,
    Value,
)

LOOK_AHEAD: Final = 64
"""Trials drawn ahead of their start, so that those of one signature can be packed together."""
SCANNED: Final = 256
"""Promotable trials of a rung looked at in one decision; the rest have their turn later."""

Decode = Callable[[NDArray[np.float64]], Mapping[str, Value]]
SignatureOf = Callable[[Mapping[str, Value]], Signature]


class CaviarStrategy:
    """A searcher and rungs, packed into assignments (`caviar.search.strategy.Strategy`).

    A free slice gets promotions first (highest rung first), then new trials, but what it has
    compiled before what it has not (`caviar.search.affinity`). It gets nothing only when nothing
    could start.
    """

    def __init__(
        self,
        *,
        searcher: Searcher,
        decode: Decode,
        signature_of: SignatureOf,
        trials: int,
        rungs: Sequence[int],
        reduction_factor: float = 3,
        metric: str = "dev_accuracy",
        stack: int | Literal["auto"] = "auto",
        slices: int = 1,
        look_ahead: int = LOOK_AHEAD,
    ) -> None:
        """Makes a fresh strategy.

        Args:
            searcher: suggests the point of each trial.
            decode: from a point `[d]` to hyperparameters.
            signature_of: from hyperparameters to what they must be compiled for.
            trials: how many to draw.
            rungs: epochs at which trials are compared, ascending, ending with `max_epochs`.
            reduction_factor: eta; one in so many goes on from a rung.
            metric: "dev_accuracy" or "dev_loss".
            stack: most lanes of an assignment.
            slices: how many slices share the work.
            look_ahead: most trials drawn before they can start.
        """
        self._searcher = searcher
        self._decode = decode
        self._signature_of = signature_of
        self._wanted = trials
        self._metric = metric
        self._look_ahead = look_ahead
        self._halving = SuccessiveHalving(rungs, reduction_factor)
        self._stack_size = StackSize(stack, slices)
        self._ledger = Ledger()
        self._pool = Pool()
        self._pace = Pace()
        self._affinity = Affinity(slices)
        self._interrupted: dict[int, None] = {}

    @property
    def trials(self) -> Sequence[Trial]:
        """Every trial drawn so far, by index."""
        return self._ledger.trials

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing could start any more."""
        return not self._ledger.running and not self._startable and self._closing() is None

    def state(self, trial: int) -> TrialState:
        """Where a trial stands."""
        return self._ledger.state(trial, self._halving.top)

    def rung_table(self) -> list[tuple[int, int, int]]:
        """Of each rung: its epoch, how many tried to reach it, how many went on from it."""
        return [(rung.epoch, rung.reached, rung.promoted) for rung in self._halving.rungs]

    def expected_lane_epochs(self, signature: Signature) -> int:
        """An upper bound of the lane-epochs still to come for trials of `signature`."""
        return self._ledger.expected_lane_epochs(signature, self._wanted, self._halving)

    def next_assignment(self, warm: Collection[Signature] = ()) -> Assignment | None:
        """What a free slice should do now, or None while it can only wait.

        Args:
            warm: signatures whose compiled step the asking slice has ready; preferred.
        """
        self._draw()
        preference = partial(self._affinity.preference, warm=frozenset(warm))
        group = min(self._groups(), key=preference, default=None)
        if group is None:
            assignment = self._closing()
        else:
            assignment = replace(group, trials=group.trials[: self._lanes(group)])
        if assignment is not None:
            self._start(assignment)
        return assignment

    def observe(self, measurements: Iterable[Measurement]) -> None:
        """Takes committed measurements, in commit order."""
        for measurement in measurements:
            self._observe(measurement)

    def fail(self, trial: int) -> None:
        """Takes note that a trial is given up; it ranks last in the rung it was running for."""
        if self._ledger.courses[trial].ended is None:
            self._end(trial, self._ledger.courses[trial].epoch, TrialState.FAILED)

    def replay(self, entries: Iterable[Entry]) -> None:
        """Rebuilds a fresh strategy from the journal's entries, in commit order.

        The study may meanwhile want more trials or a larger `max_epochs`: who completed it then
        is paused at that rung now.
        """
        for entry in entries:
            match entry:
                case Trial():
                    self._admit(entry)
                case Assignment():
                    self._start(entry)
                case Measurement():
                    self._observe(entry)
                case Failure():
                    self.fail(entry.trial)

    # What could start

    @property
    def _startable(self) -> int:
        """Trials that could start now, those not yet drawn included."""
        undrawn = max(0, self._wanted - len(self.trials))
        promotable = self._halving.promotable_count
        return undrawn + promotable + len(self._pool) + len(self._interrupted)

    def _groups(self) -> Iterator[Assignment]:
        """All trials that could start, those that could go together in one assignment each."""
        for rung in reversed(self._halving.rungs[:-1]):
            yield from self._promotions(self._halving.promotable(rung, SCANNED))
        yield from self._promotions(islice(self._interrupted, SCANNED))
        first_rung = self._halving.rungs[0].epoch
        for signature, trials in self._pool.groups():
            yield Assignment(trials, 0, first_rung, signature)

    def _promotions(self, trials: Iterable[int]) -> Iterator[Assignment]:
        """Groups of paused trials, each on its way to its next rung."""
        groups: dict[tuple[Signature, int], list[int]] = {}
        for trial in trials:
            course = self._ledger.courses[trial]
            groups.setdefault((course.signature, course.epoch), []).append(trial)
        for (signature, epoch), members in groups.items():
            yield Assignment(tuple(members), epoch, self._next_epoch(epoch), signature)

    def _lanes(self, group: Assignment) -> int:
        epochs = group.last_epoch - group.first_epoch
        pace = self._pace.seconds(group.signature)
        return self._stack_size.lanes(self._startable, epochs, pace)

    def _closing(self) -> Assignment | None:
        """What is owed when all else is done: the late best of a rung, one trial at the top."""
        if self._ledger.running:
            return None
        last_epoch = None
        found = self._halving.overlooked()
        if found is None and not self._halving.finishers:
            found, last_epoch = self._halving.foremost(), self._halving.top
        if found is None:
            return None
        rung, trial = found
        signature = self._ledger.courses[trial].signature
        last_epoch = last_epoch or self._next_epoch(rung.epoch)
        return Assignment((trial,), rung.epoch, last_epoch, signature, Purpose.COMPLETION)

    def _next_epoch(self, epoch: int) -> int:
        rung = self._halving.next_rung(epoch)
        return rung.epoch if rung is not None else self._halving.top

    # What happens

    def _draw(self) -> None:
        """Fills the pool from the searcher."""
        while len(self.trials) < self._wanted and len(self._pool) < self._look_ahead:
            index = len(self.trials)
            point = self._searcher.suggest(index)
            self._admit(Trial(index, tuple(point.tolist()), self._decode(point)))

    def _admit(self, trial: Trial) -> None:
        signature = self._signature_of(trial.hyperparameters)
        self._ledger.add(trial, signature)
        if trial.index < self._wanted:
            self._pool.add(trial.index, signature)

    def _start(self, assignment: Assignment) -> None:
        fresh = [trial for trial in assignment.trials if trial not in self._ledger.running]
        for trial in fresh:
            self._pool.remove(trial, assignment.signature)
            self._interrupted.pop(trial, None)
            self._halving.leave(trial)
            self._ledger.start(trial, assignment.last_epoch)
        if fresh:  # a part of one that runs already, split after a failure, is no news
            self._affinity.note(assignment.signature)

    def _observe(self, measurement: Measurement) -> None:
        course = self._ledger.courses[measurement.trial]
        if course.ended is not None:
            return
        self._pace.observe(course.signature, measurement.elapsed_s)
        if measurement.diverged:
            self._learn(measurement)
            self._end(measurement.trial, measurement.epoch - 1, TrialState.DIVERGED)
            return
        course.epoch = measurement.epoch
        at_rung = self._halving.is_rung(measurement.epoch)
        if at_rung:
            self._learn(measurement)
            self._arrive(measurement, passing=measurement.epoch != course.target)
        if measurement.epoch == course.target:
            self._ledger.pause(measurement.trial)
            if not at_rung and measurement.epoch < self._halving.top:
                self._interrupted[measurement.trial] = None

    def _arrive(self, measurement: Measurement, *, passing: bool) -> None:
        rank = rank_of(measurement, self._metric)
        self._halving.arrive(measurement.epoch, rank, passing=passing)
        self._ledger.climb(measurement.trial)

    def _learn(self, measurement: Measurement) -> None:
        """Lets the searcher know."""
        point = np.asarray(self.trials[measurement.trial].point, dtype=np.float64)
        score = rank_of(measurement, self._metric)[0]
        self._searcher.observe(point, measurement.epoch, score)

    def _end(self, trial: int, epoch: int, state: TrialState) -> None:
        """A trial that had `epoch` good epochs behind it is over."""
        course = self._ledger.courses[trial]
        if course.target is not None:
            self._halving.drop_out(epoch)
        self._pool.remove(trial, course.signature)
        self._interrupted.pop(trial, None)
        self._halving.leave(trial, promoted=False)
        self._ledger.end(trial, state)
