"""How long a study still takes, told from how it went in the last minutes."""

from __future__ import annotations

from collections import deque
from typing import Final

from caviar.study.wording import duration
from caviar.tuning.status import Status

WINDOW_S: Final = 120.0
"""Seconds that the pace is taken over."""
LEAST_S: Final = 5.0
"""Seconds to be seen before anything is told: slices first compile."""
SMOOTHING: Final = 0.15
"""How far one look moves the forecast towards what it says by itself."""


class Forecast:
    """Follows a study's statuses; what it tells changes smoothly."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._seen: deque[tuple[float, int]] = deque()
        self._now = 0.0
        self._ends_s: float | None = None

    def update(self, status: Status) -> str:
        """Takes how the study stands now.

        Returns:
            As "about 3 min left", or "" while that cannot be told.
        """
        now = status.elapsed_s
        if now > self._now:
            self._now = now
            self._look(now, status)
        if self._ends_s is None or status.finished:
            return ""
        return f"about {duration(rounded(self._ends_s - now)).removesuffix(' 00 s')} left"

    def _look(self, now: float, status: Status) -> None:
        if status.trained_here:  # what came before was compiling
            self._seen.append((now, status.trained_here))
        while self._seen and now - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()
        left = self._left_s(status)
        if left is None:
            return
        ends = now + left
        known = ends if self._ends_s is None else self._ends_s
        self._ends_s = known + SMOOTHING * (ends - known)

    def _left_s(self, status: Status) -> float | None:
        """Seconds left by the pace of the last minutes alone."""
        began, before = self._seen[0] if self._seen else (self._now, 0)
        passed, trained = self._now - began, status.trained_here - before
        to_come = status.likely_remaining
        if to_come is None or trained <= 0 or passed < LEAST_S:
            return status.clock_left_s
        left = to_come * passed / trained
        return left if status.clock_left_s is None else min(left, status.clock_left_s)


def rounded(seconds: float) -> float:
    """Seconds to two digits or so: no more is known."""
    steps = ((20, 1), (60, 5), (180, 10), (600, 30), (1800, 60), (7200, 300))
    step = next((step for below, step in steps if seconds < below), 1800)
    return max(step, round(seconds / step) * step)
