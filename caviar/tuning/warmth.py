"""What slices have compiled, and how long one of them leaves it to another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import chain

from caviar.search.stacking import COMPILE_S
from caviar.study.records import Assignment, Signature


class Warmth:
    """The signatures whose step is compiled, slice by slice."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Nobody has compiled anything; `clock` in seconds."""
        self._clock = clock
        self._warm: dict[str, frozenset[Signature]] = {}
        self._idle_since: dict[str, float] = {}

    def ask(self, slice_name: str, warm: Collection[Signature]) -> None:
        """A slice asks for work and tells what it has compiled."""
        self._warm[slice_name] = frozenset(warm)

    def leave(self, slice_name: str) -> None:
        """A slice is gone, or takes no work: what it has compiled is of no use."""
        self._warm.pop(slice_name, None)

    def idle(self, slice_name: str) -> None:
        """There was nothing for it."""
        self._idle_since.setdefault(slice_name, self._clock())

    def busy(self, slice_name: str) -> None:
        """It was given something."""
        self._idle_since.pop(slice_name, None)

    def attended(self, slice_name: str, held: Mapping[str, Assignment]) -> frozenset[Signature]:
        """What other slices have compiled or are at; nothing once the slice waited long enough.

        Waiting at most as long as compiling takes costs at most twice what knowing would.
        """
        idle_s = self._clock() - self._idle_since.get(slice_name, self._clock())
        if idle_s > COMPILE_S:
            return frozenset()
        others = [known for name, known in self._warm.items() if name != slice_name]
        at_work = (found.signature for name, found in held.items() if name != slice_name)
        return frozenset(chain(*others, at_work))
