"""What can be read out of a journal beside the strategy's entries: plain frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from caviar.study.records import Assignment, Change, Measurement, Value


class Outcome(StrEnum):
    """How an attempt ended."""

    COMPLETE = "complete"
    FAILED = "failed"
    """The slice reported an error, or died at work: counts against the assignment."""
    LOST = "lost"
    """The slice claimed again without reporting, or vanished; counts against the assignment."""
    INTERRUPTED = "interrupted"
    """The driver was stopped or killed, or the slice's node was lost: nobody's fault."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a report; it acknowledges once the transaction around it is committed.

    Attributes:
        accepted: the measurements that are now the journal's, in the order given.
        refused: how many were not: their (trial, epoch) stands already, or the report is stale.
        stale: whether a later attempt, or the end of this one, came first; nothing was taken then.
    """

    accepted: tuple[Measurement, ...]
    refused: int
    stale: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of an assignment on a slice.

    Attributes:
        assignment: its number.
        attempt: from 1.
        slice_name: where.
        claimed_at: seconds since 1970.
        ended_at: seconds since 1970, or None while it runs.
        outcome: how it ended, or None while it runs.
        error: one line, if it failed.
        trained_epochs: lane-epochs it reported, the refused ones included.
    """

    assignment: int
    attempt: int
    slice_name: str
    claimed_at: float
    ended_at: float | None
    outcome: Outcome | None
    error: str | None
    trained_epochs: int


@dataclass(frozen=True, slots=True)
class OpenAssignment:
    """An assignment that is neither complete nor split.

    Attributes:
        id: its number.
        assignment: what was asked.
        parent: the assignment it was split from, or None.
        attempts: its tries so far, in order.
        unfinished: its trials that are short of `last_epoch` and came to no other end.
    """

    id: int
    assignment: Assignment
    parent: int | None
    attempts: tuple[Attempt, ...]
    unfinished: tuple[int, ...]

    @property
    def running(self) -> bool:
        """Whether a slice is at work on it, as far as the journal knows."""
        return bool(self.attempts) and self.attempts[-1].ended_at is None

    @property
    def faults(self) -> int:
        """How many of its attempts failed or were lost; interruptions are not counted."""
        return sum(a.outcome in (Outcome.FAILED, Outcome.LOST) for a in self.attempts)


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """A checkpoint file the journal vouches for.

    Attributes:
        trial: the trial's index.
        epoch: epochs trained in it.
        file: its name in the study's `checkpoints` directory.
        sha256: of its bytes, in hexadecimal.
        size: in bytes.
        recorded_at: seconds since 1970.
    """

    trial: int
    epoch: int
    file: str
    sha256: str
    size: int
    recorded_at: float


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the study: `driver_started`, `width_decided` and the like.

    Attributes:
        entry: its place in the order of everything committed.
        recorded_at: seconds since 1970.
        kind: what happened.
        detail: whatever belongs to it.
    """

    entry: int
    recorded_at: float
    kind: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked of a study while it may have been driven elsewhere.

    Attributes:
        number: from 1.
        change: what is asked for.
        requested_at: seconds since 1970.
        answered_at: seconds since 1970, or None while no driver has seen it.
        refusal: why it could not be done, or None.
    """

    number: int
    change: Change
    requested_at: float
    answered_at: float | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class TrialSummary:
    """A trial at a glance.

    Attributes:
        trial: the trial's index.
        hyperparameters: in a person's units.
        last: its latest measurement, without what was watched, or None.
        error: why it is given up, or None.
        running: whether a slice is at work on it.
    """

    trial: int
    hyperparameters: Mapping[str, Value]
    last: Measurement | None
    error: str | None
    running: bool

    @property
    def epochs(self) -> int:
        """Epochs committed."""
        return self.last.epoch if self.last else 0

    @property
    def why(self) -> str:
        """How it came to its end, if it was not the last rung: in words, else empty."""
        if self.error is not None:
            return self.error
        return self.last.reason if self.last else ""
