"""What a strategy is: it decides the next assignment from what was observed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from caviar.study.records import (
    Assignment,
    Change,
    Entry,
    Measurement,
    Round,
    Signature,
    Trial,
    TrialState,
)


class Strategy(Protocol):
    """Decides what is trained next. Pure: no clock, no files, no randomness but the study's seed.

    The broker journals what it returns before anyone acts on it, and rebuilds it with `replay`.
    """

    @property
    def trials(self) -> Sequence[Trial]:
        """Every trial drawn so far, by index."""
        ...

    def news(self) -> Sequence[Trial | Round | Change]:
        """What was decided since this was last asked, in order: the broker journals it first.

        What `replay` and `change` brought is none of it.
        """
        ...

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing could start any more."""
        ...

    @property
    def ending(self) -> str:
        """Why it ends, or waits, before its work is done (a budget, a person), in words; or ""."""
        ...

    @property
    def wanted(self) -> int:
        """How many trials there are to be, those not drawn yet included."""
        ...

    @property
    def best(self) -> Measurement | None:
        """The best measurement where a trial paused or completed, if there is one."""
        ...

    @property
    def bests(self) -> Sequence[Measurement | None]:
        """Of each trial the best of its measurements where it has a checkpoint, by index.

        Also of those that diverged later: `caviar.search.bests` tells whose count.
        """
        ...

    @property
    def most_lane_epochs(self) -> int:
        """An upper bound of the lane-epochs still to come."""
        ...

    @property
    def likely_lane_epochs(self) -> int:
        """The lane-epochs that are most likely still to come."""
        ...

    def state(self, trial: int) -> TrialState:
        """Where a trial stands."""
        ...

    def rung_table(self) -> list[tuple[int, int, int]]:
        """Of each rung: its epoch, how many tried to reach it, how many went on from it."""
        ...

    def shared_by(self, slices: int) -> None:
        """From now on so many slices share the work; how it is packed changes, and no result."""
        ...

    def next_assignment(
        self, warm: Collection[Signature] = (), attended: Collection[Signature] = ()
    ) -> Assignment | None:
        """What a free slice should do now, or None while it can only wait.

        Args:
            warm: signatures whose compiled step the asking slice has ready; preferred.
            attended: those that other slices have ready or are about to; little work of theirs
                may be left to them.
        """
        ...

    def observe(self, measurements: Iterable[Measurement]) -> None:
        """Takes committed measurements, in commit order."""
        ...

    def fail(self, trial: int, *, stopped: bool = False) -> None:
        """Takes note that a trial is given up and ranks below every other, or was `stopped`."""
        ...

    def refusal(self, change: Change) -> str | None:
        """Why a change cannot be made, in one line, or None; nothing happens."""
        ...

    def change(self, change: Change) -> None:
        """Takes a change that was journalled."""
        ...

    def expected_lane_epochs(self, signature: Signature) -> int:
        """An upper bound of the lane-epochs still to come for trials of `signature`."""
        ...

    def replay(self, entries: Iterable[Entry]) -> None:
        """Rebuilds a fresh strategy from the journal's entries, in commit order."""
        ...
