"""Which work suits which slice: what it has compiled before what it has not.

Compiling a signature takes seconds, training an assignment often milliseconds, so each signature
should stay with few slices, and still no promotion may wait for a slice that never asks.
"""

from __future__ import annotations

from typing import Final

from caviar.study.records import Assignment, Signature

PATIENCE: Final = 4
"""Assignments a slice, after which a signature that none of them was for counts as unattended."""


class Affinity:
    """Remembers when each signature was last started, and ranks groups by it."""

    def __init__(self, slices: int) -> None:
        """Takes how many slices share the work."""
        self._slices = slices
        self._starts = 0
        self._last_start: dict[Signature, int] = {}

    def shared_by(self, slices: int) -> None:
        """From now on so many slices share the work."""
        self._slices = max(1, slices)

    def note(self, signature: Signature) -> None:
        """An assignment of `signature` was started."""
        self._last_start[signature] = self._starts
        self._starts += 1

    def preference(self, group: Assignment, warm: frozenset[Signature]) -> tuple[object, ...]:
        """What a group of startable trials is chosen by: the least is taken.

        Promotions the slice has warm, or that no slice attends to; new trials it has warm; other
        promotions; other new trials. Among equals the higher rung, then the signature longest not
        started (another slice hardly has it), then the larger group.

        Args:
            group: all trials that could start together.
            warm: signatures the asking slice has compiled.
        """
        last_start = self._last_start.get(group.signature, -1)
        new = group.first_epoch == 0
        unattended = self._starts - last_start > PATIENCE * self._slices
        if group.signature in warm or (unattended and not new):
            tier = 1 if new else 0
        else:
            tier = (2 if last_start < 0 else 4) if new else 3
        return (tier, -group.first_epoch, last_start, -len(group.trials), group.signature)
