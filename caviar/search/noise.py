"""Noise: how far the scores of equal trials lie apart, by luck alone.

Trials of the same hyperparameters differ in their initial weights. Replicates, repeats of one early
trial, tell how much that changes the score at each rung; a person may know it beforehand. What
differs by less is judged by more than the last epoch (`believed`).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final

REPLICATE: Final = "replicate"
"""The origin of trials that repeat another."""


class Noise:
    """What is known of the noise, and who tells it.

    Attributes:
        least: what a person gave, in units of the metric.
        original: the trial that is repeated, or None.
        replicates: the trials that repeat it.
    """

    def __init__(self, least: float = 0.0) -> None:
        """Nothing is known but what a person gave."""
        self.least = least
        self.original: int | None = None
        self.replicates: list[int] = []
        self._scores: dict[int, list[float]] = {}
        self._spread: dict[int, float] = {}

    @property
    def matters(self) -> bool:
        """Whether there is, or was, any noise in force."""
        return bool(self.least or self._spread)

    def enter(self, replicate: int, original: int) -> None:
        """A repeat of `original` was drawn."""
        self.original = original
        self.replicates.append(replicate)

    def observe(self, epoch: int, score: float) -> bool:
        """Takes a replicate's score at a rung; whether the noise in force may be another now."""
        if not math.isfinite(score):
            return False
        scores = self._scores.setdefault(epoch, [])
        scores.append(score)
        if len(scores) < 2:
            return False
        self._spread[epoch] = statistics.stdev(scores)
        return True

    def at(self, epoch: int) -> float:
        """The noise in force at a rung: of the highest one measured up to it, at least `least`."""
        below = [known for known in self._spread if known <= epoch]
        place = max(below) if below else min(self._spread, default=None)
        return max(self.least, 0.0 if place is None else self._spread[place])


def believed(scores: Sequence[float], noise: float, reduction_factor: float) -> float:
    """What a trial is held to be worth when its last score is not trusted to the last digit.

    The mean over its last 1/eta epochs, since luck of single epochs averages out there, but no
    further from its last score than the noise: what differs by more is no luck.

    Args:
        scores: of all its epochs; lower is better.
        noise: in units of the score; 0 trusts the last score as it is.
        reduction_factor: eta.
    """
    last = scores[-1]
    tail = scores[-max(1, int(len(scores) // reduction_factor)) :]
    mean = math.fsum(tail) / len(tail)
    if not noise or not math.isfinite(mean):
        return last
    return min(max(mean, last - noise), last + noise)
