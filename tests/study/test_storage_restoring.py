"""The way back from a storage: from which of the two, and what of it is kept apart."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path

import pytest
from journal_samples import bytes_of, curve, new_study, rung, saved, trials
from storage_samples import confirmed, go_on, writer_of

from caviar.errors import StudyError
from caviar.study import backup, restoring, restoring_checks
from caviar.study.journal import Journal
from caviar.study.storage import Storage


def test_a_damaged_copy_is_told_and_the_one_before_taken(tmp_path: Path) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        writer = writer_of(storage, study)
        go_on(journal, 0)
        writer.write(confirmed)
        before = list(journal.entries())
        go_on(journal, 1)
        writer.write(confirmed)
    manifest = backup.read_manifest(storage)
    assert manifest is not None
    for spoiled in (b"", storage.get(manifest.copies[""].key)[:-9], b"no journal"):
        storage.put(manifest.copies[""].key, spoiled)
        restored = restoring.restore(storage, tmp_path / "elsewhere", manifest)
        assert "is damaged" in restored.damaged
        with Journal.open(tmp_path / "elsewhere") as found:
            assert list(found.entries()) == before
        shutil.rmtree(tmp_path / "elsewhere")
    storage.delete(manifest.previous[""].key)
    with pytest.raises(StudyError, match="is gone"):
        restoring.restore(storage, tmp_path / "elsewhere", manifest)
    assert not (tmp_path / "elsewhere" / "journal.sqlite3").exists()
    storage.put("manifest-000001.json", b"{}")
    with pytest.raises(StudyError, match=r"manifest-000001.json is damaged; delete it$"):
        backup.read_manifest(storage)


def test_the_backup_before_the_last_is_whole_as_well(tmp_path: Path) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        writer = writer_of(storage, study)
        number = journal.issue(rung(0, last=9), decisions=trials(0))
        attempt = journal.start_attempt(number, "s")
        for epoch in range(1, 5):  # each checkpoint supersedes the one before
            journal.report(number, attempt, curve([0], [epoch]), saved([0], epoch))
            writer.write(confirmed)
    manifest = backup.read_manifest(storage)
    assert len(storage.list("checkpoints")) == 2
    storage.delete(manifest.copies[""].key)
    assert restoring.restore(storage, tmp_path / "elsewhere", manifest).damaged
    with Journal.open(tmp_path / "elsewhere", write=True) as found:
        found.acquire_lease()
        assert found.use_storage(storage.uri) == ()
        assert found.measured_epochs == 3
        (record,) = found.checkpoints()
        assert found.read_checkpoint(record) == bytes_of(0, 3)


def test_a_full_disk_is_no_damage_of_the_backup(tmp_path: Path) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study):
        writer_of(storage, study).write(confirmed)
    copy = backup.read_manifest(storage).copies[""]
    with pytest.raises(StudyError, match=r"^/dev/full: the disk is full") as found:
        backup.unpack(storage, copy, Path("/dev/full"))
    assert "damaged" not in str(found.value)


def test_for_a_full_disk_no_older_backup_is_taken(tmp_path: Path, monkeypatch) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        writer = writer_of(storage, study)
        for step in range(2):
            go_on(journal, step)
            writer.write(confirmed)
    calls, sync = [], os.fsync

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StudyError, match="the disk is full"):
        restoring.restore(storage, tmp_path / "elsewhere", backup.read_manifest(storage))
    assert not (tmp_path / "elsewhere").exists()


def test_whoever_is_ahead_counts(tmp_path: Path) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    other = tmp_path / "other"
    with new_study(study) as journal:
        writer = writer_of(storage, study)
        go_on(journal, 0)
        writer.write(confirmed)
        manifest = backup.read_manifest(storage)
        assert restoring_checks.is_ahead(study, manifest, storage)  # as far
        go_on(journal, 1)
    assert restoring_checks.is_ahead(study, manifest, storage)  # further
    assert not restoring_checks.is_ahead(other, manifest, storage)  # nothing there
    restoring.restore(storage, other, manifest)
    with Journal.open(other, write=True) as journal:
        journal.acquire_lease()
        for step in range(1, 4):
            go_on(journal, step)
        writer_of(storage, other, token=2).write(confirmed)
    manifest = backup.read_manifest(storage)
    assert manifest.token == 2
    # The first machine comes back with what it acknowledged and never backed up.
    assert not restoring_checks.is_ahead(study, manifest, storage)
    restored = restoring.restore(storage, study, manifest)
    assert restored.aside is not None
    with Journal.open(study) as journal, Journal.open(restored.aside) as lost:
        assert journal.measured_epochs == 18
        assert lost.measured_epochs == 9
    assert restoring_checks.is_ahead(study, manifest, storage)


def test_another_study_is_refused(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "storage"))
    for name in ("one", "two"):
        new_study(tmp_path / name).close()
    writer_of(storage, tmp_path / "one").write(confirmed)
    manifest = backup.read_manifest(storage)
    with pytest.raises(StudyError, match=r"holds another study than .*two \(digits, begun "):
        restoring_checks.is_ahead(tmp_path / "two", manifest, storage)


def test_checkpoints_of_another_way_are_kept_apart(tmp_path: Path) -> None:
    storage, study, other = (tmp_path / n for n in ("storage", "study", "other"))
    storage = Storage(str(storage))
    with new_study(study) as journal:
        go_on(journal, 0)
        writer_of(storage, study).write(confirmed)
    restoring.restore(storage, other, backup.read_manifest(storage))
    # Either goes on by itself under the same token, as after a run without --storage.
    for place, content in ((study, b"one way"), (other, b"the other")):
        with Journal.open(place, write=True) as journal:
            journal.acquire_lease(least=2)
            number = journal.issue(rung(0, first=3, last=9))
            attempt = journal.start_attempt(number, "s")
            journal.report(number, attempt, curve([0], range(4, 10)), {0: (9, content)}, True)
    writer_of(storage, other, token=2).write(confirmed)
    restored = restoring.restore(storage, study, backup.read_manifest(storage))
    with Journal.open(study, write=True) as journal:
        journal.acquire_lease()
        assert journal.use_storage(storage.uri) == ()
        writer_of(storage, study, token=3).carry()
        assert journal.read_checkpoint(journal.latest_checkpoint(0)) == b"the other"
    with Journal.open(restored.aside) as lost:
        assert lost.read_checkpoint(lost.latest_checkpoint(0)) == b"one way"


def test_a_storage_is_not_left_for_another_without_its_checkpoints(tmp_path: Path) -> None:
    first, second = (Storage(str(tmp_path / name)) for name in ("first", "second"))
    study = tmp_path / "study"
    with new_study(study) as journal:
        go_on(journal, 0)
        journal.use_storage(first.uri)
        restoring_checks.refuse_left_behind(study, second)  # they are here still
        writer_of(first, study).carry()
        restoring_checks.refuse_left_behind(study, first)
    with pytest.raises(StudyError, match=rf"second: the study's checkpoints are in {first.uri}"):
        restoring_checks.refuse_left_behind(study, second)
    shutil.copytree(tmp_path / "first", tmp_path / "second", dirs_exist_ok=True)
    restoring_checks.refuse_left_behind(study, second)
    shutil.rmtree(tmp_path / "second")
    shutil.rmtree(tmp_path / "first")
    restoring_checks.refuse_left_behind(study, second)  # gone: nothing can be copied any more


def test_lost_checkpoints_are_forgotten_and_trained_again(tmp_path: Path) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        journal.use_storage(storage.uri)
        writer = writer_of(storage, study)
        go_on(journal, 0)
        go_on(journal, 2)
        writer.carry()
        number = journal.issue(rung(0, first=3, last=9))
        storage.delete("checkpoints/trial-000000-epoch-00003-lease-1.ckpt")
        lost = journal.use_storage(storage.uri)
        assert [(record.trial, record.epoch) for record in lost] == [(0, 3)]
        assert journal.latest_checkpoint(0) is None
        assert journal.latest_checkpoint(1) is not None
        attempt = journal.start_attempt(number, "s")
        # It begins anew: what stands is not taken twice, what was never measured is refused.
        receipt = journal.report(number, attempt, curve([0], range(1, 10)), saved([0], 9), True)
        assert [m.epoch for m in receipt.accepted] == [4, 5, 6, 7, 8, 9]
        assert journal.events("checkpoint_lost")[0].detail == {"trial": 0, "epoch": 3}


def test_what_is_carried_while_it_is_looked_for_is_not_lost(tmp_path: Path, monkeypatch) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        go_on(journal, 0)
        go_on(journal, 1)
        writer, listing = writer_of(storage, study), Storage.list

        def list_while_it_is_carried(self, folder: str = ""):
            before = listing(self, folder)
            if folder == "checkpoints" and threading.current_thread() is threading.main_thread():
                carrier = threading.Thread(target=writer.carry)
                carrier.start()
                carrier.join()
            return before

        monkeypatch.setattr(Storage, "list", list_while_it_is_carried)
        assert journal.use_storage(storage.uri) == ()
        assert not list((study / "checkpoints").iterdir())  # it was carried meanwhile
        for record in journal.checkpoints():
            assert journal.read_checkpoint(record) == bytes_of(record.trial, record.epoch)
