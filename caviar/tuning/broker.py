"""The broker: it owns the study's journal and its strategy, and hands assignments to slices.

Everything that a slice is told or that the strategy observes is committed first. The broker is
plain Python; `driver.py` runs it as a named actor without CPUs on the driver's own node.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from caviar.search.strategy import Strategy
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Claim, Lane, Measurement, Signature, Trial
from caviar.tuning.messages import Answer, Finished, Wait

OWN_TRIES = 3
"""Tries that a trial gets with no neighbour in its assignment before it is given up."""

STARTS = 5
"""Starts that a slice gets without ever arriving, before the study is given up."""

_RENEW_S = 5.0


@dataclass
class _Open:
    """An assignment that is not finished: in a slice's hands, or waiting for its next try."""

    number: int
    assignment: Assignment
    remaining: set[int]
    attempts: int = 0
    faults: int = 0


class Broker:
    """Claims, reports, retries. One thread at a time.

    Args:
        journal: open for writing, with its lease held.
        strategy: already replayed from the journal.
        clock: seconds, monotonic; tests pass a simulated one.
    """

    def __init__(
        self, journal: Journal, strategy: Strategy, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._journal = journal
        self._strategy = strategy
        self._clock = clock
        self._written = 0
        self._held: dict[str, tuple[_Open, int]] = {}
        self._starts: dict[str, int] = {}
        self._slices: dict[str, Mapping[str, Any]] = {}
        self._stopping = ""
        self._renewed = clock()
        self._written = len(journal.trials())
        self._trials: Sequence[Trial] = strategy.trials
        self._waiting: deque[_Open] = deque(self._orphans())

    def _orphans(self) -> list[_Open]:
        """Assignments that an earlier driver left unfinished: tried again whole, and not blamed."""
        ...

    # -- what slices ask ---------------------------------------------------------------------

    def claim(self, slice_name: str, warm: Collection[Signature]) -> Claim | Wait | Finished:
        """The next assignment for a slice; what it held without reporting its end is lost.

        Args:
            slice_name: who asks.
            warm: the signatures whose compiled step it has ready.
        """
        self._renew()
        with self._journal.transaction():
            self._lose(slice_name, "lost", "the slice came back without it")
            if self._stopping:
                return Finished(self._stopping)
            held = self._next(warm)
            if held is None:
                return Finished("the study is complete") if self._done() else Wait()
            held.attempts = self._journal.start_attempt(held.number, slice_name)
        self._held[slice_name] = (held, held.attempts)
        return self._to_claim(held)
