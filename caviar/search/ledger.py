"""Where every trial of a study stands, and how much may still come of each signature."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from caviar.search.brackets import Brackets
from caviar.study.records import Measurement, Signature, Trial, TrialState

ASIDE: Final = -1
"""The bracket of trials that are compared with no others."""


@dataclass(slots=True)
class Course:
    """A trial's way so far.

    Attributes:
        signature: of its compiled step.
        epoch: epochs behind it, those of its parent included.
        target: epochs it is running to, or None.
        bracket: whose ladder it climbs, from 0; `ASIDE` if none.
        rungs: how many rungs of that ladder it has come to.
        ended: how it ended, diverged, stopped or failed; None while it could go on.
        scores: of each of its epochs, lower is better.
        best: the best of its measurements at the ends of assignments, where its checkpoints are.
    """

    signature: Signature
    bracket: int = 0
    epoch: int = 0
    target: int | None = None
    rungs: int = 0
    ended: TrialState | None = None
    scores: list[float] = field(default_factory=list)
    best: Measurement | None = None


class Ledger:
    """The courses of all trials drawn so far, by index."""

    def __init__(self, brackets: int = 1) -> None:
        """Makes an empty one of a study with so many brackets."""
        self.trials: list[Trial] = []
        self.courses: list[Course] = []
        self.running: set[int] = set()
        self._drawn: dict[Signature, int] = {}
        self._drawn_of = [0] * brackets
        self._alive: dict[Signature, Counter[tuple[int, int]]] = {}

    def add(self, trial: Trial, signature: Signature, bracket: int = 0) -> None:
        """Enters a new trial."""
        course = Course(signature, bracket, epoch=trial.first_epoch)
        self.trials.append(trial)
        self.courses.append(course)
        if bracket != ASIDE:
            self._drawn[signature] = self._drawn.get(signature, 0) + 1
            self._drawn_of[bracket] += 1
        self._count(course, 1)

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
        self._count(course, -1)
        course.rungs += 1
        self._count(course, 1)

    def end(self, trial: int, state: TrialState) -> None:
        """A trial diverged, was stopped or failed."""
        course = self.courses[trial]
        course.ended = state
        self._count(course, -1)
        self.pause(trial)

    @property
    def promised(self) -> int:
        """Epochs that running trials still have to their targets."""
        courses = (self.courses[trial] for trial in self.running)
        return sum((course.target or course.epoch) - course.epoch for course in courses)

    @property
    def soonest(self) -> float:
        """The fewest epochs that a running trial still has to its target; inf if none runs."""
        courses = (self.courses[trial] for trial in self.running)
        left = ((course.target or course.epoch) - course.epoch for course in courses)
        return min(left, default=math.inf)

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

    def expected_lane_epochs(self, signature: Signature, trials: int, brackets: Brackets) -> int:
        """The lane-epochs that trials of `signature` could still take, were they all promoted.

        Each step from rung to rung is taken by at most the signature's own living trials and by at
        most what the step's share leaves over. Of the trials not yet drawn the signature is
        supposed to get as large a part as of those drawn.

        Args:
            signature: of a compiled step.
            trials: how many the study will have.
            brackets: the rungs.
        """
        alive = self._alive.get(signature, Counter())
        return self._bound(alive, self._undrawn(signature, trials), trials, brackets)

    def most_lane_epochs(self, trials: int, brackets: Brackets) -> int:
        """The lane-epochs that all trials together could still take; arguments as above."""
        return self._bound(self._all_alive(), max(0, trials - len(self.trials)), trials, brackets)

    def likely_lane_epochs(self, trials: int, brackets: Brackets) -> int:
        """The same if no rung's best comes late: by the shares, and one trial to the top."""
        undrawn = max(0, trials - len(self.trials))
        steps = self._bound(self._all_alive(), undrawn, trials, brackets, late=0)
        courses = (self.courses[trial] for trial in self.running)
        begun = sum(course.epoch - self._compared_at(course, brackets) for course in courses)
        nearest = max((rung.epoch for rung in brackets.paused()), default=0)
        completion = 0 if brackets.finishers or self.running else brackets.top - nearest
        return max(steps - begun, self.promised, completion)

    def _all_alive(self) -> Counter[tuple[int, int]]:
        alive: Counter[tuple[int, int]] = Counter()
        for counts in self._alive.values():
            alive.update(counts)
        return alive

    def _compared_at(self, course: Course, brackets: Brackets) -> int:
        """Epochs of the last rung that a trial came to."""
        first = max(course.bracket, 0)
        return brackets.rungs[first + course.rungs - 1] if course.rungs else 0

    def _bound(
        self,
        alive: Mapping[tuple[int, int], int],
        undrawn: int,
        trials: int,
        brackets: Brackets,
        late: int = 1,
    ) -> int:
        """Lane-epochs that `alive` (by bracket and rungs behind) and `undrawn` could still take.

        Of each rung `late` more than its share may go on: the completion runs.
        """
        total, left = 0, max(0, trials - len(self.trials))
        for number, ladder in enumerate(brackets.ladders):
            share = brackets.shares[number]
            candidates, previous = math.ceil(undrawn * share), 0
            most = math.ceil(left * share) + self._drawn_of[number]
            for place, rung in enumerate(ladder.rungs):
                candidates += alive.get((number, place), 0)
                room = max(0, most - rung.reached)
                total += min(candidates, room) * (rung.epoch - previous)
                most, previous = int(most // brackets.reduction_factor) + late, rung.epoch
        behind = (0, *brackets.rungs)
        aside = (n * (brackets.top - behind[k]) for (b, k), n in alive.items() if b == ASIDE)
        return total + sum(aside)

    def _undrawn(self, signature: Signature, trials: int) -> int:
        """How many of the trials still to be drawn may be of `signature`."""
        remaining = max(0, trials - len(self.trials))
        if not self.trials:
            return remaining
        return math.ceil(remaining * self._drawn.get(signature, 0) / len(self.trials))

    def _count(self, course: Course, change: int) -> None:
        alive = self._alive.setdefault(course.signature, Counter())
        alive[course.bracket, course.rungs] += change
