"""A journal is looked through when it is opened: whatever its rows say is then possible.

caviar writes nothing that these rules refuse, so what breaks one was edited or is damaged, and no
reader need guard itself against it. The rules are few statements that SQLite answers by itself: at
10,000 trials they take a tenth of a second. What JSON holds is looked at when it is read
(`caviar.study.details`).
"""

# The SQL here is put together from the names below; nothing in it is a person's.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from caviar.errors import StudyError
from caviar.study.database import DAMAGED, Database
from caviar.study.spec import StudySpec
from caviar.study.wording import one_line, show


class _Kind(NamedTuple):
    """What a column may hold: the condition in SQL, `{}` standing for it, and in words."""

    holds: str
    words: str


_LATEST: Final = 1e11
"""Seconds since 1970: dates end with the year 9999."""
_ROUNDING: Final = 1e-6
"""That a share in float32 may be off by."""

_NUMBER: Final = "typeof({}) IN ('real', 'integer')"
_WHOLE: Final = _Kind("typeof({}) = 'integer' AND {} >= 0", "a whole number from 0")
_TEXT: Final = _Kind("typeof({}) = 'text'", "a text")
_TRUTH: Final = _Kind("typeof({}) = 'integer' AND {} IN (0, 1)", "0 or 1")
_WHEN: Final = _Kind(f"{_NUMBER} AND {{}} BETWEEN 0 AND {_LATEST}", "seconds since 1970")
_LOSS: Final = _Kind(f"{{}} IS NULL OR {_NUMBER}", "a number")
_SHARE: Final = _Kind(
    f"{{}} IS NULL OR {_NUMBER} AND ({{}} BETWEEN 0 AND 1 + {_ROUNDING} OR abs({{}}) = 9e999)",
    "from 0 to 1",
)


def _json(kind: str, words: str) -> _Kind:
    return _Kind(f"CASE WHEN json_valid({{}}) THEN json_type({{}}) = '{kind}' ELSE 0 END", words)


def _maybe(kind: _Kind) -> _Kind:
    return _Kind(f"{{}} IS NULL OR {kind.holds}", f"{kind.words} or nothing")


_OBJECT: Final = _json("object", "a JSON table")
_LIST: Final = _json("array", "a JSON list")

COLUMNS: Final[dict[str, dict[str, _Kind]]] = {
    "meta": {"spec": _TEXT, "fingerprint": _TEXT, "created_at": _WHEN},
    "trials": {
        "entry": _WHOLE,
        "trial": _WHOLE,
        "point": _LIST,
        "hyperparameters": _OBJECT,
        "recorded_at": _WHEN,
        "origin": _TEXT,
        "why": _TEXT,
        "draw": _maybe(_WHOLE),
        "parent_trial": _maybe(_WHOLE),
        "parent_epoch": _maybe(_WHOLE),
    },
    "assignments": {
        "assignment": _WHOLE,
        "entry": _WHOLE,
        "parent": _maybe(_WHOLE),
        "purpose": _TEXT,
        "first_epoch": _WHOLE,
        "last_epoch": _WHOLE,
        "signature": _TEXT,
        "issued_at": _WHEN,
        "closed_at": _maybe(_WHEN),
    },
    "lanes": {"assignment": _WHOLE, "lane": _WHOLE, "trial": _WHOLE},
    "attempts": {
        "assignment": _WHOLE,
        "attempt": _WHOLE,
        "slice": _TEXT,
        "claimed_at": _WHEN,
        "ended_at": _maybe(_WHEN),
        "outcome": _maybe(_TEXT),
        "error": _maybe(_TEXT),
        "trained_epochs": _WHOLE,
    },
    "measurements": {
        "entry": _WHOLE,
        "trial": _WHOLE,
        "epoch": _WHOLE,
        "train_loss": _LOSS,
        "train_accuracy": _SHARE,
        "dev_loss": _LOSS,
        "dev_accuracy": _SHARE,
        "elapsed_s": _LOSS,
        "diverged": _TRUTH,
        "assignment": _WHOLE,
        "attempt": _WHOLE,
        "recorded_at": _WHEN,
        "stopped": _TRUTH,
        "reason": _TEXT,
        "watch": _maybe(_TEXT),
    },
    "failures": {
        "entry": _WHOLE,
        "trial": _WHOLE,
        "error": _TEXT,
        "recorded_at": _WHEN,
        "stopped": _TRUTH,
    },
    "checkpoints": {
        "trial": _WHOLE,
        "epoch": _WHOLE,
        "file": _TEXT,
        "sha256": _TEXT,
        "bytes": _WHOLE,
        "recorded_at": _WHEN,
    },
    "widths": {"signature": _TEXT, "width": _WHOLE, "evidence": _TEXT, "recorded_at": _WHEN},
    "events": {"entry": _WHOLE, "recorded_at": _WHEN, "kind": _TEXT, "detail": _TEXT},
    "requests": {
        "request": _WHOLE,
        "kind": _TEXT,
        "detail": _TEXT,
        "requested_at": _WHEN,
        "answered_at": _maybe(_WHEN),
        "refusal": _maybe(_TEXT),
    },
    "lease": {
        "token": _WHOLE,
        "host": _TEXT,
        "boot_id": _TEXT,
        "driver_pid": _WHOLE,
        "driver_started_s": _Kind(_NUMBER, "a number"),
        "broker_pid": _WHOLE,
        "acquired_at": _WHEN,
        "renewed_at": _WHEN,
        "released_at": _maybe(_WHEN),
    },
}
"""Every column and what it may hold."""

