"""The last trial-epochs of a budget: what they still allow, and what they go to.

Enough is kept to bring the best trial to the last rung; nothing begins or goes on that could not be
brought there as well; and what is left over takes the best one as far as it reaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple

from caviar.search.budget import Spending
from caviar.search.history import History
from caviar.search.successive_halving import merit_of
from caviar.study.records import Assignment, Purpose

SCANNED: Final = 64
"""Trials between two rungs that are looked at; there are many only after a change of the rungs."""


class Contender(NamedTuple):
    """A trial that could be trained longer.

    Attributes:
        merit: what it is compared by (`merit_of`), lower is better.
        trial: its index.
        missing: epochs it still needs to the last rung, beyond those it is running for.
        running: whether it is being trained.
    """

    merit: tuple[float, int, float, int]
    trial: int
    missing: int
    running: bool


class Endgame:
    """Keeps a strategy within its budget of trial-epochs; asked only where there is one."""

    def __init__(self, history: History, spending: Spending, metric: str) -> None:
        """Watches what `history` and `spending` are told."""
        self._history = history
        self._spending = spending
        self._metric = metric

    @property
    def room(self) -> int:
        """How many new trials may begin while any of them could be brought to the last rung."""
        _, reserved = self._favourite()
        beyond = self._free - reserved - self._whole
        # Where the first rung is in question, some that wait are trained to the second at once.
        first = self._history.brackets.rungs[0 if self._history.trust is None else 1]
        return int(beyond // first) + 1 if beyond >= 0 else 0

    def within(self, groups: Iterable[Assignment]) -> list[Assignment]:
        """Groups of trials that could start, cut down to what is left."""
        spare, whole, found = self._free - self._favourite()[1], self._whole, []
        for group in groups:
            epochs = group.last_epoch - group.first_epoch
            if max(epochs, whole - group.first_epoch) <= spare:
                lanes = int(spare // epochs)
                found.append(replace(group, trials=group.trials[:lanes]))
        return found

    def last_steps(self) -> Assignment | None:
        """The best waiting trial, as far towards the last rung as what is left takes it.

        None while one runs that is done sooner: it may turn out better.
        """
        waiting = (one for one in self._contenders() if not one.running)
        chosen = min(waiting, default=None)
        if chosen is None or self._history.ledger.soonest < chosen.missing:
            return None
        favourite, reserved = self._favourite()
        left = int(self._free - (0 if chosen.trial == favourite else reserved))
        if left < 1:
            return None
        course = self._history.ledger.courses[chosen.trial]
        last_epoch = min(self._history.brackets.top, course.epoch + left)
        trials, purpose = (chosen.trial,), Purpose.COMPLETION
        return Assignment(trials, course.epoch, last_epoch, course.signature, purpose)

    @property
    def _whole(self) -> float:
        """Epochs of a whole training; all there are if the budget is less than that."""
        return min(self._history.brackets.top, self._spending.total)

    @property
    def _free(self) -> float:
        return self._spending.free(self._history.ledger)

    def _favourite(self) -> tuple[int | None, int]:
        """The best of all trials if it is not yet trained to the end, and what it still needs."""
        best, found = self._history.best, min(self._contenders(), default=None)
        if best is None or found is None:
            return None, 0
        is_best = best.trial == found.trial or not self._history.brackets.finishers
        return (found.trial, found.missing) if is_best else (None, 0)

    def _contenders(self) -> Iterator[Contender]:
        """The best of each rung, and who is between rungs or runs and has a checkpoint."""
        ledger, top = self._history.ledger, self._history.brackets.top
        waiting = [rung.paused[0][2] for rung in self._history.brackets.paused()]
        interrupted = islice(self._history.interrupted, SCANNED)
        for trial in (*waiting, *interrupted, *ledger.running):
            course = ledger.courses[trial]
            if course.best is not None:
                behind = course.epoch if course.target is None else course.target
                merit = merit_of(course.best, self._metric)
                running = course.target is not None
                yield Contender(merit, trial, max(0, top - behind), running)
