"""One SQLite connection with one lock: transactions that nest, are fenced, and fail in plain words.

A commit is the only acknowledgement caviar knows. Writers use `synchronous=FULL` under WAL, so a
transaction that has returned survives the machine; readers never wait for a writer.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from caviar.errors import LeaseError, StudyError
from caviar.study import schema
from caviar.study.shapes import MisfitError
from caviar.study.wording import one_line

BUSY_S: Final = 10.0
"""How long to wait for another process's transaction before giving up."""

_MISSING: Final = ("no such ", "Could not decode", "malformed ", "unsupported file format")
"""How SQLite begins to say what only a journal that somebody changed can be answered with."""
_UNREADABLE: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What making a record of a row raises where the row is not what caviar wrote."""

DAMAGED: Final = "it was edited or is damaged"
"""What is said of a journal that holds what caviar does not write."""

_FULL_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def plain_errors(place: Path) -> Iterator[None]:
    """Turns what SQLite or the disk refuse into one line for a person.

    Mistakes of caviar's own (a broken constraint, bad SQL) pass unchanged.

    Raises:
        StudyError: naming `place` and the reason.
    """
    try:
        yield
    except OSError as error:
        raise StudyError(f"{place}: {_os_reason(error)}") from error
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise
    except UnicodeDecodeError:
        raise StudyError(f"{place}: {DAMAGED}: a text in it is no UTF-8") from None
    except sqlite3.DatabaseError as error:
        reason = _sqlite_reason(error)
        if reason is None:
            raise
        raise StudyError(f"{place}: {reason}") from error


@contextmanager
def sound_rows(place: Path) -> Iterator[None]:
    """Turns what rows hold that no record can be made of into one line for a person.

    Only for what makes records of rows: any other `ValueError` is a defect of caviar's own.

    Raises:
        StudyError: naming `place` and what is wrong there.
    """
    try:
        yield
    except MisfitError as error:
        raise StudyError(f"{place}: {DAMAGED}: {one_line(str(error))}") from None
    except _UNREADABLE as error:
        told = one_line(f"{type(error).__name__}: {error}")
        raise StudyError(f"{place}: {DAMAGED}: {told}") from error


def _os_reason(error: OSError) -> str:
    if error.errno in _FULL_DISK:
        return "the disk is full; what was acknowledged is safe, free some space and run again"
    return f"{error.strerror or error} ({error.filename})" if error.filename else str(error)


def _sqlite_reason(error: sqlite3.DatabaseError) -> str | None:
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if str(error).startswith(_MISSING):
        return f"{DAMAGED}: {one_line(str(error))}"
    reasons = {
        sqlite3.SQLITE_FULL: "the disk is full; what was acknowledged is safe, "
        "free some space and run again",
        sqlite3.SQLITE_IOERR: f"the disk refused ({error}); is it full?",
        sqlite3.SQLITE_READONLY: "it cannot be written",
        sqlite3.SQLITE_BUSY: f"another process kept it locked for {BUSY_S:.0f} s",
        sqlite3.SQLITE_NOTADB: "it is not a journal of caviar's",
        sqlite3.SQLITE_CORRUPT: "it is damaged; restore it from a backup",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    }
    return reasons.get(primary)


class Database:
    """A journal file, opened; safe to call from several threads.

    Attributes:
        path: the file.
        version: of its tables; an older one is read as it is, and brought up to date by whoever
            takes the lease.
        token: the lease's token that this process holds, or None; every write checks it.
        clock: seconds since 1970.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self.version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        self.token: int | None = None
        self.clock = clock
        self._connection = connection
        self._lock = threading.RLock()
        self._depth = 0
        self._spoiled = False
        self._entry = 0
        self._after_commit: list[Callable[[], None]] = []
        self._after_rollback: list[Callable[[], None]] = []

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Runs one statement; inside `transaction` only, if it writes."""
        with self._lock, plain_errors(self.path):
            return self._connection.execute(sql, values)

    def insert(self, table: str, *values: object) -> int:
        """Inserts a row, its columns in order; returns its number."""
        places = ", ".join("?" * len(values))
        return self.execute(f"INSERT INTO {table} VALUES ({places})", values).lastrowid or 0  # noqa: S608

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query, as tuples."""
        with self._lock, plain_errors(self.path):
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first row of a query, or None."""
        with self._lock, plain_errors(self.path):
            return self._connection.execute(sql, values).fetchone()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several queries that see one and the same state."""
        with self._lock, plain_errors(self.path):
            outermost = not self._connection.in_transaction
            if outermost:
                self._connection.execute("BEGIN")
            try:
                yield
            finally:
                if outermost and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def transaction(self, *, fenced: bool = True) -> Iterator[None]:
        """Everything inside is committed together when the outermost one ends, or not at all.

        An error inside, even one that is caught before the outermost end, undoes everything.

        Args:
            fenced: whether the lease must be this process's; only taking it needs no lease.

        Raises:
            LeaseError: another driver holds the study.
            StudyError: the disk refuses.
        """
        with self._lock, plain_errors(self.path):
            if not self._depth:
                self._begin(fenced)
            self._depth += 1
            try:
                yield
            except BaseException:
                self._spoiled = True
                raise
            finally:
                self._depth -= 1
                if not self._depth and self._spoiled:
                    self._rollback()
            if not self._depth:
                self._commit()

    def next_entry(self) -> int:
        """The next number of the one sequence that orders everything committed."""
        self._entry += 1
        return self._entry

    def on_commit(self, action: Callable[[], None]) -> None:
        """Does `action` once the current transaction is committed."""
        self._after_commit.append(action)

    def on_rollback(self, action: Callable[[], None]) -> None:
        """Does `action` if the current transaction is undone."""
        self._after_rollback.append(action)

    def continue_sequence(self) -> None:
        """Goes on counting entries where the journal stands; after the lease was taken."""
        self._entry = max(self._entry, self.row(schema.LAST_ENTRY)[0])

    def close(self) -> None:
        """Closes the file; twice does no harm."""
        with self._lock:
            self._connection.close()

    def _begin(self, fenced: bool) -> None:
        self._spoiled = False
        self._after_commit.clear()
        self._after_rollback.clear()
        if self._connection.in_transaction:  # a signal came between a transaction's lines
            self._connection.execute("ROLLBACK")
        self._connection.execute("BEGIN IMMEDIATE")
        if not fenced:
            return
        found = self._connection.execute("SELECT token FROM lease").fetchone()
        if self.token is None or found != (self.token,):
            self._connection.execute("ROLLBACK")
            reason = "no lease is held" if self.token is None else "another driver took it over"
            raise LeaseError(f"{self.path.parent}: this driver may not write: {reason}")

    def _commit(self) -> None:
        if self._spoiled:
            raise RuntimeError("an error inside a transaction was caught; all of it is undone")
        try:
            self._connection.execute("COMMIT")
        except BaseException:
            self._rollback()
            raise
        for action in self._after_commit:
            action()

    def _rollback(self) -> None:
        if self._connection.in_transaction:  # SQLite itself undoes some, as on a full disk
            self._connection.execute("ROLLBACK")
        for action in self._after_rollback:
            action()