_LATER: Final[dict[int, dict[str, tuple[str, ...]]]] = {
    2: {"measurements": ("stopped", "reason", "watch")},
    3: {
        "trials": ("origin", "why", "draw", "parent_trial", "parent_epoch"),
        "failures": ("stopped",),
        "requests": tuple(COLUMNS["requests"]),
    },
}
"""By version, the columns that came with it."""

_ROWS: Final = {
    "trials": ("trial",),
    "assignments": ("assignment",),
    "lanes": ("assignment", "lane"),
    "attempts": ("assignment", "attempt"),
    "measurements": ("trial", "epoch"),
    "failures": ("trial",),
    "checkpoints": ("trial", "epoch"),
    "widths": ("signature",),
    "events": ("entry",),
    "requests": ("request",),
}
"""What a row of a table is called by."""

_THINGS: Final = ("unfinished", "measurements_by_trial", "assignments_open", "attempts_running")
"""What the statements of `caviar.study.reads` name besides tables."""

_RELATIONS: Final = (
    (
        "SELECT max(trial) FROM trials HAVING max(trial) + 1 != count(*)",
        "of the trials 0 to {} some are missing",
    ),
    (
        "SELECT trial, m.epoch, first_epoch, last_epoch FROM measurements m"
        " JOIN assignments USING (assignment)"
        " WHERE m.epoch <= first_epoch OR m.epoch > last_epoch",
        "trial {} has a measurement of epoch {}, and was asked for those after {} to {}",
    ),
    (
        "SELECT trial, assignment FROM measurements m WHERE NOT EXISTS (SELECT 1 FROM lanes l"
        " WHERE l.assignment = m.assignment AND l.trial = m.trial)",
        "trial {} has a measurement of assignment {}, which was not its own",
    ),
    (
        "SELECT trial, epoch FROM measurements m JOIN trials t USING (trial)"
        " JOIN assignments a USING (assignment) WHERE m.entry < t.entry OR m.entry < a.entry",
        "trial {} was measured after epoch {} before it was taken up",
    ),
    (
        "SELECT trial, assignment FROM lanes JOIN assignments a USING (assignment)"
        " JOIN trials t USING (trial) WHERE a.entry < t.entry",
        "trial {} has a lane in assignment {}, which is older",
    ),
    (
        "SELECT trial, max(epoch) - min(epoch) + 1 - count(*) AS lost FROM measurements"
        " INDEXED BY measurements_by_trial GROUP BY trial HAVING lost != 0",
        "trial {} lacks {} of its measurements",
    ),
    (
        "SELECT min(json_array_length(point)) AS least, max(json_array_length(point)) AS most"
        " FROM trials HAVING least != most",
        "points have {} coordinates and {}",
    ),
    (
        "SELECT assignment FROM assignments WHERE NOT EXISTS (SELECT 1 FROM lanes"
        " WHERE lanes.assignment = assignments.assignment)",
        "assignment {} has no trials",
    ),
)
"""What is false of a whole journal: a statement that finds it, and what to say of its first row."""

