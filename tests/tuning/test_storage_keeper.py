"""The keeper: what it refuses before it takes a study, and that it never falls silent."""

import errno
import os
import threading
import time
from dataclasses import replace

import pytest
from test_broker import take_up

from caviar.errors import LeaseError, StudyError
from caviar.study import backup, backup_writer, lease, restoring, storage_lease
from caviar.study.backup_writer import BackupWriter
from caviar.study.journal import Journal
from caviar.study.lease import LeaseHolder
from caviar.study.spec import StudySpec
from caviar.study.storage import LEFT_S, Storage
from caviar.tuning import keeper as module
from caviar.tuning import keeper_threads
from caviar.tuning.keeper import Keeper


@pytest.mark.parametrize("name", ["study", "study/", "study/../study", "link"])
def test_the_study_directory_is_no_storage_for_itself(tmp_path, name):
    (tmp_path / "study").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "study")
    with pytest.raises(StudyError, match="must be another place than the study directory"):
        Keeper(f"{tmp_path}/{name}", tmp_path / "study", print)
    Keeper(f"{tmp_path}/study/beside", tmp_path / "study", print)


def test_a_defect_is_told_and_the_keeper_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper_threads, "AGAIN_S", 0.0)
    lines, again, calls = [], threading.Event(), []
    keeper = Keeper(str(tmp_path / "storage"), tmp_path / "study", lines.append)

    def action():
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("can't start new thread")
        again.set()

    keeper._repeated.start(0.001, action)
    assert again.wait(5.0)
    assert keeper._repeated.stop(5.0)
    (line,) = lines
    assert line.startswith("warning: a defect of caviar's: RuntimeError: can't start new thread")


def test_a_study_that_somebody_drives_is_not_replaced(tmp_path, monkeypatch):
    """By a driver without --storage; the backup is another driver's, and ahead."""
    uri, study, other = str(tmp_path / "storage"), tmp_path / "study", tmp_path / "other"
    journal, _ = take_up(study)
    spec = StudySpec.from_json(journal.spec_json)
    storage = Storage(uri)
    BackupWriter(storage, study, spec.name, 1, None).write(lambda: None)
    restoring.restore(storage, other, backup.read_manifest(storage))
    with Journal.open(other, write=True) as ahead:
        ahead.acquire_lease(least=2)
        ahead.record("somewhere_else", {})
    previous = backup.read_manifest(storage)
    BackupWriter(storage, other, spec.name, 2, previous).write(lambda: None)
    before = (study / "journal.sqlite3").stat().st_ino
    with Keeper(uri, study, print, settle_s=0.0) as keeper:
        monkeypatch.setattr(LeaseHolder, "same_driver", lambda self, other: False)
        monkeypatch.setattr(lease.LeaseHolder, "alive", lambda self: True)
        with pytest.raises(LeaseError, match="another driver holds this study"):
            keeper.begin(spec)
    assert (study / "journal.sqlite3").stat().st_ino == before
    journal.record("still_here", {})


def backed_up(tmp_path) -> tuple[Storage, StudySpec]:
    """A storage with a study that is nowhere else."""
    storage = Storage(str(tmp_path / "storage"))
    journal, _ = take_up(tmp_path / "gone")
    spec = StudySpec.from_json(journal.spec_json)
    BackupWriter(storage, tmp_path / "gone", spec.name, 1, None).write(lambda: None)
    return storage, spec


def test_the_lease_is_renewed_while_a_study_is_restored(tmp_path, monkeypatch):
    storage, spec = backed_up(tmp_path)
    renewed, restore = threading.Event(), restoring.restore

    def slowly(*given):
        assert renewed.wait(5.0), "no sign of life while restoring"
        return restore(*given)

    renew = storage_lease.StorageLease.renew
    monkeypatch.setattr(
        storage_lease.StorageLease, "renew", lambda self, at: (renew(self, at), renewed.set())
    )
    monkeypatch.setattr(restoring, "restore", slowly)
    with Keeper(storage.uri, tmp_path / "study", print, settle_s=0.0, renew_s=0.01) as keeper:
        keeper.begin(spec)


def test_a_beginning_that_fails_lets_the_lease_go(tmp_path, monkeypatch):
    storage, spec = backed_up(tmp_path)

    def full(*given):
        raise StudyError("the disk is full")

    monkeypatch.setattr(restoring, "restore", full)
    keeper = Keeper(storage.uri, tmp_path / "study", print, settle_s=0.0)
    with pytest.raises(StudyError, match="the disk is full"), keeper:
        keeper.begin(spec)
    assert storage_lease.read(storage).released
    assert not any(thread.is_alive() for thread in keeper._repeated._threads)


def test_a_lease_lost_while_restoring_ends_the_beginning(tmp_path, monkeypatch):
    storage, spec = backed_up(tmp_path)
    restore = restoring.restore

    def lose(*given):
        other = replace(storage_lease.read(storage), token=77, secret="other")
        storage_lease._put(storage, other)
        for thread in keeper._repeated._threads:
            thread.join(5.0)
        return restore(*given)

    monkeypatch.setattr(restoring, "restore", lose)
    keeper = Keeper(storage.uri, tmp_path / "study", print, settle_s=0.0, renew_s=0.01)
    with pytest.raises(LeaseError, match="another driver took it over"), keeper:
        keeper.begin(spec)
    assert not storage_lease.read(storage).released


