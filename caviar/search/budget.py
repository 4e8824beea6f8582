"""Budgets that need no clock: trial-epochs, a target, a plateau.

Trial-epochs are never exceeded, and spent well: enough is kept to bring the best trial to the last
rung, and towards the end nothing begins that could not be brought there as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from caviar.search.brackets import Brackets
from caviar.search.ledger import Ledger
from caviar.search.successive_halving import DIRECTION, merit_of
from caviar.study.records import Assignment, Measurement
from caviar.study.run_tables import Budget

UNLIMITED: Final = Budget()


class Spending:
    """What a study has spent of its budget, and what came of it lately.

    Attributes:
        spent: measurements, one a trial and epoch.
    """

    def __init__(self, budget: Budget, metric: str) -> None:
        """Nothing is spent yet.

        Args:
            budget: of the study; its hours are the broker's.
            metric: a key of `DIRECTION`.
        """
        self.spent = 0
        self._budget = budget
        self._metric = metric
        self._best = math.inf
        self._in_vain = 0

    @property
    def bounded(self) -> bool:
        """Whether trial-epochs are bounded."""
        return self._budget.trial_epochs is not None

    def free(self, ledger: Ledger) -> float:
        """Trial-epochs neither spent nor promised to running trials; inf if unbounded."""
        if self._budget.trial_epochs is None:
            return math.inf
        return self._budget.trial_epochs - self.spent - ledger.promised

    def arrive(self) -> None:
        """A trial came to its first rung, or to its end before it."""
        self._in_vain += 1

    def compare(self, best: Measurement | None, noise: float) -> None:
        """Takes note of the best so far; it counts as better if by more than the noise."""
        if best is None:
            return
        score = DIRECTION[self._metric] * getattr(best, self._metric)
        if score < self._best - (noise if math.isfinite(self._best) else 0.0):
            self._best, self._in_vain = score, 0

    def ending(self, best: Measurement | None) -> str:
        """Why the study ends though there is work left, or ""; that it is spent is not told."""
        if self._budget.plateau is not None and self._in_vain >= self._budget.plateau:
            return f"{self._in_vain} trials brought nothing better"
        if self._budget.target is None or best is None:
            return ""
        reached, sign = getattr(best, self._metric), DIRECTION[self._metric]
        if sign * reached > sign * self._budget.target:
            return ""
        return f"{self._metric} reached {reached:.4g}, the target was {self._budget.target:g}"

    @property
    def exhaustion(self) -> str:
        """What is said when the trial-epochs are spent."""
        return f"the budget of {self._budget.trial_epochs:,} trial-epochs is spent"


class Contender(NamedTuple):
    """The best trial that could still be trained longer.

    Attributes:
        merit: what it is compared by (`merit_of`), lower is better.
        trial: its index.
        missing: epochs it still needs to the last rung, beyond those it is running for.
        running: whether it is being trained.
    """

    merit: tuple[float, int, float, int]
    trial: int
    missing: int
    running: bool


def contenders(ledger: Ledger, brackets: Brackets, metric: str) -> Iterator[Contender]:
    """The best of each rung, and all that run."""
    waiting = [rung.paused[0][2] for rung in brackets.paused()]
    for trial in (*waiting, *ledger.running):
        course = ledger.courses[trial]
        if course.best is not None:
            behind = course.epoch if course.target is None else course.target
            merit = merit_of(course.best, metric)
            missing = max(0, brackets.top - behind)
            yield Contender(merit, trial, missing, course.target is not None)


def affordable(
    groups: Iterable[Assignment], free: float, reserved: float, favourite: int | None, top: int
) -> list[Assignment]:
    """Groups of startable trials, cut down to what the budget allows.

    Args:
        groups: all trials that could start.
        free: trial-epochs left.
        reserved: those of them that are kept for `favourite`.
        favourite: the trial to be brought to the last rung, if one is.
        top: epochs of the last rung.
    """
    found = []
    for group in groups:
        epochs = group.last_epoch - group.first_epoch
        if favourite in group.trials and epochs <= free:
            found.append(replace(group, trials=(favourite,)))
        elif top - group.first_epoch <= free - reserved:
            found.append(replace(group, trials=group.trials[: int((free - reserved) // epochs)]))
    return found
