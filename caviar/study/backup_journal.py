"""What a backup must know of a journal: how far it is, and a copy of it that is consistent.

It is read as it lies there, also while a driver writes and whatever caviar wrote it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caviar.study import schema
from caviar.study.checkpoints import files_in
from caviar.study.database import plain_errors

_STAMPS: Final = {
    "trials": "recorded_at",
    "assignments": "issued_at",
    "measurements": "recorded_at",
    "failures": "recorded_at",
    "events": "recorded_at",
}

Pulse = tuple[int, int, int]
"""A journal's last entry, its last promotion, and its requests: one counts again as answered."""


@dataclass(frozen=True)
class Standing:
    """How far a journal is.

    Attributes:
        fingerprint: of the study.
        created_at: when it was begun; with the fingerprint it tells studies apart.
        entry: the last one.
        stamp: when that one was written, in seconds since 1970; None of an empty journal.
        epochs: measurements that stand.
    """

    fingerprint: str
    created_at: float
    entry: int
    stamp: float | None
    epochs: int


def copy_journal(journal: Path, copy: Path) -> None:
    """A consistent copy in one file, also while a driver writes; it holds nobody up.

    Raises:
        StudyError: the journal cannot be read, or the disk is full.
    """
    with plain_errors(journal):
        source = sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        with closing(source), closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # its log would be a second file


def standing(journal: Path) -> Standing:
    """How far a journal is.

    Raises:
        StudyError: it cannot be read.
    """
    with plain_errors(journal), closing(_reader(journal)) as database:
        fingerprint, created_at = database.execute(
            "SELECT fingerprint, created_at FROM meta"
        ).fetchone()
        (entry,) = database.execute(schema.LAST_ENTRY).fetchone()
        (epochs,) = database.execute("SELECT count(*) FROM measurements").fetchone()
        return Standing(fingerprint, created_at, entry, _stamp(database, entry), epochs)


def pulse(journal: Path) -> Pulse:
    """What makes a backup of a journal worth its while, see `Pulse`."""
    with plain_errors(journal), closing(_reader(journal)) as database:
        (entry,) = database.execute(schema.LAST_ENTRY).fetchone()
        (promotion,) = database.execute(
            "SELECT ifnull(max(assignment), 0) FROM assignments WHERE first_epoch > 0"
        ).fetchone()
        return entry, promotion, _requests(database)


def about(journal: Path) -> tuple[str, int]:
    """The study as asked, and the token of the last lease, 0 if there was none."""
    with plain_errors(journal), closing(_reader(journal)) as database:
        (spec,) = database.execute("SELECT spec FROM meta").fetchone()
        row = database.execute("SELECT token FROM lease").fetchone()
        return spec, row[0] if row else 0


def stamp(journal: Path, entry: int) -> float | None:
    """When an entry was written; None if the journal has none of that number."""
    with plain_errors(journal), closing(_reader(journal)) as database:
        return _stamp(database, entry)


def goes_on(journal: Path, earlier: Standing) -> bool:
    """Whether a journal is the other one, or what became of it."""
    return stamp(journal, earlier.entry) == earlier.stamp


def named_checkpoints(journal: Path) -> dict[str, str]:
    """The checkpoints that a journal vouches for: their SHA-256, in hexadecimal, by file."""
    with plain_errors(journal), closing(_reader(journal)) as database:
        named = dict(database.execute("SELECT file, sha256 FROM checkpoints"))
    return {file: named[file] for file in files_in(named)}


def _reader(journal: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True, timeout=10)


def _requests(database: sqlite3.Connection) -> int:
    """A journal of the first caviar, which nobody drives any more, has no such table."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'requests'").fetchone():
        return 0
    told = "SELECT count(*) + count(answered_at) FROM requests"
    return int(database.execute(told).fetchone()[0])


def _stamp(database: sqlite3.Connection, entry: int) -> float | None:
    for table, column in _STAMPS.items():
        row = database.execute(f"SELECT {column} FROM {table} WHERE entry = ?", (entry,)).fetchone()  # noqa: S608
        if row is not None:
            return float(row[0])
    return None
