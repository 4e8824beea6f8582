"""Auto: a panda or caviar, chosen from what the resources afford.

The lectures' question is whether there are the means to train many models at once. It begins as
caviar does, one trial a slice, measures how long an epoch takes, and counts how many trials the
budget affords. Too few for a search, and the best of these first trials is raised as a panda. Where
a budget of trial-epochs leaves no doubt it is chosen at once. The choice is a change in the
journal, so a later run, on other slices, keeps to it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from caviar.search.strategy import Strategy
from caviar.study.records import (
    Assignment,
    Change,
    ChangeKind,
    Entry,
    Failure,
    Measurement,
    Round,
    Signature,
    Trial,
    TrialState,
)
from caviar.study.wording import duration

NO_BUDGET_HOURS: Final = 24.0
"""What a person is supposed to wait who gives no budget of time."""


@dataclass(frozen=True)
class Means:
    """What there is to search with.

    Attributes:
        slices: how many share the work.
        hours: of the clock; None: no budget of it.
        slice_hours: of slices at work; None: no budget of it.
        trial_epochs: of all trials together; None: no budget of it.
        trial_cost: epochs that a trial of a search takes on average, the promoted ones included.
        least: trials below which it is no search.
    """

    slices: int
    hours: float | None
    slice_hours: float | None
    trial_epochs: int | None
    trial_cost: float
    least: int

    def choose(self, epoch_s: float | None) -> Change | None:
        """The choice, as a change for the journal; None while it is in doubt.

        Args:
            epoch_s: seconds an epoch of one trial takes; None: not measured yet.
        """
        timed = self.hours is not None or self.slice_hours is not None
        affordable = self._by_epochs()
        if affordable is not None and (affordable < self.least or not timed):
            return self._told(affordable, f"a budget of {self.trial_epochs:,} trial-epochs affords")
        if epoch_s is None:
            return None
        seconds = self._slice_seconds()
        by_time = seconds / epoch_s / self.trial_cost if epoch_s > 0 else float("inf")
        affordable = by_time if affordable is None else min(affordable, by_time)
        given = "" if timed else " (no budget is given)"
        plural = "s" * (self.slices != 1)
        time = f"{duration(seconds / self.slices)}{given} on {self.slices} slice{plural}"
        return self._told(affordable, f"{time} at {epoch_s:.2g} s an epoch afford")

    def _by_epochs(self) -> float | None:
        return None if self.trial_epochs is None else self.trial_epochs / self.trial_cost

    def _slice_seconds(self) -> float:
        """Seconds of slices at work that the budget leaves."""
        hours = self.hours * self.slices if self.hours is not None else None
        known = [found for found in (hours, self.slice_hours) if found is not None]
        return min(known, default=NO_BUDGET_HOURS * self.slices) * 3600

    def _told(self, affordable: float, why: str) -> Change:
        few = affordable < self.least
        count = f"{math.floor(affordable):,}" if affordable < 1e6 else "over a million"
        told = f"{why} {count} trials, and a search needs {self.least}"
        name = "panda" if few else "caviar"
        detail = {"strategy": name, "pandas": self.slices if few else 0, "why": f"{name}: {told}"}
        return Change(ChangeKind.CHOOSE, detail)


class AutoStrategy:
    """Caviar until it is chosen, then what was chosen (`caviar.search.strategy.Strategy`)."""

    def __init__(
        self,
        caviar: Callable[[bool], Strategy],
        panda: Callable[[int], Strategy],
        means: Means,
    ) -> None:
        """Makes a fresh strategy.

        Args:
            caviar: makes the caviar strategy; True: one that goes trial by trial, to measure.
            panda: makes the panda strategy, from how many pandas there are to be.
            means: what there is to search with.
        """
        self._caviar = caviar
        self._panda = panda
        self._means = means
        self._inner = caviar(True)
        self._sharing = means.slices
        self._chosen: Change | None = None
        self._entries: list[Entry] = []
        self._news: list[Trial | Round | Change] = []
        self._epochs_s: list[float] = []

    @property
    def chosen(self) -> str:
        """What was chosen and why, in words; or ""."""
        return str(self._chosen.detail["why"]) if self._chosen is not None else ""

    @property
    def trials(self) -> Sequence[Trial]:
        """Every trial drawn so far, by index."""
        return self._inner.trials

    def news(self) -> Sequence[Trial | Round | Change]:
        """What was decided since this was last asked, in order."""
        news, self._news = self._news, []
        return news

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing could start any more."""
        return self._inner.finished

    @property
    def ending(self) -> str:
        """Why it ends, or waits, before its work is done, in words; or ""."""
        return self._inner.ending

    @property
    def wanted(self) -> int:
        """How many trials there are to be, those not drawn yet included."""
        return self._inner.wanted

    @property
    def best(self) -> Measurement | None:
        """The best measurement so far, if there is one."""
        return self._inner.best

    @property
    def bests(self) -> Sequence[Measurement | None]:
        """Of each trial its best measurement, by index."""
        return self._inner.bests

    @property
    def most_lane_epochs(self) -> int:
        """An upper bound of the lane-epochs still to come."""
        return self._inner.most_lane_epochs

    @property
    def likely_lane_epochs(self) -> int:
        """The lane-epochs that are most likely still to come."""
        return self._inner.likely_lane_epochs

    def state(self, trial: int) -> TrialState:
        """Where a trial stands."""
        return self._inner.state(trial)

    def rung_table(self) -> list[tuple[int, int, int]]:
        """Of each rung: its epoch, how many tried to reach it, how many went on from it."""
        return self._inner.rung_table()

    def shared_by(self, slices: int) -> None:
        """From now on so many slices share the work, whatever is chosen."""
        self._sharing = slices
        self._inner.shared_by(slices)

    def next_assignment(
        self, warm: Collection[Signature] = (), attended: Collection[Signature] = ()
    ) -> Assignment | None:
        """What a free slice should do now; it may be chosen by this."""
        if self._chosen is None and not self._inner.ending:
            median = statistics.median(self._epochs_s) if self._epochs_s else None
            choice = self._means.choose(median)
            if choice is not None:
                self._news.append(choice)
                self.change(choice)
        assignment = self._inner.next_assignment(warm, attended)
        news = self._inner.news()
        self._news += news
        self._keep(*news, *([assignment] if assignment is not None else []))
        return assignment

    def observe(self, measurements: Iterable[Measurement]) -> None:
        """Takes committed measurements, in commit order."""
        found = list(measurements)
        self._keep(*found)
        self._inner.observe(found)

    def fail(self, trial: int, *, stopped: bool = False) -> None:
        """Takes note that a trial is given up, or was stopped."""
        self._keep(Failure(trial, "", stopped))
        self._inner.fail(trial, stopped=stopped)

    def refusal(self, change: Change) -> str | None:
        """Why a change cannot be made, in one line, or None; nothing happens."""
        return self._inner.refusal(change)

    def change(self, change: Change) -> None:
        """Takes a change that was journalled; its own choice among them."""
        if change.kind is not ChangeKind.CHOOSE:
            self._keep(change)
            self._inner.change(change)
            return
        if change.detail["strategy"] == "panda":
            self._inner = self._panda(int(change.detail["pandas"]))
        else:
            self._inner = self._caviar(False)
        self._inner.replay(self._entries)
        self._chosen, self._entries = change, []

    def expected_lane_epochs(self, signature: Signature) -> int:
        """An upper bound of the lane-epochs still to come for trials of `signature`."""
        return self._inner.expected_lane_epochs(signature)

    def replay(self, entries: Iterable[Entry]) -> None:
        """Rebuilds a fresh strategy from the journal's entries, in commit order."""
        for entry in entries:
            if isinstance(entry, Change):
                self.change(entry)
                continue
            self._keep(entry)
            self._inner.replay([entry])

    def _keep(self, *entries: Entry) -> None:
        """Remembers what whoever is chosen must be told."""
        if self._chosen is not None:
            return
        self._entries += entries
        self._epochs_s += [e.elapsed_s for e in entries if isinstance(e, Measurement)]
