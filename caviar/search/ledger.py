"""Where every trial of a study stands, and how much may still come of each signature."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from caviar.search.successive_halving import SuccessiveHalving
from caviar.study.records import Measurement, Signature, Trial, TrialState


@dataclass(slots=True)
class Course:
    """A trial's way so far.

    Attributes:
        signature: of its compiled step.
        epoch: epochs behind it, those of its parent included.
        target: epochs it is running to, or None.
        rungs: how many rungs it has come to.
        ended: how it ended, diverged, stopped or failed; None while it could go on.
        best: the best of its measurements at the ends of assignments, where its checkpoints are.
    """

    signature: Signature
    epoch: int = 0
    target: int | None = None
    rungs: int = 0
    ended: TrialState | None = None
    best: Measurement | None = None


class Ledger:
    """The courses of all trials drawn so far, by index."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []
        self.courses: list[Course] = []
        self.running: set[int] = set()
        self._drawn: dict[Signature, int] = {}
        self._alive: dict[Signature, dict[int, int]] = {}

    def add(self, trial: Trial, signature: Signature) -> None:
        """Enters a new trial."""
        self.trials.append(trial)
        self.courses.append(Course(signature, epoch=trial.first_epoch))
        self._drawn[signature] = self._drawn.get(signature, 0) + 1
        self._count(signature, 0, 1)

    def start(self, trial: int, target: int) -> None:
        """A trial runs to `target` epochs."""
        self.courses[trial].target = target
        self.running.add(trial)

    def pause(self, trial: int) -> None:
        """A trial came to its target."""
        self.courses[trial].target = None
        self.running.discard(trial)

    def climb(self, trial: int) -> None:
        """A trial came to one more rung."""
        course = self.courses[trial]
        self._count(course.signature, course.rungs, -1)
        course.rungs += 1
        self._count(course.signature, course.rungs, 1)

    def end(self, trial: int, state: TrialState) -> None:
        """A trial diverged, was stopped or failed."""
        course = self.courses[trial]
        course.ended = state
        self._count(course.signature, course.rungs, -1)
        self.pause(trial)

    def state(self, trial: int, top: int) -> TrialState:
        """Where a trial stands, in a study whose last rung is at `top` epochs."""
        course = self.courses[trial]
        if course.ended is not None:
            return course.ended
        if course.target is not None:
            return TrialState.RUNNING
        if course.epoch >= top:
            return TrialState.COMPLETED
        return TrialState.PAUSED if course.epoch else TrialState.WAITING

    def expected_lane_epochs(
        self, signature: Signature, trials: int, halving: SuccessiveHalving
    ) -> int:
        """The lane-epochs that trials of `signature` could still take, were they all promoted.

        Each step from rung to rung is taken by at most the signature's own living trials and by at
        most what the step's share leaves over. Of the trials not yet drawn the signature is
        supposed to get as large a part as of those drawn.

        Args:
            signature: of a compiled step.
            trials: how many the study will have.
            halving: the rungs.
        """
        alive = self._alive.get(signature, {})
        return self._bound(alive, self._undrawn(signature, trials), trials, halving)

    def most_lane_epochs(self, trials: int, halving: SuccessiveHalving) -> int:
        """The lane-epochs that all trials together could still take; arguments as above."""
        alive: Counter[int] = Counter()
        for counts in self._alive.values():
            alive.update(counts)
        return self._bound(alive, max(0, trials - len(self.trials)), trials, halving)

    def _bound(
        self, alive: Mapping[int, int], undrawn: int, trials: int, halving: SuccessiveHalving
    ) -> int:
        """Lane-epochs that `alive` (by rungs behind them) and `undrawn` could still take."""
        total, candidates, previous = 0, undrawn, 0
        most = max(trials, len(self.trials))
        for place, rung in enumerate(halving.rungs):
            candidates += alive.get(place, 0)
            room = max(0, most - rung.reached)
            total += min(candidates, room) * (rung.epoch - previous)
            # One more than the share: the completion run.
            most, previous = int(most // halving.reduction_factor) + 1, rung.epoch
        return total

    def _undrawn(self, signature: Signature, trials: int) -> int:
        """How many of the trials still to be drawn may be of `signature`."""
        remaining = max(0, trials - len(self.trials))
        if not self.trials:
            return remaining
        return math.ceil(remaining * self._drawn.get(signature, 0) / len(self.trials))

    def _count(self, signature: Signature, rungs: int, change: int) -> None:
        alive = self._alive.setdefault(signature, {})
        alive[rungs] = alive.get(rungs, 0) + change
