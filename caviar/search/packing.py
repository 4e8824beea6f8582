"""Packing: which trials could go together in one assignment.

New trials are drawn a little ahead and wait in a pool, so that those of one signature meet there;
paused ones are packed with those that go the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from caviar.search.ledger import Ledger
from caviar.search.successive_halving import SuccessiveHalving
from caviar.study.records import Assignment, Signature


def packed(trials: Iterable[int], ledger: Ledger, halving: SuccessiveHalving) -> list[Assignment]:
    """Paused trials, each on its way to its next rung, in groups that could go together.

    Args:
        trials: none of them beyond the last rung; their order is kept within a group.
        ledger: where they stand.
        halving: where they go.
    """
    groups: dict[tuple[Signature, int], list[int]] = {}
    for trial in trials:
        course = ledger.courses[trial]
        groups.setdefault((course.signature, course.epoch), []).append(trial)
    return [
        Assignment(tuple(members), epoch, halving.next_epoch(epoch), signature)
        for (signature, epoch), members in groups.items()
    ]


class Pool:
    """Waiting trials, oldest first within their signature."""

    def __init__(self) -> None:
        self._groups: dict[Signature, dict[int, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, trial: int, signature: Signature) -> None:
        """Lets a trial wait."""
        self._groups.setdefault(signature, {})[trial] = None
        self._count += 1

    def remove(self, trial: int, signature: Signature) -> None:
        """Takes a trial out; one that does not wait is taken no notice of."""
        group = self._groups.get(signature, {})
        if trial not in group:
            return
        del group[trial]
        self._count -= 1
        if not group:
            del self._groups[signature]

    def packed(self, last_epoch: int) -> Iterator[Assignment]:
        """All waiting trials on their way to `last_epoch`, by signature."""
        for signature, group in self._groups.items():
            yield Assignment(tuple(group), 0, last_epoch, signature)
