"""What a journal holds after kill -9 and on a full disk."""

from __future__ import annotations

import ast
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from journal_samples import SPEC, bytes_of, curve, files, measured, new_study, rung, saved, trials

from caviar.errors import StudyError
from caviar.study.journal import Journal
from caviar.study.opening import FILE

WRITER = Path(__file__).with_name("journal_writer.py")
Acknowledged = list[tuple[int, int]]


@contextmanager
def at_work(directory: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(WRITER), str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def killed_after(directory: Path, reports: int, pause_s: float) -> Acknowledged:
    """Lets a driver work, kills it in the middle of things; what it had acknowledged."""
    with at_work(directory) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(reports + 1)]
        time.sleep(pause_s)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines(keepends=True)
    whole = [line for line in lines if line.startswith("done") and line.endswith("\n")]
    return [
        pair for line in whole for pair in ast.literal_eval(f"[{line[5:].replace(') (', '),(')}]")
    ]


def check_whole(directory: Path) -> None:
    with closing(sqlite3.connect(directory / FILE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_nothing_acknowledged_is_lost_or_trained_twice(tmp_path: Path) -> None:
    Journal.create(tmp_path, SPEC, "abc").close()
    chance = random.Random(0)
    acknowledged: Acknowledged = []
    seen: dict[tuple[int, int], object] = {}
    for _ in range(10):
        acknowledged += killed_after(tmp_path, chance.randrange(10), chance.random() * 0.004)
        with Journal.open(tmp_path) as reader:  # beside the log that the dead one left
            now = {(m.trial, m.epoch): m for m in reader.measurements()}
            assert seen.items() <= now.items()
            assert set(acknowledged) <= now.keys()
            assert all(m == measured(*key) for key, m in now.items())
            for trial, epoch in dict(sorted(now)).items():
                record = reader.latest_checkpoint(trial)
                assert record
                assert record.epoch == epoch
                assert reader.read_checkpoint(record) == bytes_of(trial, epoch)
            # Every epoch reported stands: none was trained again after a kill.
            assert reader.trained_epochs == reader.measured_epochs == len(now)
            assert len(list(reader.entries())) == len(set(map(repr, reader.entries())))
            seen = dict(now)
    assert len(acknowledged) == len(set(acknowledged)) > 24
    check_whole(tmp_path)
    with Journal.open(tmp_path, write=True) as journal:
        journal.acquire_lease()
        assert files(tmp_path) == sorted(record.file for record in journal.checkpoints())


def test_readers_see_whole_commits_while_a_driver_writes(tmp_path: Path) -> None:
    Journal.create(tmp_path, SPEC, "abc").close()
    problems: list[str] = []

    def read() -> None:
        with Journal.open(tmp_path) as reader:
            before = 0
            while before < 60 and not problems:
                rows = reader.measurements()
                pairs = {(m.trial, m.epoch) for m in rows}
                if any((m.trial ^ 1, m.epoch) not in pairs for m in rows):
                    problems.append("half a report")
                if len(rows) < before:
                    problems.append("measurements went away")
                before = len(rows)

    with at_work(tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "token 1\n"
        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert process.poll() is None
    assert problems == []


def test_a_database_that_is_full(tmp_path: Path) -> None:
    with new_study(tmp_path) as journal:
        claim = endless(journal)
        pages = journal._db.row("PRAGMA page_count")[0]
        journal._db.execute(f"PRAGMA max_page_count = {pages}")
        taken, line = fill(journal, claim, with_checkpoints=True)
        assert taken > 0
        assert re.fullmatch(r".*: the disk is full; what was acknowledged is safe.*", line)
        assert [m.epoch for m in journal.measurements()] == list(range(1, taken + 1))
        assert [c.epoch for c in journal.checkpoints()] == [taken]
        assert len(files(tmp_path)) == 1
        journal._db.execute(f"PRAGMA max_page_count = {pages + 400}")
        journal.report(*claim, curve([0], [taken + 1]), saved([0], taken + 1))
        assert journal.trained_epochs == taken + 1
    check_whole(tmp_path)


def endless(journal: Journal) -> tuple[int, int]:
    number = journal.issue(rung(0, last=10_000), decisions=trials(0))
    return number, journal.start_attempt(number, "s")


def fill(journal: Journal, claim: tuple[int, int], with_checkpoints: bool) -> tuple[int, str]:
    """Reports epoch after epoch until the disk is full; the last one taken, and the refusal."""
    for epoch in range(1, 500):
        try:
            journal.report(*claim, curve([0], [epoch]), saved([0] * with_checkpoints, epoch))
        except StudyError as error:
            return epoch - 1, str(error)
    raise AssertionError("it was never full")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with new_study(tmp_path) as journal:
        claim = endless(journal)
        with files_of_at_most((tmp_path / f"{FILE}-wal").stat().st_size + 100_000):
            taken, line = fill(journal, claim, with_checkpoints=False)
        assert taken > 0
        assert re.fullmatch(r".*: the disk (refused .* is it full\?|is full; .*)", line)
        journal.report(*claim, curve([0], [taken + 1]), {})
        assert journal.measured_epochs == taken + 1
        huge = {0: (taken + 1, b"x" * 50_000)}
        with files_of_at_most(20_000), pytest.raises(StudyError, match="the disk is full"):
            journal.report(*claim, [], huge)
        assert files(tmp_path) == []
    with Journal.open(tmp_path) as reader:
        assert [m.epoch for m in reader.measurements()] == list(range(1, taken + 2))
    check_whole(tmp_path)
