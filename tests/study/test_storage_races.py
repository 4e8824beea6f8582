"""Storages: what happens beside each other, far away, or by a person's slip."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest
from journal_samples import bytes_of, curve, new_study, rung, saved, trials
from test_storage_backup import confirmed, go_on, writer_of

from caviar.errors import StudyError
from caviar.study import backup, backup_journal, backup_winner, restoring, restoring_checks
from caviar.study.elsewhere import PATIENCE, PAUSE_S, Elsewhere
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind
from caviar.study.storage import Storage, StorageError


class Far(Storage):
    """A storage each of whose writes takes a while."""

    wait_s = 0.0

    def put(self, key: str, data: bytes) -> None:
        time.sleep(self.wait_s)
        super().put(key, data)

    def delete(self, key: str) -> None:
        time.sleep(self.wait_s)
        super().delete(key)


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


def test_a_storage_that_hangs_takes_a_tenth_of_the_time() -> None:
    now, asked = [0.0], []

    class Hanging(Storage):
        def get(self, key: str) -> bytes:
            asked.append(now[0])
            now[0] += 10.0
            raise StorageError("timed out")

    elsewhere = Elsewhere(lambda: ("/nowhere", ""), lambda: now[0])
    elsewhere._found = Hanging("/nowhere"), ""
    while now[0] < 1000.0:
        with pytest.raises(StorageError):
            elsewhere("x.ckpt")
        now[0] += PAUSE_S
    assert 10.0 * len(asked) <= 1000.0 / PATIENCE


@pytest.mark.parametrize(
    "marker", [b"{}", b"no JSON", b'{"files": {}}', b'{"files": {"../x": ""}}']
)
def test_a_damaged_marker_is_no_winner(tmp_path: Path, marker: bytes) -> None:
    storage = Storage(str(tmp_path / "storage"))
    storage.put("winner/card.json", b"{}")
    storage.put(backup_winner.MARKER, marker)
    assert not backup_winner.fetch_winner(storage, tmp_path)
    assert not (tmp_path / "winner").exists()


@pytest.mark.parametrize("uri", ["s3:/bucket/x", "s3:bucket", "gs:/bucket", "file:/tmp/x"])
def test_a_slash_too_few_is_no_directory(uri: str) -> None:
    with pytest.raises(StudyError, match=r"^--storage: must be a directory, s3://bucket"):
        Storage(uri)


@pytest.mark.parametrize("name", ["with blanks", "größe 測試", "trailing/", "a%20b", "c#d?e"])
def test_any_name_of_a_directory_will_do(tmp_path: Path, name: str) -> None:
    storage = Storage(f"{tmp_path}/{name}")
    storage.put("checkpoints/a.bin", b"a")
    assert storage.get("checkpoints/a.bin") == b"a"
    assert set(storage.list("checkpoints")) == {"a.bin"}
    storage.check()


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


def test_a_full_disk_is_no_damage_of_the_backup(tmp_path: Path) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study):
        writer_of(storage, study).write(confirmed)
    copy = backup.read_manifest(storage).copies[""]
    with pytest.raises(StudyError, match=r"^/dev/full: the disk is full") as found:
        backup.unpack(storage, copy, Path("/dev/full"))
    assert "damaged" not in str(found.value)


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
