"""Budgets that need no clock: trial-epochs, a target, a plateau.

What of a budget is spent, and whether the study ends by it, in words.
"""

from __future__ import annotations

import math
from typing import Final

from caviar.search.ledger import Ledger
from caviar.search.successive_halving import DIRECTION
from caviar.study.records import Measurement
from caviar.study.run_tables import Budget

UNLIMITED: Final = Budget()


class Spending:
    """What a study has spent of its budget, and what came of it lately.

    Attributes:
        spent: measurements, one a trial and epoch.
    """

    def __init__(self, budget: Budget, metric: str, counted: str = "trials") -> None:
        """Nothing is spent yet.

        Args:
            budget: of the study; its hours are the broker's.
            metric: a key of `DIRECTION`.
            counted: what a plateau is counted in, in words.
        """
        self.spent = 0
        self._budget = budget
        self._metric = metric
        self._counted = counted
        self._best = math.inf
        self._in_vain = 0

    @property
    def bounded(self) -> bool:
        """Whether trial-epochs are bounded."""
        return self._budget.trial_epochs is not None

    @property
    def total(self) -> float:
        """Trial-epochs in all; inf if unbounded."""
        most = self._budget.trial_epochs
        return math.inf if most is None else most

    @property
    def left(self) -> float:
        """Trial-epochs not yet spent; inf if unbounded."""
        return max(0, self.total - self.spent)

    def free(self, ledger: Ledger) -> float:
        """Those of them that are not promised to running trials."""
        return self.left - ledger.promised

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
            return f"{self._in_vain} {self._counted} brought nothing better"
        if self._budget.target is None or best is None:
            return ""
        reached, sign = getattr(best, self._metric), DIRECTION[self._metric]
        if sign * reached > sign * self._budget.target:
            return ""
        return f"{self._metric} reached {reached:.4g}, the target was {self._budget.target:g}"

    @property
    def exhaustion(self) -> str:
        """What is said when the trial-epochs are spent, or the few left are of no use."""
        all_told = f"the budget of {self._budget.trial_epochs:,} trial-epochs"
        left = int(self.left)
        return f"{all_told} is spent" + (f" but for {left}, too few for another" if left else "")
