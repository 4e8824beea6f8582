"""How long a study still takes, told from how it went in the last minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from caviar.study.wording import duration
from caviar.tuning.status import Status

LEAST_S: Final = 20.0
"""Seconds that the pace is taken over, or longer until there were `REPORTS` in them."""
REPORTS: Final = 8
MOST_S: Final = 900.0
"""Seconds that are remembered."""
PARTS: Final = 3
UNSTEADY: Final = 3.0
"""How much faster one of so many parts of these seconds may be than another: a study that is
compiling, or was just now, has no pace to tell anything by."""
LOOK_S: Final = 0.5
"""Seconds between two looks at least, however often somebody asks."""
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
        return left_words(self.left_s(status))

    def left_s(self, status: Status) -> float | None:
        """Takes how the study stands now; seconds left, to two digits or so, or None: unknown."""
        now = status.elapsed_s
        if now - self._now >= LOOK_S:
            self._now = now
            self._look(now, status)
        if self._ends_s is None or status.finished:
            return None
        return rounded(self._ends_s - now)

    def _look(self, now: float, status: Status) -> None:
        if status.trained_here:  # what came before was compiling
            self._seen.append((now, status.trained_here))
        while self._seen and now - self._seen[0][0] > MOST_S:
            self._seen.popleft()
        left = self._by_pace_s(status)
        ends = None if left is None else now + left
        if ends is not None and self._ends_s is not None:
            ends = self._ends_s + SMOOTHING * (ends - self._ends_s)
        self._ends_s = ends

    def _by_pace_s(self, status: Status) -> float | None:
        """Seconds left by the pace of late alone; None while there is none."""
        pace = self._pace()
        if status.likely_remaining is None or pace is None:
            return status.clock_left_s
        left = status.likely_remaining / pace
        return left if status.clock_left_s is None else min(left, status.clock_left_s)

    def _pace(self) -> float | None:
        """Trial-epochs a second of late, None if they did not come steadily."""
        recent = self._recent()
        if not recent:
            return None
        (began, before), (now, trained) = recent[0], recent[-1]
        cuts = [began + (now - began) * part / PARTS for part in range(PARTS + 1)]
        ends = [_nearest(recent, cut) for cut in cuts]
        paces = [(b[1] - a[1]) / max(b[0] - a[0], 1e-9) for a, b in pairwise(ends)]
        steady = 0 < max(paces) <= UNSTEADY * min(paces)
        return (trained - before) / (now - began) if steady else None

    def _recent(self) -> list[tuple[float, int]]:
        """What was seen in the last `LEAST_S`, or longer for `REPORTS`; [] if there is too little.

        Oldest first.
        """
        found: list[tuple[float, int]] = []
        reports = 0
        for seen in reversed(self._seen):
            reports += bool(found) and seen[1] < found[-1][1]
            found.append(seen)
            if found[0][0] - seen[0] >= LEAST_S and reports >= REPORTS:
                return found[::-1]
        return []


def _nearest(seen: Sequence[tuple[float, int]], moment: float) -> tuple[float, int]:
    return min(seen, key=lambda one: abs(one[0] - moment))


def left_words(seconds: float | None) -> str:
    """As "about 3 min left"; "" of None."""
    return "" if seconds is None else f"about {duration(seconds).removesuffix(' 00 s')} left"


def rounded(seconds: float) -> float:
    """Seconds to two digits or so: no more is known."""
    steps = ((20, 1), (60, 5), (180, 10), (600, 30), (1800, 60), (7200, 300))
    step = next((step for below, step in steps if seconds < below), 1800)
    return max(step, round(seconds / step) * step)
