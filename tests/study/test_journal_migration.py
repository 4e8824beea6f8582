"""A journal of version 1, as the first caviar wrote it, is read as it is and taken up whole."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from dataclasses import astuple, replace
from pathlib import Path

import pytest
from journal_samples import SIGNATURE, curve, measured, new_study, rung, saved

from caviar.errors import LeaseError, StudyError
from caviar.study import schema
from caviar.study.database import Database
from caviar.study.journal import Journal
from caviar.study.lease import LeaseHolder
from caviar.study.opening import FILE
from caviar.study.records import Watch

OLD = Path(__file__).with_name("journal_v1.sql").read_text("utf-8")
STATEMENTS = [statement for step in schema.STEPS.values() for statement in step]
LAST = replace(measured(1, 2, 0.7), train_loss=0.5, dev_loss=1.0)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The directory of a version-1 study, in WAL mode as its driver left it."""
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(OLD)
    return tmp_path


def version_of(directory: Path) -> int:
    with closing(sqlite3.connect(directory / FILE)) as connection:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        return int(found)


def schema_of(directory: Path) -> dict[str, str]:
    """Names and columns of what is in a journal; how the columns were put there is no matter."""
    with closing(sqlite3.connect(directory / FILE)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type != 'index'")
        return {
            name: repr(connection.execute(f"PRAGMA table_info({name})").fetchall())
            for (name,) in names.fetchall()
        }


def test_it_is_read_as_it_is(study: Path) -> None:
    before = (study / FILE).read_bytes()
    with Journal.open(study) as reader:
        assert reader.measurements(1) == (replace(measured(1, 1, 0.6), dev_loss=1.5), LAST)
        (gone,) = reader.measurements(2)
        assert math.isnan(gone.train_loss)
        assert (gone.dev_loss, gone.diverged, gone.stopped) == (math.inf, True, False)
        assert (gone.reason, gone.watch) == ("", None)
        assert len(list(reader.entries())) == 9
        assert [(s.epochs, s.running) for s in reader.summary()] == [
            (1, False),
            (2, True),
            (1, False),
        ]
        assert reader.best(1, "dev_loss") == (2, 1.0)
        assert reader.open_assignments()[0].unfinished == (1,)
    assert (study / FILE).read_bytes() == before
    assert version_of(study) == 1


def test_whoever_takes_the_lease_brings_it_up_to_date(study: Path) -> None:
    with Journal.open(study) as reader:
        before = list(map(repr, reader.entries()))
    with Journal.open(study, write=True) as journal:
        assert version_of(study) == 1
        assert journal.acquire_lease() == 8
        assert version_of(study) == schema.VERSION
        assert list(map(repr, journal.entries())) == before
        journal.end_running_attempts()
        seen = Watch((0.5,), (2.0,), ())
        end = replace(measured(1, 3), stopped=True, reason="no better", watch=seen)
        attempt = journal.start_attempt(2, "s")
        journal.report(2, attempt, [end], saved([1], 3), complete=True)
        assert journal.measurements(1)[-1] == end
        assert journal.settled() == {SIGNATURE: (4, "float32")}
        number = journal.issue(rung(0, first=1, last=2))
        journal.report(number, journal.start_attempt(number, "s"), curve([0], [2]), {}, True)
    with Journal.open(study, write=True) as journal:
        journal.acquire_lease()
        assert journal.measured_epochs == 6
        assert len(list(journal.entries())) == len(before) + 3


def test_it_becomes_what_a_new_one_is(study: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    new_study(fresh).close()
    assert schema_of(study) != schema_of(fresh)
    with Journal.open(study, write=True) as journal:
        journal.acquire_lease()
    assert schema_of(study) == schema_of(fresh)
    with closing(sqlite3.connect(study / FILE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_living_driver_keeps_its_tables(study: Path) -> None:
    old = LeaseHolder.here()
    with closing(sqlite3.connect(study / FILE)) as connection:
        keys = "host = ?, boot_id = ?, driver_pid = ?, driver_started_s = ?, broker_pid = ?"
        connection.execute(f"UPDATE lease SET {keys}", astuple(old))
        connection.commit()
    with (
        Journal.open(study, write=True) as journal,
        pytest.raises(LeaseError, match="another driver holds this study"),
    ):
        journal.acquire_lease(replace(old, driver_pid=1))
    assert version_of(study) == 1


@pytest.mark.parametrize("statement", range(14))
def test_it_happens_whole_or_not_at_all(
    study: Path, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    """The disk is full at some statement of the migration; the next driver has better luck."""
    untouched = schema_of(study)
    execute, seen = Database.execute, 0

    def fail(database: Database, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        nonlocal seen
        if sql in (*STATEMENTS, f"PRAGMA user_version = {schema.VERSION}"):
            seen += 1
            if seen == statement + 1:
                raise StudyError("the disk is full")
        return execute(database, sql, values)

    with monkeypatch.context() as patch, Journal.open(study, write=True) as journal:
        patch.setattr(Database, "execute", fail)
        with pytest.raises(StudyError, match="the disk is full"):
            journal.acquire_lease()
        assert journal.measurements(1)[-1] == LAST
    assert seen == statement + 1
    assert (version_of(study), schema_of(study)) == (1, untouched)
    with Journal.open(study, write=True) as journal:
        journal.acquire_lease()
        assert journal.measurements(1)[-1] == LAST
    assert version_of(study) == schema.VERSION


def test_a_reader_beside_the_migration_goes_on(study: Path) -> None:
    with Journal.open(study) as reader:
        assert len(reader.measurements()) == 4
        with Journal.open(study, write=True) as journal:
            journal.acquire_lease()
            assert reader.measurements(1)[-1] == LAST
            assert reader.summary()[1].last == LAST


def test_a_version_that_never_was_is_no_journal(study: Path) -> None:
    with closing(sqlite3.connect(study / FILE)) as connection:
        connection.execute("PRAGMA user_version = 0")
    with pytest.raises(StudyError, match="it is not a journal of caviar's"):
        Journal.open(study)
