from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from journal_samples import bytes_of, curve, files, new_study, rung, saved, trials

from caviar.errors import LeaseError, StudyError
from caviar.study import checkpoints
from caviar.study.checkpoints import CheckpointStore
from caviar.study.journal import Journal
from caviar.study.lease import LeaseHolder


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with new_study(tmp_path / "study") as journal:
        yield journal


def start(journal: Journal, *lanes: int, first: int = 0, last: int = 3) -> tuple[int, int]:
    number = journal.issue(rung(*lanes, first=first, last=last))
    return number, journal.start_attempt(number, "s")


def test_bytes_come_back(journal: Journal) -> None:
    journal.add_trials(trials(0, 1))
    claim = start(journal, 0, 1)
    journal.report(*claim, curve([0, 1], [1, 2, 3]), saved([0, 1], 3), complete=True)
    with Journal.open(journal.directory) as reader:
        record = reader.latest_checkpoint(1)
        assert record
        assert (record.trial, record.epoch, record.size) == (1, 3, len(bytes_of(1, 3)))
        assert reader.read_checkpoint(record) == bytes_of(1, 3)
        assert len(reader.checkpoints()) == len(files(journal.directory)) == 2
        assert reader.latest_checkpoint(2) is None


def test_rungs_are_kept_and_what_lies_between_is_dropped(journal: Journal) -> None:
    journal.add_trials(trials(0))
    claim = start(journal, 0, last=3)
    journal.report(*claim, curve([0], [1]), saved([0], 1))
    journal.report(*claim, curve([0], [2]), saved([0], 2))
    assert [c.epoch for c in journal.checkpoints(0)] == [2]
    journal.report(*claim, curve([0], [3]), saved([0], 3), complete=True)
    claim = start(journal, 0, first=3, last=9)
    journal.report(*claim, curve([0], range(4, 8)), saved([0], 7))
    assert [c.epoch for c in journal.checkpoints(0)] == [3, 7]
    journal.report(*claim, curve([0], [8, 9]), saved([0], 9), complete=True)
    assert [c.epoch for c in journal.checkpoints(0)] == [3, 9]
    assert files(journal.directory) == [c.file for c in journal.checkpoints()]


def test_superseded_files_outlive_a_transaction_undone(journal: Journal) -> None:
    journal.add_trials(trials(0))
    claim = start(journal, 0)
    journal.report(*claim, curve([0], [1]), saved([0], 1))

    def fail() -> None:
        with journal.transaction():
            journal.report(*claim, curve([0], [2]), saved([0], 2))
            assert len(files(journal.directory)) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    (record,) = journal.checkpoints()
    assert files(journal.directory) == [record.file]
    assert journal.read_checkpoint(record) == bytes_of(0, 1)
    journal.report(*claim, curve([0], [2]), saved([0], 2))
    assert [c.epoch for c in journal.checkpoints()] == [2]


def test_a_retry_keeps_the_checkpoint_it_lacked(journal: Journal) -> None:
    journal.add_trials(trials(0))
    number, first = start(journal, 0)
    journal.report(number, first, curve([0], [1, 2]), {})
    second = journal.start_attempt(number, "s")
    journal.report(number, second, curve([0], [1, 2]), saved([0], 2))
    record = journal.latest_checkpoint(0)
    assert record
    assert record.epoch == 2


def test_a_report_sent_twice_or_late_brings_no_checkpoint_back(journal: Journal) -> None:
    journal.add_trials(trials(0))
    claim = start(journal, 0)
    early, late = (curve([0], [1]), saved([0], 1)), (curve([0], [2]), saved([0], 2))
    for report in (early, late, late, early):
        journal.report(*claim, *report)
    (record,) = journal.checkpoints()
    assert record.epoch == 2
    assert files(journal.directory) == [record.file]


