"""Brackets: one ladder of rungs, or several that begin at later rungs (Hyperband, asynchronous).

Trials are compared within their ladder only. Which one a trial climbs follows from its index
(`caviar.study.ladders`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from caviar.search.successive_halving import Rank, Rung, SuccessiveHalving
from caviar.study import ladders


class Brackets:
    """The ladders of a study.

    Attributes:
        rungs: epochs at which trials are compared, those of the whole ladder, ascending.
        ladders: the first is the whole one; each next begins one rung later.
        reduction_factor: eta.
        shares: of all trials, those of each bracket.
    """

    def __init__(self, rungs: Sequence[int], reduction_factor: float, brackets: int = 1) -> None:
        """Makes empty ladders.

        Args:
            rungs: epochs, ascending; the last is `max_epochs`.
            reduction_factor: eta > 1, or 1 where nothing is decided.
            brackets: how many, at most as many as rungs.
        """
        self.rungs = tuple(rungs)
        self.reduction_factor = reduction_factor
        self.shares = ladders.shares(brackets, reduction_factor)
        self._ends = ladders.ends_of(brackets, reduction_factor)
        self._aside = SuccessiveHalving(self.rungs, reduction_factor)
        self._set_aside: set[int] = set()
        self.ladders = tuple(
            SuccessiveHalving(self.rungs[first:], reduction_factor) for first in range(brackets)
        )

    @property
    def top(self) -> int:
        """Epochs of the last rung."""
        return self.rungs[-1]

    def number(self, trial: int) -> int:
        """The bracket of a trial, from 0."""
        return ladders.bracket_of(trial, self._ends)

    def of(self, trial: int) -> SuccessiveHalving:
        """The ladder that a trial climbs."""
        return self._aside if trial in self._set_aside else self.ladders[self.number(trial)]

    def set_aside(self, trial: int) -> None:
        """A trial climbs the whole ladder beside the others: it takes and gives no place."""
        self._set_aside.add(trial)

    def rerank(self, epoch: int, judge: Callable[[Rank, int], Rank]) -> None:
        """Trials are judged anew at all rungs from `epoch` on (`SuccessiveHalving.rerank`)."""
        for ladder in self.ladders:
            for rung in ladder.rungs:
                if rung.epoch >= epoch:
                    ladder.rerank(rung.epoch, judge)

    def table(self) -> list[tuple[int, int, int]]:
        """Of each rung: its epoch, how many tried to reach it, how many went on from it.

        One ladder after the other (`caviar.study.ladders.numbers`).
        """
        return [
            (rung.epoch, rung.reached, rung.promoted)
            for ladder in self.ladders
            for rung in ladder.rungs
        ]

    @property
    def finishers(self) -> int:
        """How many came to the last rung, or were stopped on the way there."""
        return sum(ladder.finishers for ladder in self.ladders)

    @property
    def promotable_count(self) -> int:
        """How many paused trials may go on now, over all rungs."""
        return sum(ladder.promotable_count for ladder in self.ladders)

    def promotable(self, limit: int) -> Iterator[list[int]]:
        """Trials that may go on now, those of the highest rungs first, in a list for each.

        Args:
            limit: most of a rung.
        """
        for place in range(1, len(self.rungs)):
            found = [
                trial
                for ladder in self.ladders
                if place < len(ladder.rungs)
                for trial in ladder.promotable(ladder.rungs[-1 - place], limit)
            ]
            if found:
                yield found

    def paused(self) -> Iterator[Rung]:
        """The rungs below the last at which some trial waits that could go on."""
        for ladder in self.ladders:
            for rung in ladder.rungs[:-1]:
                if rung.paused:
                    yield rung

    def owed(self) -> tuple[int, int, int] | None:
        """What is left to do when nothing runs and nothing is promotable.

        As of one ladder (`SuccessiveHalving.late`), the lowest rung of all first; and if no trial
        of any bracket came to the last rung, the best one of the highest rung goes there at once.

        Returns:
            The trial, the epochs it has and the epochs it goes to, or None.
        """
        late = [found for ladder in self.ladders if (found := ladder.late()) is not None]
        if late:
            return min(late, key=lambda found: found[1])
        if self.finishers:
            return None
        nearest = min(self.paused(), key=lambda rung: (-rung.epoch, rung.paused[0]), default=None)
        return None if nearest is None else (nearest.paused[0][2], nearest.epoch, self.top)
