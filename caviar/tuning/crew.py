"""Who is there of a study's slices: they come when they have a place, and go with their node."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SETTLED_S: Final = 30.0
"""Seconds after the first slice began to start, from which on those not seen are not reckoned with:
the cluster has no place for them."""
NONE_S: Final = 20.0
"""Seconds after which, if no slice began to start, none is told to be starting: a process takes
some seconds, on a busy machine more."""


class Crew:
    """The slices of a study by what they are at: to come, starting or ready.

    Work must be shared among those that are there, not among those that were planned: a cluster may
    take minutes to grow, or never do.
    """

    def __init__(
        self, planned: int, expected: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nobody is there yet.

        Args:
            planned: how many are wanted.
            expected: how many of them have a place from the start.
            clock: seconds.
        """
        self.planned = planned
        self._expected = expected
        self._clock = clock
        self._made = clock()
        self._began: float | None = None
        self._starting: set[str] = set()
        self._ready: dict[str, str] = {}

    @property
    def ready(self) -> int:
        """How many are ready or at work."""
        return len(self._ready)

    @property
    def starting(self) -> int:
        """How many have a place and are not ready yet."""
        late = self._began is None and self._clock() - self._made > NONE_S
        return 0 if late else self._expected_yet

    @property
    def sharing(self) -> int:
        """How many share the work, at least one: those that are there or at once will be."""
        return max(1, self.ready + self._expected_yet)

    @property
    def _expected_yet(self) -> int:
        return max(len(self._starting), self._awaited - self.ready)

    @property
    def _awaited(self) -> int:
        """How many are reckoned with unseen: those that had a place, for a while."""
        began = self._began
        waited = began is not None and self._clock() - began > SETTLED_S
        return 0 if waited else self._expected

    def start(self, name: str) -> None:
        """A slice's process has begun; it has a place."""
        if self._began is None:
            self._began = self._clock()
        self._ready.pop(name, None)
        self._starting.add(name)

    def arrive(self, name: str, node: str) -> None:
        """A slice is ready, on a node."""
        self._starting.discard(name)
        self._ready[name] = node

    def leave(self, name: str) -> str:
        """A slice is gone; the node it was ready on, or ""."""
        self._starting.discard(name)
        return self._ready.pop(name, "")
