"""Bounds of a search: when the best trials lie against one, and how it grows.

An axis with `expand = true` reaches further than a person's bounds (`caviar.space.home`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

Bounds = tuple[tuple[float, float], ...]
"""`[d]` pairs low, high in the unit cube."""
Side = Literal[-1, 1]
"""The lower bound, or the upper one."""

OUTER: Final = ((0.05, 1e-3), (0.1, 1.2e-3), (0.2, 1.2e-3), (0.3, 1.2e-3))
"""Which share of an axis counts as next to a bound, and how likely so many of evenly scattered
trials may be in it for this to be evidence: together under 1 in 100 an axis. A search that has not
narrowed yet puts few trials into the outermost twentieth, so they may be spread wider."""
CLOSE: Final = 4
"""One of them must lie within this part of that share: else they are around a place inside."""


def grown(bounds: Bounds, axis: int, side: Side, home: Sequence[tuple[float, float]]) -> Bounds:
    """The bounds one step larger on one side of one axis.

    A step is half the width of the axis's home, and the last one goes as far as there is room:
    the ends of the axis are as far as the bound may ever grow. Where there is none, as on axes
    without a smaller home, the same bounds come back.

    Args:
        bounds: that draws keep to now.
        axis: which.
        side: -1 moves the lower bound down, 1 the upper one up.
        home: `[d]` pairs: a person's bounds; `StudySpec.home`.
    """
    low, high = bounds[axis]
    step = (home[axis][1] - home[axis][0]) / 2
    moved = (max(0.0, low - step), high) if side < 0 else (low, min(1.0, high + step))
    return (*bounds[:axis], moved, *bounds[axis + 1 :])


def against(
    places: Sequence[float],
    low: float,
    high: float,
    cells: tuple[float, float] = (0.0, 0.0),
) -> Side | None:
    """The bound that the best trials lie against on one axis, or None.

    The best of them and more than half of all lie next to it, or beyond it as points that a person
    gave may, some of them close; and so many of evenly scattered ones would hardly ever do so.

    Args:
        places: coordinates of the elites that have this hyperparameter, the best first.
        low: the lower bound, in the unit cube.
        high: the upper one, > low.
        cells: the widths of the outermost values, as shares of low to high; 0 of a continuum.
    """
    inward = [(u - low) / (high - low) for u in places]
    if _pressed(inward, cells[0]):
        return -1
    return 1 if _pressed([1 - u for u in inward], cells[1]) else None


def _pressed(depths: Sequence[float], cell: float) -> bool:
    """Whether elites this deep below a bound lie against it; the best first."""
    return bool(depths) and any(
        min(depths) <= max(share / CLOSE, cell) and _crowded(depths, max(share, cell), by_chance)
        for share, by_chance in OUTER
    )


def _crowded(depths: Sequence[float], width: float, by_chance: float) -> bool:
    """Whether the best and most of the others are no deeper than this, which chance does not do."""
    near = sum(depth <= width for depth in depths)
    if depths[0] > width or 2 * near <= len(depths):
        return False
    return width * _at_least(near - 1, len(depths) - 1, width) <= by_chance


def _at_least(hits: int, draws: int, share: float) -> float:
    """The probability of so many hits or more in so many draws."""
    return sum(
        math.comb(draws, k) * share**k * (1 - share) ** (draws - k) for k in range(hits, draws + 1)
    )
