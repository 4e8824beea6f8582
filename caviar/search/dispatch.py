"""Dispatch: which of the work that could start a free slice gets, and how much of it at once.

What it has compiled comes before what it has not, and little work is left to a slice that has it
compiled; an assignment takes neither so long that promotions wait for it nor so short that it is
all overhead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from caviar.search.affinity import Affinity
from caviar.search.stacking import COMPILE_S, Pace, StackSize
from caviar.study.records import Assignment, Signature


class Dispatch:
    """Chooses among groups of trials; knows the pace and what was started when."""

    def __init__(self, stack: int | Literal["auto"], slices: int) -> None:
        """Knows nothing yet.

        Args:
            stack: most lanes of an assignment.
            slices: how many slices share the work.
        """
        self._stack_size = StackSize(stack, slices)
        self._pace = Pace()
        self._affinity = Affinity(slices)

    def shared_by(self, slices: int) -> None:
        """From now on so many slices share the work."""
        self._stack_size.shared_by(slices)
        self._affinity.shared_by(slices)

    def observe(self, signature: Signature, elapsed_s: float) -> None:
        """A lane-epoch of `signature` took so many seconds."""
        self._pace.observe(signature, elapsed_s)

    def note(self, signature: Signature) -> None:
        """An assignment of `signature` was started."""
        self._affinity.note(signature)

    def choose(
        self,
        groups: Sequence[Assignment],
        startable: int,
        warm: frozenset[Signature],
        attended: frozenset[Signature],
    ) -> Assignment | None:
        """What a slice should do of these groups, cut to a stack; None if nothing is worth it.

        Args:
            groups: all trials that could start together, one group each.
            startable: how many trials could start now.
            warm: signatures whose compiled step the asking slice has ready.
            attended: those that other slices have ready.
        """
        worth_it = oldest_new(self._left_over(groups, attended - warm))
        preference = partial(self._affinity.preference, warm=warm)
        group = min(worth_it, key=preference, default=None)
        if group is None:
            return None
        epochs = group.last_epoch - group.first_epoch
        lanes = self._stack_size.lanes(startable, epochs, self._pace.seconds(group.signature))
        return replace(group, trials=group.trials[:lanes])

    def is_left(
        self, assignment: Assignment, warm: frozenset[Signature], attended: frozenset[Signature]
    ) -> bool:
        """Whether an assignment is better left to another slice that has it compiled."""
        epochs = (assignment.last_epoch - assignment.first_epoch) * len(assignment.trials)
        elsewhere = assignment.signature in attended - warm
        return elsewhere and self._is_little(assignment.signature, epochs)

    def _left_over(
        self, groups: Sequence[Assignment], attended: frozenset[Signature]
    ) -> list[Assignment]:
        """The groups without those that are too little work to compile them once more."""
        work: Counter[Signature] = Counter()
        for group in groups:
            epochs = group.last_epoch - group.first_epoch
            work[group.signature] += len(group.trials) * epochs
        left = {found for found in attended if self._is_little(found, work[found])}
        return [group for group in groups if group.signature not in left]

    def _is_little(self, signature: Signature, lane_epochs: int) -> bool:
        """Whether so many lane-epochs take less time than to compile; False while unknown."""
        pace = self._pace.seconds(signature) or self._pace.slowest
        return pace is not None and lane_epochs * pace < COMPILE_S


def oldest_new(groups: Sequence[Assignment]) -> list[Assignment]:
    """The groups, of new trials of one signature only the one that has waited longest.

    They differ in how far they are trained first, and the larger one would starve the other.
    """
    oldest: dict[Signature, int] = {}
    for group in groups:
        if not group.first_epoch:
            index = min(group.trials)
            oldest[group.signature] = min(index, oldest.get(group.signature, index))
    return [
        group
        for group in groups
        if group.first_epoch or min(group.trials) == oldest[group.signature]
    ]
