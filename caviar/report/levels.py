"""Losses as levels: logarithms with a floor, their jitter, their trend.

Among levels a step is a relative change, early and late epochs weigh alike, and what happens far
below the first loss does not count.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

FLOOR: Final = 0.01
"""Of the first loss (of `LARGEST_FIRST` at most): changes below it do not count."""
LARGEST_FIRST: Final = 3.0
"""Nats; a network that begins far worse than guessing says nothing about what is small."""
LEAST: Final = 0.02
"""Relative change over a stretch of epochs below which nothing moved."""
SEVERAL: Final = 3
"""Epochs after which a turn is no accident."""

Floats = NDArray[np.float64]


def levels(losses: ArrayLike) -> Floats:
    """`[n]`: logarithms of losses above a floor; a difference of 0.1 is about a tenth."""
    found = np.maximum(np.asarray(losses, dtype=np.float64).reshape(-1), 0.0)
    if not len(found):
        return found
    logarithms: Floats = np.log(found + _floor(found))
    return logarithms


def jitter(level: Floats) -> float:
    """Standard deviation from epoch to epoch around what is smooth; 0 of fewer than five.

    From second differences, whose variance is six times that of independent noise, by their
    median, which a few spikes do not move.
    """
    if len(level) < 5:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(level, 2))) / math.sqrt(6))


def _floor(losses: Floats) -> float:
    return max(FLOOR * min(float(losses[0]), LARGEST_FIRST), 1e-12)


def smoothed_losses(losses: Floats) -> Floats:
    """`[n]`: the losses, smoothed as their levels are: what a sentence quotes."""
    found: Floats = np.maximum(np.exp(smoothed(levels(losses))) - _floor(losses), 0.0)
    return found


def _window(count: int) -> int:
    """Epochs that are averaged: more where there are more."""
    return next(width for most, width in ((5, 1), (19, 3), (59, 5), (math.inf, 9)) if count <= most)


def smoothed(level: Floats) -> Floats:
    """`[n]`: running means, of what there is at the ends."""
    half = _window(len(level)) // 2
    starts = np.maximum(np.arange(len(level)) - half, 0)
    ends = np.minimum(np.arange(len(level)) + half + 1, len(level))
    sums = np.concatenate([[0.0], np.cumsum(level)])
    means: Floats = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def tolerance(level: Floats) -> float:
    """Differences of smoothed levels up to this are nothing, or luck."""
    return max(LEAST, 2 * jitter(level) / math.sqrt(_window(len(level))))


def falls(level: Floats) -> bool:
    """Whether the last quarter lies below the one before, and goes on down itself."""
    count, stretch = len(level), max(1, len(level) // 4)
    if count < 2:
        return False
    last, before = level[count - stretch :], level[count - 2 * stretch : count - stretch]
    drop = float(before.mean() - last.mean())
    if drop <= max(LEAST, 2 * jitter(level) * math.sqrt(2 / stretch)):
        return False
    if stretch < SEVERAL:
        return True
    slope = float(np.polyfit(np.arange(stretch), last, 1)[0])
    return -slope * stretch > drop / 4