_OF_ENDS: Final = (
    "SELECT m.trial, m.epoch FROM measurements m JOIN measurements l"
    " ON l.trial = m.trial AND l.epoch > m.epoch WHERE m.diverged OR m.stopped",
    "trial {} ended after epoch {}, and has later measurements",
)
_OF_PARENTS: Final = (
    "SELECT t.trial, min(epoch), ifnull(parent_epoch, 0) FROM trials t"
    " JOIN measurements m USING (trial) GROUP BY t.trial"
    " HAVING min(epoch) != ifnull(parent_epoch, 0) + 1",
    "trial {} is measured from epoch {} on, and begins after epoch {}",
)
_OF_AGES: Final = (
    "SELECT trial, parent_trial FROM trials WHERE parent_trial >= trial"
    " OR (parent_trial IS NULL) != (parent_epoch IS NULL)",
    "trial {} cannot go on from trial {}",
)


def inspect(database: Database) -> None:
    """Looks a journal through.

    Raises:
        StudyError: it lacks something, holds what cannot be, or contradicts itself; the line names
            the first such thing.
    """
    with database.snapshot():
        for wrong in _wrong(database):
            raise StudyError(f"{database.path}: {DAMAGED}: {one_line(wrong)}")
        (spec,) = database.row("SELECT spec FROM meta")
    StudySpec.from_journal(spec, f"{database.path}: {DAMAGED}")


def _wrong(database: Database) -> Iterator[str]:
    """All that is wrong, the plainest first; later statements trust what earlier ones found."""
    yield from _lacking(database)
    for (found,) in database.rows("PRAGMA integrity_check(1)"):
        if found != "ok":
            yield str(found)
    for table in _tables(database.version):
        yield from _wrong_values(database, table)
    if len(database.rows("SELECT 1 FROM meta")) != 1:
        yield "it does not say what study it is of"
    later = {2: (_OF_ENDS,), 3: (_OF_AGES, _OF_PARENTS)}
    newest = [one for since, found in later.items() if since <= database.version for one in found]
    for statement, words in (*_RELATIONS, *newest):
        row = database.row(f"{statement} LIMIT 1")
        if row is not None:
            yield words.format(*row)
    for table, _, parent, _ in database.rows("PRAGMA foreign_key_check"):
        yield f"a row of {table} belongs to none of {parent}"


def _lacking(database: Database) -> Iterator[str]:
    there = {name for (name,) in database.rows("SELECT name FROM sqlite_master")}
    for name in (*_tables(database.version), *_THINGS):
        if name not in there:
            yield f'"{name}" is missing'
    for table in _tables(database.version):
        known = {row[1] for row in database.rows(f"PRAGMA table_info({table})")}
        for column in _columns(table, database.version):
            if column not in known:
                yield f"{table} has no column {column}"


def _wrong_values(database: Database, table: str) -> Iterator[str]:
    columns = _columns(table, database.version)
    sound = " AND ".join(f"({_condition(name, kind)})" for name, kind in columns.items())
    if database.row(f"SELECT 1 FROM {table} WHERE NOT ({sound}) LIMIT 1") is None:
        return
    keys = _ROWS.get(table, ())
    for name, kind in columns.items():
        wanted = ", ".join((*keys, name))
        condition = _condition(name, kind)
        row = database.row(f"SELECT {wanted} FROM {table} WHERE NOT ({condition}) LIMIT 1")
        if row is not None:
            called = " ".join(f"{key} {value}" for key, value in zip(keys, row, strict=False))
            place = f"{table}: {called}: {name}" if called else f"{table}: {name}"
            yield f"{place} must be {kind.words}, got {_shown(row[-1])}"


def _condition(column: str, kind: _Kind) -> str:
    return kind.holds.replace("{}", column)


def _tables(version: int) -> list[str]:
    return [table for table in COLUMNS if _columns(table, version)]


def _columns(table: str, version: int) -> dict[str, _Kind]:
    later = {
        name
        for since, tables in _LATER.items()
        if since > version
        for name in tables.get(table, ())
    }
    return {name: kind for name, kind in COLUMNS[table].items() if name not in later}


def _shown(value: Any) -> str:
    return "binary data" if isinstance(value, bytes) else show(value)
