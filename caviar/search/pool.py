"""Trials drawn but not yet started: a little ahead, so that like ones can be packed together."""

from __future__ import annotations

from collections.abc import Iterator

from caviar.study.records import Signature


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

    def groups(self) -> Iterator[tuple[Signature, tuple[int, ...]]]:
        """Every signature that has waiting trials, with all of them."""
        return ((signature, tuple(group)) for signature, group in self._groups.items())