def test_drivers_never_share_a_file(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    (old,) = store.write([(0, 3, b"state")], token=1, recorded_at=0.0)
    (new,) = store.write([(0, 3, b"state")], token=2, recorded_at=0.0)
    store.remove([old.file])
    assert store.read(new) == b"state"


def test_a_stale_report_writes_no_file(journal: Journal) -> None:
    journal.add_trials(trials(0))
    number, first = start(journal, 0)
    journal.start_attempt(number, "s")
    journal.report(number, first, curve([0], [1, 2, 3]), saved([0], 3), complete=True)
    assert files(journal.directory) == []


def test_damage_is_noticed(journal: Journal) -> None:
    journal.add_trials(trials(0))
    journal.report(*start(journal, 0), curve([0], [1, 2, 3]), saved([0], 3))
    (record,) = journal.checkpoints()
    path = journal.directory / "checkpoints" / record.file
    data = bytearray(path.read_bytes())
    data[7] ^= 1
    path.write_bytes(data)
    with pytest.raises(StudyError, match=r"damaged: its SHA-256 must be .*, got ") as damaged:
        journal.read_checkpoint(record)
    assert str(path) in str(damaged.value)
    path.unlink()
    with pytest.raises(StudyError, match="the checkpoint of trial 0 is gone"):
        journal.read_checkpoint(record)


def test_orphans_are_swept_and_nothing_else(journal: Journal) -> None:
    journal.add_trials(trials(0))
    journal.report(*start(journal, 0), curve([0], [1, 2, 3]), saved([0], 3))
    folder = journal.directory / "checkpoints"
    for name in (
        "trial-000000-epoch-00009-lease-1.ckpt",
        "trial-000004-epoch-00001-lease-1.ckpt.tmp",
        "notes.txt",
    ):
        (folder / name).write_bytes(b"?")
    with Journal.open(journal.directory, write=True) as opened:
        assert len(files(journal.directory)) == 4  # whoever holds the lease may be writing
        opened.acquire_lease()
    (record,) = journal.checkpoints()
    assert files(journal.directory) == ["notes.txt", record.file]


def test_a_driver_taken_over_cannot_touch_its_successors_files(journal: Journal) -> None:
    journal.add_trials(trials(0))
    claim = start(journal, 0)
    with Journal.open(journal.directory, write=True) as successor:
        successor.acquire_lease(replace(LeaseHolder.here(), broker_pid=1))
        successor.report(*claim, curve([0], [1, 2, 3]), saved([0], 3))
        with pytest.raises(LeaseError):
            journal.report(*claim, curve([0], [1, 2, 3]), saved([0], 3))
        record = successor.latest_checkpoint(0)
        assert record
        assert successor.read_checkpoint(record) == bytes_of(0, 3)


def test_a_file_lasts_before_its_name_and_its_name_before_its_row(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.add_trials(trials(0))
    claim = start(journal, 0)
    steps: list[str] = []
    sync, rename = os.fsync, Path.rename

    def note_sync(handle: int) -> None:
        name = Path(os.readlink(f"/proc/self/fd/{handle}")).name
        steps.append(f"sync {name.removeprefix('trial-000000-epoch-00003-lease-1')}")
        assert reader.checkpoints() == ()
        sync(handle)

    def note_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "rename", note_rename)
    with Journal.open(journal.directory) as reader:
        journal.report(*claim, curve([0], [1, 2, 3]), saved([0], 3), complete=True)
        assert len(reader.checkpoints()) == 1
    assert steps == ["sync .ckpt.tmp", "rename", "sync checkpoints"]


def test_a_file_that_cannot_be_deleted_does_not_undo_a_commit(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    journal.add_trials(trials(0))
    claim = start(journal, 0)
    journal.report(*claim, curve([0], [1]), saved([0], 1))
    monkeypatch.setattr(Path, "unlink", refuse)
    assert len(journal.report(*claim, curve([0], [2]), saved([0], 2)).accepted) == 1
    monkeypatch.undo()
    assert len(files(journal.directory)) == 2
    journal.acquire_lease()
    assert files(journal.directory) == [c.file for c in journal.checkpoints()]


def test_a_disk_that_fills_up_leaves_no_half_file(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = checkpoints.write_durably

    def second_fails(path: Path, data: bytes) -> None:
        real(path, data[:10])
        if "trial-000001" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")

    journal.add_trials(trials(0, 1))
    claim = start(journal, 0, 1)
    monkeypatch.setattr(checkpoints, "write_durably", second_fails)
    with pytest.raises(StudyError, match="the disk is full"):
        journal.report(*claim, curve([0, 1], [1, 2, 3]), saved([0, 1], 3), complete=True)
    assert files(journal.directory) == []
    assert journal.measurements() == ()
    monkeypatch.undo()
    journal.report(*claim, curve([0, 1], [1, 2, 3]), saved([0, 1], 3), complete=True)
    assert journal.measured_epochs == 6
