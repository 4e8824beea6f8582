"""Who is there of a study's slices: they come when they have a place, and go with their node."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

SETTLED_S: Final = 30.0
"""Seconds after the first slice began to start, from which on those not seen are not reckoned with:
the cluster has no place for them."""
NONE_S: Final = 20.0
"""Seconds after which, if no slice began to start, none is told to be starting: a process takes
some seconds, on a busy machine more."""
STARTS: Final = 5
"""Starts a slice gets in a row without ever arriving, before the study is given up."""


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
        self._draining: frozenset[str] = frozenset()
        self._starts: Counter[str] = Counter()
        self._deaths: Counter[str] = Counter()

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
        self._starts[name] += 1
        self._ready.pop(name, None)
        self._starting.add(name)

    def arrive(self, name: str, node: str) -> None:
        """A slice is ready, on a node."""
        self._starts[name] = self._deaths[name] = 0
        self._starting.discard(name)
        self._ready[name] = node

    def fail(self, name: str) -> bool:
        """A slice could not start; whether that was too often, and nobody else is there.

        One bad node ends no study that others work for.
        """
        self._leave(name)
        return self._starts[name] >= STARTS and not self._ready

    def die(self, name: str) -> tuple[str, bool]:
        """A slice is gone; the node it was ready on, or "", and the same as of `fail`."""
        node = self._leave(name)
        self._deaths[name] += 1
        return node, self._deaths[name] >= STARTS and not self._ready

    def drain(self, nodes: Collection[str]) -> list[str]:
        """These nodes, and no others, are soon to go; the slices that must leave them."""
        self._draining = frozenset(nodes)
        return [name for name in self._ready if self.must_leave(name)]

    def must_leave(self, name: str) -> bool:
        """Whether a slice is ready on a node that is soon to go."""
        return self._ready.get(name) in self._draining

    def _leave(self, name: str) -> str:
        self._starting.discard(name)
        return self._ready.pop(name, "")
