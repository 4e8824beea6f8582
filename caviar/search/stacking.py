"""How many trials go into one assignment.

A huge assignment makes promotions wait behind it and leaves other slices without work; a tiny one
costs its own overhead of some ten milliseconds. What lies between follows from the pace seen.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from typing import Final, Literal

from caviar.study.records import Signature

MOST_LANES: Final = 16
"""Lanes of an assignment unless a person asks for another number; beyond it little is gained."""
LONGEST_S: Final = 10.0
"""Seconds an assignment should take at most: how long a promotion may wait for its slice."""
WORTH_SHARING_S: Final = 1.0
"""Seconds below which an assignment is not cut smaller to give other slices a part of it."""
COMPILE_S: Final = 5.0
"""Seconds that a first call takes on a CPU core (4 to 8 measured): less work than that is better
left to a slice that has it compiled."""
REMEMBERED: Final = 32
"""Lane-epochs of which the pace is the median: one slow call or compilation does not sway it."""


class Pace:
    """Seconds per lane-epoch of each signature: the median of the last measured ones."""

    def __init__(self) -> None:
        self._seen: dict[Signature, deque[float]] = {}

    def observe(self, signature: Signature, elapsed_s: float) -> None:
        """Takes the seconds that one lane-epoch took."""
        if math.isfinite(elapsed_s) and elapsed_s >= 0:
            self._seen.setdefault(signature, deque(maxlen=REMEMBERED)).append(elapsed_s)

    @property
    def slowest(self) -> float | None:
        """Seconds per lane-epoch of the slowest signature, or None while nothing was measured."""
        return max((statistics.median(seen) for seen in self._seen.values()), default=None)

    def seconds(self, signature: Signature) -> float | None:
        """Seconds per lane-epoch, or None while nothing was measured."""
        seen = self._seen.get(signature)
        return statistics.median(seen) if seen else None


class StackSize:
    """Decides how many lanes an assignment gets."""

    def __init__(self, stack: int | Literal["auto"], slices: int) -> None:
        """Takes the study's wish.

        Args:
            stack: most lanes of an assignment; "auto" also bounds the time it takes.
            slices: how many slices share the work.
        """
        self._auto = stack == "auto"
        self._most = MOST_LANES if stack == "auto" else stack
        self._slices = slices

    def shared_by(self, slices: int) -> None:
        """From now on so many slices share the work."""
        self._slices = max(1, slices)

    def lanes(self, startable: int, epochs: int, lane_epoch_s: float | None) -> int:
        """Most lanes of the next assignment, at least one.

        Args:
            startable: trials that could start now, those of the assignment included.
            epochs: how many each of them will be trained.
            lane_epoch_s: seconds per lane-epoch, None if unknown.
        """
        share = math.ceil(startable / self._slices)
        if not lane_epoch_s:
            return max(1, min(self._most, share if lane_epoch_s is None else self._most))
        lane_s = lane_epoch_s * epochs
        if self._auto:
            share = max(share, int(WORTH_SHARING_S / lane_s))
            share = min(share, round(LONGEST_S / lane_s))
        return max(1, min(self._most, share))