def test_a_storage_that_hangs_at_the_end_is_told(tmp_path, monkeypatch):
    storage, spec = backed_up(tmp_path)
    lines, hangs, answers = [], threading.Event(), threading.Event()
    monkeypatch.setattr(module, "LOOK_S", 0.001)

    def hang(self):
        hangs.set()
        answers.wait(20.0)

    monkeypatch.setattr(BackupWriter, "carry", hang)
    keeper = Keeper(storage.uri, tmp_path / "study", lines.append, settle_s=0.0)
    keeper.begin(spec)
    keeper.back()
    assert hangs.wait(5.0)
    keeper.close(0.01)
    answers.set()
    line = lines[-1]
    assert "gave no answer" in line
    assert "the last backup is missing, the newest is as of 20" in line
    assert str(tmp_path / "study") in line


def test_a_disk_that_is_full_at_the_end_is_told(tmp_path, monkeypatch):
    storage, spec = backed_up(tmp_path)
    lines = []

    def full(*given, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    keeper = Keeper(storage.uri, tmp_path / "study", lines.append, settle_s=0.0)
    with keeper:
        keeper.begin(spec)
        keeper._backs = True  # as `back`, without its thread
        monkeypatch.setattr(backup_writer.tempfile, "TemporaryDirectory", full)
        keeper.deliver()
    delivering, closing = lines[-2:]
    assert delivering.startswith("warning: [Errno 28] No space left on device; winner and report")
    assert closing.startswith("warning: [Errno 28] No space left on device; the last backup is")
    assert not storage_lease.read(storage).released  # or the next would say that nothing is missing


def test_what_a_crashed_write_left_is_swept(tmp_path):
    storage, spec = backed_up(tmp_path)
    left = "x.0123abcd.part"
    ours = ["", "claims/", "journals/", "checkpoints/", "retraining-3/checkpoints/", "winner/a/b/"]
    old = [tmp_path / "storage" / folder / left for folder in ours]
    kept = [tmp_path / "storage" / name for name in ("theirs.part", f"elsewhere/{left}")]
    fresh = tmp_path / "storage" / "journals" / "y.0123abcd.part"
    for path in [*old, *kept, fresh]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"begun")
    for path in [*old, *kept]:
        os.utime(path, (0, time.time() - LEFT_S - 60))
    with Keeper(storage.uri, tmp_path / "study", print, settle_s=0.0) as keeper:
        keeper.begin(spec)
    assert not [path for path in old if path.exists()]
    assert all(path.exists() for path in [*kept, fresh])


def test_copies_that_killed_drivers_left_here_are_swept(tmp_path):
    """Each is as large as the journal."""
    storage, spec = backed_up(tmp_path)
    study = tmp_path / "study"
    long_ago = time.time() - LEFT_S - 60
    for name in (".backup-abcdefgh", ".restoring-abcdefgh", ".backup-ijklmnop", "backup-mine"):
        (study / name).mkdir(parents=True)
        (study / name / "journal.sqlite3").write_bytes(b"half of a journal")
        if "ijkl" not in name:  # this one is somebody's at this moment
            os.utime(study / name, (long_ago, long_ago))
    with Keeper(storage.uri, study, print, settle_s=0.0) as keeper:
        keeper.begin(spec)
    left = {path.name for path in study.iterdir() if path.is_dir()}
    assert {".backup-ijklmnop", "backup-mine"} <= left
    assert not {".backup-abcdefgh", ".restoring-abcdefgh"} & left


def test_a_driver_that_made_no_backup_is_told(tmp_path):
    """Its successor begins anew, and says what that costs."""
    storage, spec, lines = Storage(str(tmp_path / "storage")), StudySpec.default(), []
    gone = replace(LeaseHolder.here(), driver_pid=2**22 - 1)
    lease = storage_lease.take(storage, gone, settle_s=0.0)
    storage_lease._put(
        storage, replace(lease._mine, renewed_at=lease._mine.acquired_at + 20.0, late_s=3.0)
    )
    with Keeper(storage.uri, tmp_path / "study", lines.append, settle_s=0.0) as keeper:
        keeper.begin(spec)
    (line,) = lines
    assert "holds no backup of what was begun there (host " in line
    assert "begins anew; at most 31 s of acknowledged measurements may be missing" in line


@pytest.mark.parametrize("late_s", [0.0, 4.0])
def test_the_loss_window_grows_with_how_late_signs_of_life_came(tmp_path, late_s):
    storage, spec = backed_up(tmp_path)
    gone = replace(LeaseHolder.here(), driver_pid=2**22 - 1)
    lease = storage_lease.take(storage, gone, settle_s=0.0)
    at = backup.read_manifest(storage).at
    told = replace(lease._mine, renewed_at=at + 2.0, backed_up_at=at + 1.0, late_s=late_s)
    storage_lease._put(storage, told)
    lines = []
    with Keeper(storage.uri, tmp_path / "study", lines.append, settle_s=0.0) as keeper:
        keeper.begin(spec)
    assert f"; at most {6 + 2 * late_s:.0f} s of acknowledged measurements may be" in lines[0]
