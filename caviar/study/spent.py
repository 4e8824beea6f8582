"""The time a study has taken, told by its journal: of its drivers, and of its slices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from caviar.study.facts import Event
from caviar.study.journal import Journal

STARTS: Final = ("driver_started", "driver_resumed")
STOP: Final = "driver_stopped"


def drivers(journal: Journal) -> list[Event]:
    """When drivers came and went, in order."""
    return [event for event in journal.events() if event.kind in (*STARTS, STOP)]


def elapsed_s(journal: Journal, now: float | None = None) -> float:
    """Seconds that drivers were at work.

    Args:
        journal: open, for reading or writing.
        now: seconds since 1970 if a driver is at work, else None.
    """
    return sum(until - began for began, until in _shifts(journal, now))


def slice_s(journal: Journal) -> float:
    """Seconds that slices were at work, summed over slices, by the attempts that have ended.

    What a driver that was killed left running ended with it, not when somebody noticed.
    """
    shifts = list(_shifts(journal, None))
    total = 0.0
    for attempt in journal.attempts():
        ends = [end for began, end in shifts if began <= attempt.claimed_at <= end]
        ends += [attempt.ended_at] if attempt.ended_at is not None else []
        total += max(0.0, min(ends, default=attempt.claimed_at) - attempt.claimed_at)
    return total


def _shifts(journal: Journal, now: float | None) -> Iterator[tuple[float, float]]:
    """When each driver began and left; of a killed one, when its last attempt ended or began."""
    began: float | None = None
    attempts = [(a.claimed_at, a.ended_at) for a in journal.attempts()]
    for event in [*drivers(journal), None]:
        if began is not None and (event is None or event.kind in STARTS):
            # This driver left without a word, or is at work still.
            until = event.recorded_at if event is not None else math.inf
            seen = [t for pair in attempts for t in pair if t is not None and began <= t < until]
            yield began, now if event is None and now is not None else max(seen, default=began)
            began = None
        if event is None:
            return
        if event.kind in STARTS:
            began = event.recorded_at
        elif began is not None:
            yield began, event.recorded_at
            began = None
