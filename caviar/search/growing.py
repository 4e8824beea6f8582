"""How the bounds of a search grow: on axes that reach further than a person's bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Bounds = tuple[tuple[float, float], ...]
"""`[d]` pairs low, high in the unit cube."""


def grown(
    bounds: Bounds, axis: int, side: Literal[-1, 1], home: Sequence[tuple[float, float]]
) -> Bounds:
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
