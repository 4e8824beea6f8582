"""How the journal's rows and caviar's records turn into each other."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from caviar.study import details
from caviar.study.facts import Attempt, CheckpointRecord, Event, Outcome, Request
from caviar.study.records import (
    Assignment,
    Change,
    ChangeKind,
    Failure,
    Measurement,
    Purpose,
    Round,
    Settled,
    Signature,
    Trial,
    Watch,
)
from caviar.study.shapes import MisfitError, misfit

TRIAL: Final = "trial, point, hyperparameters, origin, why, draw, parent_trial, parent_epoch"
ASSIGNMENT: Final = "purpose, first_epoch, last_epoch, signature"
MEASUREMENT: Final = (
    "trial, epoch, train_loss, train_accuracy, dev_loss, dev_accuracy, elapsed_s, diverged"
    ", stopped, reason"
)
WATCHED: Final = f"{MEASUREMENT}, watch"
FAILURE: Final = "trial, error, stopped"
ATTEMPT: Final = "assignment, attempt, slice, claimed_at, ended_at, outcome, error, trained_epochs"
CHECKPOINT: Final = "trial, epoch, file, sha256, bytes, recorded_at"
EVENT: Final = "entry, recorded_at, kind, detail"
REQUEST: Final = "request, kind, detail, requested_at, answered_at, refusal"
"""Columns in the order of the records' fields."""

ROUND: Final = "round"
CHANGE: Final = "change"
"""Kinds of the events that are decisions."""
STORAGE: Final = "storage_used"
"""The kind of the event that says where checkpoints are carried to."""

_EVIDENCE: Final = {"precision?": str}
_NUMBERS: Final = slice(2, 7)
"""Where `MEASUREMENT` has numbers that may be NaN."""

Row = Sequence[Any]


def trial(row: Row) -> Trial:
    """From the columns `TRIAL`."""
    index, point, hyperparameters, origin, why, draw, *parent = row
    known = None if parent[0] is None else (parent[0], parent[1])
    values = json.loads(hyperparameters)
    details.check_values(values, index)
    return Trial(index, details.point(point, index), values, origin, why, draw, known)


def assignment(row: Row, trials: tuple[int, ...]) -> Assignment:
    """From the columns `ASSIGNMENT` and the assignment's lanes."""
    purpose, first, last, signature = row
    return Assignment(trials, first, last, Signature.parse(signature), Purpose(purpose))


_ADDED: Final = {
    2: {"stopped": "0", "reason": "''", "watch": "NULL"},
    3: {
        "origin": "''",
        "why": "''",
        "draw": "trial",
        "parent_trial": "NULL",
        "parent_epoch": "NULL",
    },
}
"""By version, the columns that came with it, and what an older journal has in their place."""


def columns(wanted: str, version: int) -> str:
    """Columns as a journal of an older version has them.

    Args:
        wanted: `TRIAL`, `FAILURE`, `MEASUREMENT` or `WATCHED`.
        version: of the journal.
    """
    missing = {
        name: given for v, added in _ADDED.items() if v > version for name, given in added.items()
    }
    if wanted == FAILURE and version < 3:
        missing["stopped"] = "0"
    return ", ".join(missing.get(name, name) for name in wanted.split(", "))


def measurement(row: Row) -> Measurement:
    """From the columns `MEASUREMENT` or `WATCHED`; NULL is how SQLite keeps NaN."""
    values = list(row)
    if None in values[_NUMBERS]:
        values[_NUMBERS] = [math.nan if value is None else value for value in values[_NUMBERS]]
    values[7], values[8] = bool(values[7]), bool(values[8])
    if len(values) > 10:
        values[10] = watch(values[10])
    return Measurement(*values)


def watch(text: str | None) -> Watch | None:
    """The inverse of `watch_text`."""
    if text is None:
        return None
    return Watch(*(tuple(map(_number, numbers)) for numbers in json.loads(text)))


