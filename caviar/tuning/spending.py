"""Budgets by the clock: hours of drivers and of slices, those of earlier runs included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind
from caviar.study.run_tables import Budget
from caviar.study.spent import elapsed_s, slice_s

_HOUR_S: Final = 3600.0


class Spending:
    """What a study has spent of the budgets that a strategy, which has no clock, cannot see.

    Time that a paused study is held by a driver counts: the driver keeps its machines.
    """

    def __init__(self, journal: Journal, budget: Budget, clock: Callable[[], float]) -> None:
        """Counts on from what the journal tells of earlier runs.

        Args:
            journal: of the study, nothing running any more.
            budget: in force.
            clock: seconds.
        """
        self._budget = budget
        self._clock = clock
        self._seen = clock()
        bounded = budget.hours is not None or budget.slice_hours is not None
        self._driver_s = elapsed_s(journal) if bounded else 0.0
        self._slice_s = slice_s(journal) if bounded else 0.0

    def advance(self, busy: int) -> Change | None:
        """Takes note that `busy` slices were at work since the last call.

        Returns:
            What ends the study, if a budget is spent.
        """
        now = self._clock()
        passed, self._seen = now - self._seen, now
        self._driver_s += passed
        self._slice_s += passed * busy
        for key, spent_s in (("hours", self._driver_s), ("slice_hours", self._slice_s)):
            most = getattr(self._budget, key)
            if most is not None and spent_s >= most * _HOUR_S:
                return Change(ChangeKind.STOP, {"why": f"{_told(key, most)} spent", "budget": key})
        return None

    def left_s(self, slices: int) -> float | None:
        """Seconds until a budget is spent with so many slices at work; None without one."""
        left = []
        if self._budget.hours is not None:
            left.append(self._budget.hours * _HOUR_S - self._driver_s)
        if self._budget.slice_hours is not None:
            left.append((self._budget.slice_hours * _HOUR_S - self._slice_s) / max(1, slices))
        return max(0.0, min(left)) if left else None


def _told(key: str, hours: float) -> str:
    unit = key.replace("_", "-").removesuffix("s") + "s" * (hours != 1)
    return f"the budget of {hours:g} {unit} is"
