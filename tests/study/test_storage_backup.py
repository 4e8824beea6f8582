"""Backups: whatever is interrupted, what a manifest names is there, and a way back leads to it."""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

import pytest
from journal_samples import bytes_of, curve, new_study, rung, saved, trials

from caviar.errors import LeaseError, StudyError
from caviar.study import backup, backup_journal, backup_winner, restoring, restoring_checks
from caviar.study.backup_writer import BackupWriter
from caviar.study.elsewhere import PAUSE_S, Elsewhere
from caviar.study.journal import Journal
from caviar.study.storage import Storage, StorageError


class Crash(BaseException):
    """The driver's process is killed."""


class Frail(Storage):
    """A directory whose `left`-th write from now kills the process, before or after it is done."""

    left = 10**9
    done = False
    error: type[BaseException] = Crash

    def put(self, key: str, data: bytes) -> None:
        self._write(lambda: Storage.put(self, key, data))

    def delete(self, key: str) -> None:
        self._write(lambda: Storage.delete(self, key))

    def _write(self, action) -> None:
        self.left -= 1
        if self.left > 0:
            action()
            return
        if self.done and not self.left:
            action()
        raise self.error("the end")


def confirmed() -> None:
    """The lease is ours."""


def writer_of(storage: Storage, study: Path, token: int = 1) -> BackupWriter:
    return BackupWriter(storage, study, "digits", token, backup.read_manifest(storage))


def go_on(journal: Journal, step: int) -> None:
    """An assignment more: a trial's first rung, or its second."""
    index, second = step // 2, step % 2
    first, last = (3, 9) if second else (0, 3)
    decisions = [] if second else trials(index)
    number = journal.issue(rung(index, first=first, last=last), decisions=decisions)
    attempt = journal.start_attempt(number, "s")
    middle = (first + last) // 2 + 1
    journal.report(
        number, attempt, curve([index], range(first + 1, middle + 1)), saved([index], middle)
    )
    journal.report(
        number, attempt, curve([index], range(middle + 1, last + 1)), saved([index], last), True
    )


def recovered(uri: str, folder: Path) -> Journal | None:
    """What a driver elsewhere finds, whole; None if there was no backup yet."""
    storage = Storage(uri)
    manifest = backup.read_manifest(storage)
    if manifest is None:
        return None
    restored = restoring.restore(storage, folder, manifest)
    assert restored.damaged == ""
    journal = Journal.open(folder, write=True)
    journal.acquire_lease()
    assert journal.use_storage(uri) == ()  # nothing that it names is lost
    for record in journal.checkpoints():
        assert journal.read_checkpoint(record) == bytes_of(record.trial, record.epoch)
    return journal


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


def test_another_study_is_refused(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "storage"))
    for name in ("one", "two"):
        new_study(tmp_path / name).close()
    writer_of(storage, tmp_path / "one").write(confirmed)
    manifest = backup.read_manifest(storage)
    with pytest.raises(StudyError, match=r"holds another study than .*two \(digits, begun "):
        restoring_checks.is_ahead(tmp_path / "two", manifest, storage)


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


def test_a_storage_that_hangs_is_not_asked_by_everyone() -> None:
    asked, now = [], [0.0]

    class Gone(Storage):
        def get(self, key: str) -> bytes:
            asked.append(key)
            raise StorageError("gone")

    elsewhere = Elsewhere(lambda: ("/nowhere", ""), lambda: now[0])
    elsewhere._found = Gone("/nowhere"), ""
    for _ in range(3):
        with pytest.raises(StorageError, match="gone"):
            elsewhere("x.ckpt")
    assert asked == ["checkpoints/x.ckpt"]
    now[0] = PAUSE_S
    with pytest.raises(StorageError, match="gone"):
        elsewhere("x.ckpt")
    assert len(asked) == 2


def test_the_winner_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    storage, study = Frail(str(tmp_path / "storage")), tmp_path / "study"
    storage.error = StorageError
    assert not backup_winner.put_winner(storage, tmp_path / "nothing")
    for version in range(2):
        (study / "winner" / "model").mkdir(parents=True, exist_ok=True)
        for name in ("card.json", "model/weights.npz", f"only-{version}"):
            (study / "winner" / name).write_text(f"{name} {version}")
        (study / "report.html").write_text(f"report {version}")
        for left in range(2, 6 + version):
            storage.left = left
            with pytest.raises(StorageError):
                backup_winner.put_winner(storage, study)
            there = backup_winner.fetch_winner(Storage(storage.uri), _fresh(tmp_path / "look"))
            assert there == (version == 1 and left == 2)
        storage.left = 10**9
        assert backup_winner.put_winner(storage, study)
        assert backup_winner.put_winner(storage, study)
        assert backup_winner.fetch_winner(Storage(storage.uri), _fresh(tmp_path / "look"))
        assert _tree(tmp_path / "look" / "winner") == _tree(study / "winner")
        assert not backup_winner.fetch_winner(Storage(storage.uri), tmp_path / "look")


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


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
