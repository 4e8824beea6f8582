"""The journal's tables, and how a new journal file comes into being whole or not at all.

Everything that is a decision or a result carries an `entry`, one rising sequence over all tables:
ordering by it is the order in which things were committed. Losses that are not finite are stored
as NULL (NaN) or as infinity; whoever reads turns NULL back into NaN. What was watched is JSON
(`caviar.study.rows`).
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import psutil

from caviar.errors import StudyError
from caviar.study.filesystem import sync_directory

APPLICATION: Final = 0x43415649
"""SQLite's application id of a journal: "CAVI"."""

VERSION: Final = 3
"""Of the tables below; kept as SQLite's user version. A newer one is refused, never guessed at."""

UNFINISHED: Final = """
CREATE VIEW unfinished AS
    SELECT assignment, lane, trial FROM assignments a JOIN lanes l USING (assignment)
    WHERE closed_at IS NULL AND trial NOT IN (SELECT trial FROM failures)
        AND NOT EXISTS (
            SELECT 1 FROM measurements m
            WHERE m.trial = l.trial AND (m.epoch >= a.last_epoch OR m.diverged OR m.stopped));
"""

REQUESTS: Final = """
CREATE TABLE requests (
    request INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    requested_at REAL NOT NULL,
    answered_at REAL,
    refusal TEXT
);
"""
"""What people ask of a study, whoever drives it: any process may add a row, the driver answers."""

TABLES: Final = f"""
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    spec TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE TABLE trials (
    entry INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL UNIQUE CHECK (trial >= 0),
    point TEXT NOT NULL,
    hyperparameters TEXT NOT NULL,
    recorded_at REAL NOT NULL,
    origin TEXT NOT NULL DEFAULT '',
    why TEXT NOT NULL DEFAULT '',
    draw INTEGER,
    parent_trial INTEGER REFERENCES trials (trial),
    parent_epoch INTEGER
);
CREATE TABLE assignments (
    assignment INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL UNIQUE,
    parent INTEGER REFERENCES assignments,
    purpose TEXT NOT NULL,
    first_epoch INTEGER NOT NULL CHECK (first_epoch >= 0),
    last_epoch INTEGER NOT NULL CHECK (last_epoch > first_epoch),
    signature TEXT NOT NULL,
    issued_at REAL NOT NULL,
    closed_at REAL
);
CREATE INDEX assignments_open ON assignments (assignment) WHERE closed_at IS NULL;
CREATE TABLE lanes (
    assignment INTEGER NOT NULL REFERENCES assignments,
    lane INTEGER NOT NULL,
    trial INTEGER NOT NULL REFERENCES trials (trial),
    PRIMARY KEY (assignment, lane),
    UNIQUE (trial, assignment)
) WITHOUT ROWID;
CREATE TABLE attempts (
    assignment INTEGER NOT NULL REFERENCES assignments,
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    slice TEXT NOT NULL,
    claimed_at REAL NOT NULL,
    ended_at REAL,
    outcome TEXT,
    error TEXT,
    trained_epochs INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (assignment, attempt),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
) WITHOUT ROWID;
CREATE INDEX attempts_running ON attempts (assignment) WHERE ended_at IS NULL;
CREATE TABLE measurements (
    entry INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL REFERENCES trials (trial),
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    train_loss REAL,
    train_accuracy REAL,
    dev_loss REAL,
    dev_accuracy REAL,
    elapsed_s REAL,
    diverged INTEGER NOT NULL CHECK (diverged IN (0, 1)),
    assignment INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    recorded_at REAL NOT NULL,
    stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),
    reason TEXT NOT NULL DEFAULT '',
    watch TEXT,
    FOREIGN KEY (assignment, attempt) REFERENCES attempts
);
CREATE UNIQUE INDEX measurements_by_trial ON measurements (trial, epoch);
CREATE TABLE failures (
    entry INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL UNIQUE REFERENCES trials (trial),
    error TEXT NOT NULL,
    recorded_at REAL NOT NULL,
    stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1))
);
CREATE TABLE checkpoints (
    trial INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    file TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    recorded_at REAL NOT NULL,
    PRIMARY KEY (trial, epoch),
    FOREIGN KEY (trial, epoch) REFERENCES measurements (trial, epoch)
) WITHOUT ROWID;
CREATE TABLE widths (
    signature TEXT PRIMARY KEY,
    width INTEGER NOT NULL CHECK (width >= 1),
    evidence TEXT NOT NULL,
    recorded_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE events (
    entry INTEGER PRIMARY KEY,
    recorded_at REAL NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL
);
{REQUESTS}{UNFINISHED}CREATE TABLE lease (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    token INTEGER NOT NULL,
    host TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    driver_pid INTEGER NOT NULL,
    driver_started_s REAL NOT NULL,
    broker_pid INTEGER NOT NULL,
    acquired_at REAL NOT NULL,
    renewed_at REAL NOT NULL,
    released_at REAL
);
"""

