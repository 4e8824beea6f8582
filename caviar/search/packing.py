"""Packing: which trials could go together in one assignment.

New trials are drawn a little ahead and wait in a pool, so that those of one signature meet there;
paused ones are packed with those that go the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from caviar.search.brackets import Brackets
from caviar.search.ledger import Ledger
from caviar.study.records import Assignment, Signature


def packed(trials: Iterable[int], ledger: Ledger, brackets: Brackets) -> list[Assignment]:
    """Paused trials, each on its way to its next rung, in groups that could go together.

    Args:
        trials: none of them beyond the last rung; their order is kept within a group.
        ledger: where they stand.
        brackets: where they go.
    """
    groups: dict[tuple[Signature, int, int], list[int]] = {}
    for trial in trials:
        course = ledger.courses[trial]
        last_epoch = brackets.of(trial).next_epoch(course.epoch)
        groups.setdefault((course.signature, course.epoch, last_epoch), []).append(trial)
    return [
        Assignment(tuple(members), epoch, last_epoch, signature)
        for (signature, epoch, last_epoch), members in groups.items()
    ]


class Pool:
    """Waiting trials, oldest first among those that could start together."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Signature, int], dict[int, None]] = {}
        self._keys: dict[int, tuple[Signature, int]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(
        self, trial: int, signature: Signature, last_epoch: int, *, before: bool = False
    ) -> None:
        """Lets a trial wait that will be trained to `last_epoch` first; or `before` the others."""
        key = (signature, last_epoch)
        self._keys[trial] = key
        group = self._groups.get(key, {})
        if before:
            self._groups[key] = {trial: None} | group
        else:
            self._groups.setdefault(key, {})[trial] = None

    def remove(self, trial: int) -> None:
        """Takes a trial out; one that does not wait is taken no notice of."""
        key = self._keys.pop(trial, None)
        if key is None:
            return
        del self._groups[key][trial]
        if not self._groups[key]:
            del self._groups[key]

    def packed(self) -> Iterator[Assignment]:
        """All waiting trials, those that could go together in one assignment each."""
        for (signature, last_epoch), group in self._groups.items():
            yield Assignment(tuple(group), 0, last_epoch, signature)