def watch_text(watch: Watch | None) -> str | None:
    """What was watched, in few bytes: `[gradient norms, weight norms, idle shares]` as JSON.

    Numbers are kept to 4 significant digits, which is more than the eye needs; NaN is null, and an
    infinity a string, since JSON has neither.
    """
    if watch is None:
        return None
    parts = (watch.gradient_norm, watch.weight_norm, watch.idle)
    return f"[{','.join(map(_list, parts))}]"


def _list(numbers: Sequence[float]) -> str:
    return f"[{','.join(map(_text, numbers))}]"


def _text(number: float) -> str:
    if math.isfinite(number):
        return f"{number:.4g}"
    return "null" if math.isnan(number) else f'"{number}"'


def _number(kept: float | str | None) -> float:
    return math.nan if kept is None else float(kept)


def failure(row: Row) -> Failure:
    """From the columns `FAILURE`."""
    return Failure(row[0], row[1], bool(row[2]))


def attempt(row: Row) -> Attempt:
    """From the columns `ATTEMPT`."""
    number, try_, slice_name, claimed_at, ended_at, outcome, error, epochs = row
    ended = Outcome(outcome) if outcome else None
    return Attempt(number, try_, slice_name, claimed_at, ended_at, ended, error, epochs)


def checkpoint(row: Row) -> CheckpointRecord:
    """From the columns `CHECKPOINT`."""
    return CheckpointRecord(*row)


def settled(signature: Signature, width: int, evidence: Mapping[str, Any]) -> Settled:
    """A signature's width, and the precision that "auto" came to; else the signature's own."""
    measured = evidence.get("precision", "float32")
    return Settled(width, measured if signature.precision == "auto" else signature.precision)


def width(row: Row) -> tuple[Signature, Settled]:
    """From a signature's text, its width and the evidence as JSON."""
    text, lanes, told = row
    signature = Signature.parse(text)
    return signature, settled(signature, lanes, details.read(told, _EVIDENCE, f"width of {text}"))


def event(row: Row) -> Event:
    """From the columns `EVENT`."""
    entry, recorded_at, kind, text = row
    detail = details.read(text, details.EVENTS.get(kind, {}), f"entry {entry}, {kind}")
    if kind == CHANGE:
        _check_change(detail["kind"], detail["detail"], f"entry {entry}, {kind}")
    return Event(entry, recorded_at, kind, detail)


def request(row: Row) -> Request:
    """From the columns `REQUEST`."""
    number, kind, text, *times = row
    detail = details.read(text, {}, f"request {number}, {kind}")
    _check_change(kind, detail, f"request {number}, {kind}")
    return Request(number, Change(ChangeKind(kind), detail), *times)


def _check_change(kind: str, detail: Mapping[str, Any], what: str) -> None:
    if kind not in details.CHANGES:
        raise MisfitError(f"{what}: is no change that this caviar knows")
    wrong = misfit(detail, details.CHANGES[kind])
    if wrong:
        raise MisfitError(f"{what}: {wrong}")


def entry_of(event: Event) -> Round | Change:
    """A decision that is kept as an event of the kind "round" or "change"; see `detail_of`."""
    detail = event.detail
    if event.kind == CHANGE:
        return Change(ChangeKind(detail["kind"]), detail["detail"])
    return Round(
        number=detail["number"],
        bounds=tuple((low, high) for low, high in detail["bounds"]),
        box=tuple((low, high) for low, high in detail["box"]),
        cells=tuple(map(tuple, detail["cells"])),
        stands_on=detail["stands_on"],
        elites=tuple(detail["elites"]),
        whys=tuple(detail["whys"]),
        why=detail["why"],
    )


def detail_of(entry: Round | Change) -> tuple[str, Mapping[str, Any]]:
    """The event, kind and detail, as which a decision is kept."""
    if isinstance(entry, Change):
        return CHANGE, {"kind": str(entry.kind), "detail": dict(entry.detail)}
    return ROUND, asdict(entry)