STEPS: Final = {
    1: (
        "ALTER TABLE measurements ADD COLUMN"
        " stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1))",
        "ALTER TABLE measurements ADD COLUMN reason TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE measurements ADD COLUMN watch TEXT",
        "DROP VIEW unfinished",
        UNFINISHED,
    ),
    2: (
        "ALTER TABLE trials ADD COLUMN origin TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE trials ADD COLUMN why TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE trials ADD COLUMN draw INTEGER",
        "ALTER TABLE trials ADD COLUMN parent_trial INTEGER REFERENCES trials (trial)",
        "ALTER TABLE trials ADD COLUMN parent_epoch INTEGER",
        "UPDATE trials SET draw = trial",
        "ALTER TABLE failures ADD COLUMN"
        " stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1))",
        REQUESTS,
    ),
}
"""What takes a journal of each older version to the next one."""

_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
"""What filesystems answer that know no links, such as exFAT."""

LAST_ENTRY: Final = """
SELECT max(
    ifnull((SELECT max(entry) FROM trials), 0), ifnull((SELECT max(entry) FROM assignments), 0),
    ifnull((SELECT max(entry) FROM measurements), 0), ifnull((SELECT max(entry) FROM failures), 0),
    ifnull((SELECT max(entry) FROM events), 0))
"""


def build(path: Path, spec_json: str, fingerprint: str, created_at: float) -> None:
    """Puts a new journal at `path`: complete and on the disk, or not there.

    Raises:
        StudyError: a journal is there already.
        OSError, sqlite3.Error: the disk said no.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    _remove_drafts(path)
    try:
        _fill(draft, spec_json, fingerprint, created_at)
        _place(draft, path)
    finally:
        _remove_drafts(path)
    sync_directory(path.parent)


def _place(draft: Path, path: Path) -> None:
    try:
        # A link, unlike a rename, never replaces the journal of someone who was quicker.
        os.link(draft, path)
    except FileExistsError as error:
        raise StudyError(f"{path.parent}: it holds a study already") from error
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        draft.rename(path)


def _remove_drafts(path: Path) -> None:
    """Removes this process's draft and those of processes that were killed."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp*"):
        pid = leftover.name.removeprefix(f".{path.name}.").partition(".")[0]
        if pid.isdecimal() and (int(pid) == os.getpid() or not psutil.pid_exists(int(pid))):
            leftover.unlink(missing_ok=True)


def _fill(draft: Path, spec_json: str, fingerprint: str, created_at: float) -> None:
    with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
            raise StudyError(f"{draft.parent}: its filesystem cannot hold a write-ahead log (WAL)")
        connection.executescript(f"BEGIN; {TABLES}")
        connection.execute(
            "INSERT INTO meta VALUES (1, ?, ?, ?)", (spec_json, fingerprint, created_at)
        )
        connection.execute("COMMIT")
    with draft.open("rb") as file:  # closing has folded the log into the file
        os.fsync(file.fileno())
