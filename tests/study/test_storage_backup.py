"""Backups: whatever is interrupted, what a manifest names is there."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path

import pytest
from journal_samples import bytes_of, curve, new_study, rung, saved, trials
from storage_samples import Crash, Far, Frail, confirmed, go_on, recovered, writer_of

from caviar.errors import LeaseError, StudyError
from caviar.study import backup, backup_journal, restoring
from caviar.study.backup_writer import BackupWriter, State
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind
from caviar.study.storage import Storage, StorageError


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_between_any_two_writes_leaves_a_whole_backup(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for crash_at in range(1 + seed, 40, 3):
        place = tmp_path / str(crash_at)
        storage = Frail(str(place / "storage"))
        storage.left, storage.done = crash_at, bool(chance.getrandbits(1))
        known: dict[int, list] = {}
        finished = 0
        with new_study(place / "study") as journal:
            writer = writer_of(storage, place / "study")
            try:
                for step in range(4):
                    go_on(journal, step)
                    known[backup_journal.standing(place / "study" / "journal.sqlite3").entry] = (
                        list(journal.entries())
                    )
                    if chance.random() < 0.7:
                        writer.carry()
                    if chance.random() < 0.6 and writer.write(confirmed):
                        finished = max(known)
            except Crash:
                pass
            # What is here is whole as well, wherever its checkpoints are.
            journal.use_storage(storage.uri)
            for record in journal.checkpoints():
                assert journal.read_checkpoint(record) == bytes_of(record.trial, record.epoch)
        found = recovered(storage.uri, place / "elsewhere")
        if found is None:
            assert finished == 0
            continue
        with found:
            entries = list(found.entries())
        assert entries in known.values()
        assert len(entries) >= len(known.get(finished, ()))


def test_a_storage_that_fails_loses_nothing_and_is_tried_again(tmp_path: Path) -> None:
    storage, study = Frail(str(tmp_path / "storage")), tmp_path / "study"
    storage.error = StorageError
    with new_study(study) as journal:
        writer = writer_of(storage, study)
        failed = 0
        for step in range(12):
            go_on(journal, step)
            storage.left = step % 6 + 1
            try:
                writer.carry()
                writer.write(confirmed)
            except StorageError:
                failed += 1
        assert failed >= 6
        storage.left = 10**9
        journal.record("nothing")
        assert writer.write(confirmed)
        assert not writer.write(confirmed)  # nothing is new
        entries = list(journal.entries())
    found = recovered(storage.uri, tmp_path / "elsewhere")
    assert found is not None
    with found:
        assert list(found.entries()) == entries


def test_checkpoints_are_kept_there_and_not_here(tmp_path: Path) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        journal.use_storage(storage.uri)
        writer = writer_of(storage, study)
        for step in range(4):
            go_on(journal, step)
            writer.carry()
            writer.write(confirmed)
        named = {record.file for record in journal.checkpoints()}
        assert len(named) == 4  # one a trial and rung
        assert list((study / "checkpoints").iterdir()) == []
        journal.record("nothing")
        writer.write(confirmed)
        journal.record("nothing")
        writer.write(confirmed)
        assert set(storage.list("checkpoints")) == named  # the superseded ones are gone
        assert len(storage.list("journals")) == 2  # the current copy and the one before
        for record in journal.checkpoints():
            assert journal.read_checkpoint(record) == bytes_of(record.trial, record.epoch)


def test_a_zombies_backup_counts_no_more(tmp_path: Path) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        old = writer_of(storage, study)
        go_on(journal, 0)
        old.write(confirmed)
        shutil.copytree(study, tmp_path / "new")
        go_on(journal, 1)
        with Journal.open(tmp_path / "new", write=True) as taken:
            taken.acquire_lease(least=7)
            go_on(taken, 1)
            writer_of(storage, tmp_path / "new", token=7).write(confirmed)
        old.write(confirmed)  # it did not ask for its lease in time

        def refused() -> None:
            raise LeaseError("another driver took it over")

        go_on(journal, 2)
        with pytest.raises(LeaseError):
            old.write(refused)
    assert backup.read_manifest(storage).token == 7
    found = recovered(storage.uri, tmp_path / "elsewhere")
    with found:
        assert {r.file for r in found.checkpoints() if r.epoch == 9} == {
            "trial-000000-epoch-00009-lease-7.ckpt"
        }


def test_a_storage_far_away_is_backed_up_to_as_often(tmp_path: Path) -> None:
    storage, study = Far(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        writer = writer_of(storage, study)
        go_on(journal, 0)
        storage.wait_s = 0.2
        assert writer.write(confirmed)
    assert writer.took_s < 0.2  # of a core; the rest was waiting, with nobody


def test_what_is_superseded_is_deleted_at_once(tmp_path: Path) -> None:
    storage, study = Far(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        writer = writer_of(storage, study)
        for step in range(17):
            go_on(journal, step)
        writer.carry()
        stray = [f"trial-{k:06}-epoch-00001-lease-1.ckpt" for k in range(40)]
        for name in stray:
            storage.put(f"checkpoints/{name}", b"superseded")
        writer = writer_of(storage, study)
        writer.write(confirmed)
        go_on(journal, 17)
        storage.wait_s, began = 0.05, time.monotonic()
        writer.write(confirmed)
        took_s = time.monotonic() - began
    there = storage.list("checkpoints")
    assert not there.keys() & set(stray)
    assert set(there) == set(backup_journal.named_checkpoints(study / "journal.sqlite3"))
    assert took_s < 40 * 0.05


def test_what_is_superseded_while_a_journal_is_copied_is_not_missed(
    tmp_path: Path, monkeypatch
) -> None:
    """It is named by the copy and deleted before it is carried; the next copy names another."""
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    copy_journal, epochs = backup_journal.copy_journal, iter(range(2, 4))
    with new_study(study) as journal:
        number = journal.issue(rung(0, last=9), decisions=trials(0))
        attempt = journal.start_attempt(number, "s")

        def report(epoch: int) -> None:
            journal.report(number, attempt, curve([0], [epoch]), saved([0], epoch))

        def meanwhile(source: Path, copy: Path) -> None:
            copy_journal(source, copy)
            for epoch in epochs:
                report(epoch)

        monkeypatch.setattr(backup_journal, "copy_journal", meanwhile)
        report(1)
        writer_of(storage, study).write(confirmed)
    restoring.restore(storage, tmp_path / "other", backup.read_manifest(storage))
    with Journal.open(tmp_path / "other", write=True) as found:
        found.acquire_lease()
        assert found.use_storage(storage.uri) == ()
        assert found.measured_epochs == 3


def test_a_journal_that_stands_still_is_copied_once(tmp_path: Path) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as search, new_study(study / "retraining-1") as finals:
        go_on(search, 0)
        writer = writer_of(storage, study)
        keys = []
        for step in range(4):
            go_on(finals, step)
            assert writer.write(confirmed)
            keys.append(backup.read_manifest(storage).copies[""].key)
        assert len(set(keys)) == 1
        assert len(storage.list("journals")) == 3
        go_on(search, 1)
        assert writer.write(confirmed)
        entries = [list(journal.entries()) for journal in (search, finals)]
    other, manifest = tmp_path / "other", backup.read_manifest(storage)
    assert manifest.copies[""].key not in keys
    assert restoring.restore(storage, other, manifest).damaged == ""
    with Journal.open(other) as search, Journal.open(other / "retraining-1") as finals:
        assert [list(journal.entries()) for journal in (search, finals)] == entries


def test_a_checkpoint_written_again_is_not_superseded(tmp_path: Path) -> None:
    """It is no entry of the journal, whose copy is not made anew for it."""
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as search, new_study(study / "retraining-1") as finals:
        go_on(search, 0)
        writer = writer_of(storage, study)
        writer.write(confirmed)
        pulse, (record,) = backup_journal.pulse(study / "journal.sqlite3"), search.checkpoints()
        again = record.file.replace("lease-1", "lease-0")
        storage.put(f"checkpoints/{again}", b"again")
        writer._there[""].add(again)
        search._db.execute("UPDATE checkpoints SET file = ?", (again,))
        assert backup_journal.pulse(study / "journal.sqlite3") == pulse
        for step in range(3):
            go_on(finals, step)
            writer.write(confirmed)
    assert again in storage.list("checkpoints")


def test_a_request_is_backed_up_before_anybody_answers(tmp_path: Path) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        go_on(journal, 0)
        writer = writer_of(storage, study)
        writer.write(confirmed)
        number = journal.request(Change(ChangeKind.STOP_TRIAL, {"trial": 0}))
        assert writer.write(confirmed)
        restoring.restore(storage, tmp_path / "other", backup.read_manifest(storage))
        with Journal.open(tmp_path / "other") as found:
            assert [request.number for request in found.requests()] == [number]
        journal.answer(number)
        assert writer.write(confirmed)
        assert not writer.write(confirmed)


def test_a_journal_without_requests_has_a_pulse(tmp_path: Path) -> None:
    with new_study(tmp_path) as journal:
        journal._db.execute("DROP TABLE requests")
        assert backup_journal.pulse(tmp_path / "journal.sqlite3")[2] == 0


@pytest.mark.parametrize("odd", ["x", None, 1e300, float("nan")])
def test_a_manifest_of_no_time_is_damaged(tmp_path: Path, odd: object) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study):
        writer_of(storage, study).write(confirmed)
    whole = json.loads(storage.get("manifest-000001.json") or b"")
    begun = json.loads(json.dumps(whole))
    begun["copies"][""]["standing"]["created_at"] = odd
    for told in (whole | {"at": odd}, begun):
        storage.put("manifest-000001.json", json.dumps(told).encode())
        with pytest.raises(StudyError, match=r"manifest-000001.json is damaged; delete it$"):
            backup.read_manifest(storage)
    storage.put("manifest-000001.json", json.dumps(whole | {"study": "a\x1b[2J"}).encode())
    manifest = backup.read_manifest(storage)
    assert manifest is not None
    assert manifest.study == "a\\x1b[2J"


def test_a_manifest_that_a_successor_deletes_is_not_missed(tmp_path: Path, monkeypatch) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study):
        writer_of(storage, study).write(confirmed)
        get_json, successor = Storage.get_json, writer_of(storage, study, token=2)

        def meanwhile(self, key: str):
            if key == "manifest-000001.json":
                successor.write(confirmed)
            return get_json(self, key)

        monkeypatch.setattr(Storage, "get_json", meanwhile)
        manifest = backup.read_manifest(Storage(storage.uri))
    assert manifest is not None
    assert manifest.token == 2


def test_what_is_acknowledged_while_a_backup_begins_is_not_said_to_be_in_it(
    tmp_path: Path, monkeypatch
) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    state, looked = BackupWriter.state, []

    def then_more(self: BackupWriter) -> State:
        found = state(self)
        looked.append(time.time())
        return found

    monkeypatch.setattr(BackupWriter, "state", then_more)
    with new_study(study):
        writer_of(storage, study).write(confirmed)
    assert backup.read_manifest(storage).at < looked[0]
