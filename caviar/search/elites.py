"""Elites: the best trials so far, and what one axis of the cube looks like around them.

Trials are ranked by the highest rung they came to and then by their score there: who was promoted
was found better than its third, and a score at a later rung tells more than one at an earlier.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from caviar.space.axis import Axis
from caviar.space.cells import equal_cell

FEWEST: Final = 4
"""Elites there are at least; of more trials as many as the root of their number."""
EVEN: Final = 1 / math.sqrt(12)
"""The standard deviation of evenly scattered coordinates, as a share of the bounds' width."""
NARROWEST: Final = 0.02
"""The least standard deviation of draws on an axis, as a share of the bounds' width."""
REACH: Final = 2.0
"""Standard deviations by which a box reaches beyond its outermost elites."""
PRIOR: Final = 1.0
"""Elites' worth of belief that all cells of an axis without order are alike."""
UNTRIED: Final = 3
"""Compared trials that a cell must have had before it may be left out."""


class Ranking:
    """All trials that were compared, best first. One more costs O(log n) beside a short copy."""

    def __init__(self) -> None:
        self._order: list[tuple[int, float, int]] = []
        self._keys: dict[int, tuple[int, float, int]] = {}
        self.finite = 0

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, trial: int) -> bool:
        return trial in self._keys

    def put(self, trial: int, epoch: int, score: float) -> None:
        """A trial scored `score` after `epoch` epochs; inf puts it last for good."""
        old = self._keys.get(trial)
        usable = math.isfinite(score)
        if old is not None:
            if old[0] > 0 or (usable and -old[0] > epoch):
                return
            del self._order[bisect_left(self._order, old)]
            self.finite -= 1
        key = (-epoch if usable else 1, score if usable else math.inf, trial)
        self._keys[trial] = key
        insort(self._order, key)
        self.finite += usable

    def elites(self) -> tuple[int, ...]:
        """The best trials, best first; none that diverged or failed."""
        count = max(FEWEST, round(math.sqrt(len(self._order))))
        return tuple(trial for _, _, trial in self._order[: min(count, self.finite)])


@dataclass(frozen=True, slots=True)
class Stretch:
    """What draws around the elites look like on one axis.

    Attributes:
        low: of the box.
        high: of the box.
        centres: coordinates of the elites that have this hyperparameter, the best first.
        sigma: the draws' standard deviation around a centre.
        cells: of an axis without order, the cells that are drawn.
        weights: their probabilities.
    """

    low: float
    high: float
    centres: NDArray[np.float64]
    sigma: float = 0.0
    cells: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()


def stretch(
    axis: Axis, centres: Sequence[float], low: float, high: float, widening: float
) -> Stretch:
    """The stretch of an ordered axis around the elites' coordinates, within low and high.

    Args:
        axis: which has an order.
        centres: of the elites that have this hyperparameter; with fewer than two all of it is
            left.
        low: the bounds that draws keep to.
        high: the same.
        widening: >= 1; how much wider to draw than the elites lie.
    """
    # A person may have narrowed the bounds away from some of them.
    found, width = np.clip(np.asarray(centres, dtype=np.float64), low, high), high - low
    if len(found) < 2:
        return Stretch(low, high, np.empty(0), width * EVEN)
    least = max(NARROWEST, 0.5 / axis.cells if axis.cells else 0.0)
    sigma = max(_spread(found), least * width) * widening
    ends = found.min() - REACH * sigma, found.max() + REACH * sigma
    return Stretch(max(low, float(ends[0])), min(high, float(ends[1])), found, sigma)


def weights(count: int) -> NDArray[np.float64]:
    """How much each of so many elites weighs, `[count]`, the best first; they sum to 1.

    ln(count + 1/2) - ln(rank), as CMA-ES weighs its parents (Hansen, 2016, "The CMA Evolution
    Strategy: A Tutorial", eq. 49).
    """
    raw = math.log(count + 0.5) - np.log(np.arange(1, count + 1))
    return np.asarray(raw / raw.sum(), dtype=np.float64)


def _spread(centres: NDArray[np.float64]) -> float:
    """The weighted standard deviation of elites' coordinates, the best first."""
    share = weights(len(centres))
    return float(np.sqrt(share @ (centres - share @ centres) ** 2))


def choice(allowed: Sequence[int], elites: Sequence[int], tried: Sequence[int]) -> tuple[int, ...]:
    """The cells drawn on an axis without order: what elites have, and what was hardly tried.

    Args:
        allowed: the cells that draws keep to.
        elites: the cells of the elites that have this hyperparameter.
        tried: the cells of all compared trials that have it.
    """
    kept = [cell for cell in allowed if cell in elites or tried.count(cell) < UNTRIED]
    return tuple(kept or allowed)


def weighted(cells: tuple[int, ...], count: int, places: Sequence[float]) -> Stretch:
    """The stretch of an axis without order: cells as likely as elites have them, or a little more.

    Args:
        cells: that are drawn.
        count: of all cells of the axis.
        places: coordinates of the elites that have this hyperparameter.
    """
    best = [equal_cell(place, count) for place in places]
    share = weights(len(best)) * len(best) if best else ()
    mass = [
        PRIOR / count + sum(share[i] for i, one in enumerate(best) if one == cell) for cell in cells
    ]
    return Stretch(0.0, 1.0, np.empty(0), 0.0, cells, tuple(one / sum(mass) for one in mass))
