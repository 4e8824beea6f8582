"""Trust: whether the first rung's scores say anything about the second's.

A first epoch may tell nothing: while the learning rate warms up, or where the first measurement
comes before any training. Promoting by it is then a lottery in which two thirds of the good trials
are lost. So some first trials, the *scouts*, are trained to the second rung whatever they show at
the first. If the order at the one is not the order at the other among the best, later trials go
straight to the second rung as well; and as each of them tells both scores, the first rung is
trusted again as soon as they agree.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

SCOUTS: Final = 18
"""First trials that are trained to the second rung in any case ..."""
SHARE: Final = 1 / 6
"""... if that takes no more of the budget than this; else as many as it allows, ..."""
FEWEST: Final = 9
"""... but none if these would be fewer: too few to tell anything by."""
AGREE: Final = 0.25
"""The agreement from which on the first rung is trusted. Of 18 scouts whose first scores are chance
one in ten agree as much by luck, and hardly any whose first scores tell something agree less."""
REMEMBERED: Final = 64
"""Pairs of scores that it goes by."""


class Trust:
    """Decides how far new trials are trained before they are first compared."""

    def __init__(self, first: int, second: int, budget: float) -> None:
        """Knows nothing yet.

        Args:
            first: epochs of the first rung.
            second: epochs of the second one.
            budget: of trial-epochs.
        """
        self._rungs = (first, second)
        affordable = int(min(SCOUTS, SHARE * budget / second))
        self.scouts = affordable if affordable >= FEWEST else 0
        self._early: dict[int, float] = {}
        self._pairs: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)

    def target(self, trial: int) -> int:
        """Epochs at which a trial that begins now is first compared, by its index."""
        unsure = trial < self.scouts
        return self._rungs[1] if unsure or self.lifted else self._rungs[0]

    @property
    def lifted(self) -> bool:
        """Whether the first rung is passed over, since it says nothing."""
        if not self.scouts or len(self._pairs) < FEWEST:
            return False
        early, late = zip(*self._pairs, strict=True)
        return agreement(early, late) < AGREE

    def see(self, trial: int, epoch: int, score: float) -> None:
        """A trial on its way straight to the second rung was measured.

        Args:
            trial: its index.
            epoch: epochs it was trained.
            score: lower is better; inf where it diverged and is over.
        """
        if math.isinf(score) or epoch >= self._rungs[1]:
            self._pairs.append((self._early.pop(trial, math.inf), score))
        elif epoch == self._rungs[0]:
            self._early[trial] = score


def agreement(early: Sequence[float], late: Sequence[float]) -> float:
    """How far two orders agree, above all about the best: 1 entirely, about 0 by chance.

    The correlation of Savage scores (Iman and Conover, 1987, "A Measure of Top-Down Correlation").

    Args:
        early: `[n]` scores, lower is better, n >= 2.
        late: `[n]` scores of the same trials.
    """
    one, other = savage(early), savage(late)
    spread = float(np.std(one) * np.std(other))
    if spread == 0:
        return 0.0
    return float(np.mean((one - 1) * (other - 1))) / spread


def savage(scores: Sequence[float]) -> NDArray[np.float64]:
    """Savage scores `[n]`: of the i-th best of n the sum of 1/j for j from i to n; ties share."""
    from scipy.stats import rankdata  # long to import: not for those who only look

    count = len(scores)
    by_rank = np.cumsum(1 / np.arange(count, 0, -1.0))[::-1]
    ranks = rankdata(scores)
    return np.asarray(np.interp(ranks, np.arange(1, count + 1), by_rank), dtype=np.float64)
