"""Creating and opening a study directory's journal, and every way in which that can be refused."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.study import schema
from caviar.study.database import BUSY_S, Database, plain_errors
from caviar.study.filesystem import filesystem_of, is_network, sync_directory

FILE: Final = "journal.sqlite3"
"""The journal's name in a study directory."""

CACHE_KIB: Final = 16_384
"""Of pages a connection keeps at most: the whole journal of 20,000 trials, or its hot part."""


def create(directory: Path, spec_json: str, fingerprint: str, created_at: float) -> None:
    """Makes `directory` a study's: its journal is there whole, or everything is as it was.

    Raises:
        StudyError: it holds a study, is a file, lies on a network filesystem, cannot be written.
    """
    _refuse_network(directory)
    if (directory / FILE).exists():
        raise StudyError(f"{directory}: it holds a study already")
    with plain_errors(directory):
        made = _make_directories(directory)
        try:
            schema.build(directory / FILE, spec_json, fingerprint, created_at)
        except BaseException:
            for path in reversed(made):
                path.rmdir()
            raise


def open_writer(directory: Path, clock: Callable[[], float]) -> Database:
    """Opens a journal for its one writer.

    Raises:
        StudyError: not a study, a newer one, on a network filesystem, not writable, damaged.
    """
    path = _existing(directory)
    _refuse_network(directory)
    for needed in (directory, path):
        if not os.access(needed, os.W_OK):
            raise StudyError(f"{needed}: it cannot be written by this user")
    with plain_errors(path):
        connection = _connect(path, "mode=rw")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
            connection.close()
            raise StudyError(f"{path}: its filesystem cannot hold a write-ahead log (WAL)")
    return Database(connection, path, clock)


def open_reader(directory: Path, clock: Callable[[], float]) -> Database:
    """Opens a journal for reading, also while its writer is at work or after it was killed.

    Raises:
        StudyError: not a study, a newer one, damaged, or it cannot be read from here.
    """
    path = _existing(directory)
    guest = not os.access(directory, os.W_OK)
    with plain_errors(path):
        # Without a log the file alone is the journal, which is all that a disk shared with another
        # machine, or one that cannot be written, lets us read.
        if not path.with_name(f"{FILE}-wal").exists() and (guest or _is_shared(directory)):
            return Database(_connect(path, "mode=ro&immutable=1"), path, clock)
        _refuse_network(directory)
        try:
            return Database(_connect(path, "mode=ro"), path, clock)
        except sqlite3.OperationalError as error:
            if not guest:
                raise
            raise StudyError(
                f"{directory}: a driver that was killed left a log behind, which only a user who"
                f" may write here can read ({error})"
            ) from error


def migrate(database: Database) -> None:
    """Brings an older journal's tables up to date, all or nothing.

    Under the lease: no driver of an older caviar is at work on them then.
    """
    if database.version == schema.VERSION:
        return
    with database.transaction():
        for version in range(database.version, schema.VERSION):
            for statement in schema.STEPS[version]:
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {schema.VERSION}")
    database.version = schema.VERSION


def _existing(directory: Path) -> Path:
    path = directory / FILE
    if not path.is_file():
        raise StudyError(f"{directory}: not a study directory: it has no {FILE}")
    return path


def _is_shared(directory: Path) -> bool:
    return is_network(filesystem_of(directory))


def _refuse_network(directory: Path) -> None:
    kind = filesystem_of(directory)
    if is_network(kind):
        raise StudyError(
            f"{directory}: a study directory must be on a disk of this machine, got {kind}"
        )


def _connect(path: Path, options: str) -> sqlite3.Connection:
    """A connection to an existing journal of a version we know."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{options}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        _check(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != schema.APPLICATION or version < 1:
        raise StudyError(f"{path}: it is not a journal of caviar's")
    if version > schema.VERSION:
        raise StudyError(
            f"{path}: written by a newer caviar: its schema must be at most {schema.VERSION},"
            f" got {version}"
        )


def _make_directories(directory: Path) -> list[Path]:
    """Makes `directory` and what is missing above it; returns what was made, topmost first."""
    missing = [p for p in (directory, *directory.parents) if not p.exists()]
    made: list[Path] = []
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)
        made.append(path)
    if not directory.is_dir():
        raise NotADirectoryError(20, "it is a file, not a directory")
    return made
