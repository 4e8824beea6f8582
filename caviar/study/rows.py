"""How the journal's rows and caviar's records turn into each other."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Final

from caviar.study.facts import Attempt, CheckpointRecord, Event, Outcome
from caviar.study.records import Assignment, Failure, Measurement, Purpose, Signature, Trial

TRIAL: Final = "trial, point, hyperparameters"
ASSIGNMENT: Final = "purpose, first_epoch, last_epoch, signature"
MEASUREMENT: Final = (
    "trial, epoch, train_loss, train_accuracy, dev_loss, dev_accuracy, elapsed_s, diverged"
)
FAILURE: Final = "trial, error"
ATTEMPT: Final = "assignment, attempt, slice, claimed_at, ended_at, outcome, error, trained_epochs"
CHECKPOINT: Final = "trial, epoch, file, sha256, bytes, recorded_at"
EVENT: Final = "entry, recorded_at, kind, detail"
"""Columns in the order of the records' fields."""

Row = Sequence[Any]


def trial(row: Row) -> Trial:
    """From the columns `TRIAL`."""
    return Trial(row[0], tuple(json.loads(row[1])), json.loads(row[2]))


def assignment(row: Row, trials: tuple[int, ...]) -> Assignment:
    """From the columns `ASSIGNMENT` and the assignment's lanes."""
    purpose, first, last, signature = row
    return Assignment(trials, first, last, Signature.parse(signature), Purpose(purpose))


def measurement(row: Row) -> Measurement:
    """From the columns `MEASUREMENT`; NULL is how SQLite keeps NaN."""
    values = list(row)
    if None in values:
        values = [math.nan if value is None else value for value in values]
    values[-1] = bool(values[-1])
    return Measurement(*values)


def failure(row: Row) -> Failure:
    """From the columns `FAILURE`."""
    return Failure(*row)


def attempt(row: Row) -> Attempt:
    """From the columns `ATTEMPT`."""
    number, try_, slice_name, claimed_at, ended_at, outcome, error, epochs = row
    ended = Outcome(outcome) if outcome else None
    return Attempt(number, try_, slice_name, claimed_at, ended_at, ended, error, epochs)


def checkpoint(row: Row) -> CheckpointRecord:
    """From the columns `CHECKPOINT`."""
    return CheckpointRecord(*row)


def event(row: Row) -> Event:
    """From the columns `EVENT`."""
    return Event(row[0], row[1], row[2], json.loads(row[3]))
