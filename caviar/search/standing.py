"""How a study stands, told from its journal alone: states, rungs and the best trial.

The strategy need not be at hand, so a finished study, or one whose driver runs elsewhere, can be
shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from caviar.search.history import History
from caviar.study import ladders
from caviar.study.records import (
    Assignment,
    Entry,
    Failure,
    Measurement,
    Signature,
    Trial,
    TrialState,
)

_ANY: Final = Signature((), 1, "any")
"""Nothing shown here depends on a signature."""


@dataclass(frozen=True, slots=True)
class RungStanding:
    """One rung.

    Attributes:
        epoch: epochs a trial has behind it here.
        reached: trials that tried to reach it, those that came to their end on the way included.
        promoted: trials that went on from it, completion runs included.
        bracket: whose ladder's, from 1.
    """

    epoch: int
    reached: int
    promoted: int
    bracket: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """How a study stands.

    Attributes:
        states: of each trial, by index.
        rungs: lowest first; those of several brackets one ladder after the other.
        best: the best measurement where a trial paused, completed or stopped, None if there is
            none.
        noise: differences of the metric below it are luck, where the best was measured; 0 if
            nothing is known of it.
        bests: of each trial the best of its measurements where it has a checkpoint.
    """

    states: tuple[TrialState, ...]
    rungs: tuple[RungStanding, ...]
    best: Measurement | None
    noise: float = 0.0
    bests: tuple[Measurement | None, ...] = ()


def standing_of(
    entries: Iterable[Entry],
    rungs: Sequence[int],
    metric: str,
    running: Collection[int] | None = None,
    *,
    reduction_factor: float = 3,
    brackets: int = 1,
    noise: float = 0.0,
) -> Standing:
    """Derives the standing from the journal's entries.

    Args:
        entries: in commit order.
        rungs: epochs at which trials are compared, ascending.
        metric: "dev_accuracy", "dev_loss" or "train_loss".
        running: trials some slice is at work on. Of others that were started and came to no end
            the entries cannot tell: they are shown as paused, or waiting if they never trained.
            None takes all of them for running.
        reduction_factor: eta; it tells the brackets of the trials.
        brackets: how many.
        noise: what a person gave.
    """
    history = History(rungs, reduction_factor, metric, brackets, noise)
    for entry in entries:
        _take(history, entry)
    ledger = history.ledger
    if running is not None:
        for trial in ledger.running - set(running):
            ledger.pause(trial)
    states = tuple(history.state(trial) for trial in range(len(ledger.trials)))
    rows = history.rung_table()
    places = ladders.numbers([epoch for epoch, _, _ in rows])
    table = tuple(RungStanding(*row, place) for row, place in zip(rows, places, strict=True))
    bests = tuple(course.best for course in ledger.courses)
    return Standing(states, table, history.best, history.noise_in_force, bests)


def _take(history: History, entry: Entry) -> None:
    match entry:
        case Trial():
            history.admit(entry, _ANY)
        case Assignment():
            history.start(entry)
        case Measurement():
            history.observe(entry)
        case Failure():
            history.fail(entry.trial, stopped=entry.stopped)
