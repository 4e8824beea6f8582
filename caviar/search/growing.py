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

OUTER: Final = 0.05
"""The share of an axis, next to a bound, in which a trial lies against it."""
BY_CHANCE: Final = 0.005
"""What is likelier than this for trials scattered evenly is no evidence; a side of an axis."""


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
    outer: tuple[float, float] = (OUTER, OUTER),
) -> Side | None:
    """The bound that the best trials lie against on one axis, or None.

    The best of them and more than half of all lie next to it, or beyond it as points that a person
    gave may, and so many of evenly scattered ones would hardly ever do so.

    Args:
        places: coordinates of the elites that have this hyperparameter, the best first.
        low: the lower bound, in the unit cube.
        high: the upper one, > low.
        outer: which share of low to high counts as next to each bound: `outer_shares`.
    """
    inward = [(u - low) / (high - low) for u in places]
    for side, share, depths in (
        (-1, outer[0], inward),
        (1, outer[1], [1 - u for u in inward]),
    ):
        near = [depth <= share for depth in depths]
        if near and near[0] and 2 * sum(near) > len(near):
            others = _at_least(sum(near) - 1, len(near) - 1, share)
            if share * others <= BY_CHANCE:
                return -1 if side < 0 else 1
    return None


def _at_least(hits: int, draws: int, share: float) -> float:
    """The probability of so many hits or more in so many draws."""
    return sum(
        math.comb(draws, k) * share**k * (1 - share) ** (draws - k) for k in range(hits, draws + 1)
    )
