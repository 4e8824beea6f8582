"""A study copied out of its storage, for reading, also while a driver writes there."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from journal_samples import bytes_of, new_study
from storage_samples import confirmed, go_on, writer_of

from caviar.errors import StudyError
from caviar.study import backup, backup_winner, storage_lease
from caviar.study.journal import Journal
from caviar.study.restoring import copy_out
from caviar.study.storage import Storage, StorageError


@pytest.fixture
def kept(tmp_path: Path) -> Storage:
    """A search and a retraining in a storage, with a winner."""
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as search, new_study(study / "retraining-1") as finals:
        for step in range(4):
            go_on(search, step)
        go_on(finals, 0)
        writer_of(storage, study).write(confirmed)
    (study / "winner" / "model").mkdir(parents=True)
    (study / "winner" / "model" / "weights.npz").write_bytes(b"weights")
    backup_winner.put_winner(storage, study)
    return storage


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def is_whole(folder: Path) -> bool:
    """Whether all checkpoints that its journals name are in it."""
    for part in backup.parts(folder):
        with Journal.open(folder / part) as journal:
            for record in journal.checkpoints():
                file = folder / part / "checkpoints" / record.file
                if file.read_bytes() != bytes_of(record.trial, record.epoch):
                    return False
    return True


def test_a_copy_holds_journals_and_winner(kept: Storage, tmp_path: Path) -> None:
    said: list[str] = []
    line = copy_out(kept, tmp_path / "copy", checkpoints=False, say=said.append)
    assert line.startswith("digits as of 20")
    assert line.endswith(": 18 trial-epochs, the winner")
    journals = {"journal.sqlite3", "retraining-1/journal.sqlite3"}
    assert tree(tmp_path / "copy") == journals | {"winner/model/weights.npz"}
    with Journal.open(tmp_path / "study") as journal, Journal.open(tmp_path / "copy") as copy:
        assert list(copy.entries()) == list(journal.entries())
    assert said == []
    assert storage_lease.read(kept) is None


def test_a_copy_with_checkpoints_is_whole(kept: Storage, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    line = copy_out(kept, tmp_path / "copy", checkpoints=True, say=print)
    assert line.endswith(": 18 trial-epochs, the winner, 5 checkpoints")
    assert len([name for name in tree(tmp_path / "copy") if name.endswith(".ckpt")]) == 5
    assert is_whole(tmp_path / "copy")


def test_a_copy_while_a_driver_writes_is_of_one_backup(tmp_path: Path, monkeypatch) -> None:
    """Whatever is fetched, two backups later it is deleted."""
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        writer, steps = writer_of(storage, study), iter(range(2, 100))
        for step in range(2):
            go_on(journal, step)
            writer.write(confirmed)
        get, left = Storage.get, [3]

        def meanwhile(self, key: str) -> bytes | None:
            is_reader = threading.current_thread() is threading.main_thread()
            if key.startswith("journals/") and is_reader and left[0]:
                left[0] -= 1
                for _ in range(3):
                    go_on(journal, next(steps))
                    writer.write(confirmed)
            return get(self, key)

        monkeypatch.setattr(Storage, "get", meanwhile)
        said: list[str] = []
        copy_out(storage, tmp_path / "copy", checkpoints=True, say=said.append)
    assert left == [0]
    assert said == []
    assert is_whole(tmp_path / "copy")


def test_checkpoints_that_are_gone_are_told(kept: Storage, tmp_path: Path) -> None:
    gone, damaged, *_ = kept.list("checkpoints")
    kept.delete(f"checkpoints/{gone}")
    kept.put(f"checkpoints/{damaged}", b"spoiled")
    said: list[str] = []
    line = copy_out(kept, tmp_path / "copy", checkpoints=True, say=said.append)
    assert line.endswith(", 3 checkpoints")
    assert said == ["note: 2 checkpoints are gone or damaged and did not come"]


@pytest.mark.parametrize("spoiled", [b"", b"no journal"])
def test_of_a_damaged_backup_the_one_before_is_copied(tmp_path: Path, spoiled: bytes) -> None:
    storage, study = Storage(str(tmp_path / "storage")), tmp_path / "study"
    with new_study(study) as journal:
        writer = writer_of(storage, study)
        for step in range(2):
            go_on(journal, step)
            writer.write(confirmed)
    manifest = backup.read_manifest(storage)
    assert manifest is not None
    storage.put(manifest.copies[""].key, spoiled)
    said: list[str] = []
    assert ": 3 trial-epochs" in copy_out(
        storage, tmp_path / "copy", checkpoints=False, say=said.append
    )
    (line,) = said
    assert line.startswith("note: it is the backup before the last: --storage ")


def test_what_cannot_be_copied_leaves_nothing(kept: Storage, tmp_path: Path, monkeypatch) -> None:
    given = {"checkpoints": True, "say": print}
    with pytest.raises(StudyError, match=r"empty: holds no study$"):
        copy_out(Storage(str(tmp_path / "empty")), tmp_path / "a" / "copy", **given)
    with pytest.raises(StudyError, match=r"study: must be new or empty$"):
        copy_out(kept, tmp_path / "study", **given)
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match=r"file/copy: Not a directory"):
        copy_out(kept, tmp_path / "file" / "copy", **given)
    get = Storage.get

    def fails(self, key: str) -> bytes | None:
        if key.endswith(".ckpt"):
            raise StorageError("gone")
        return get(self, key)

    monkeypatch.setattr(Storage, "get", fails)
    with pytest.raises(StorageError, match="gone"):
        copy_out(kept, tmp_path / "copy", **given)
    assert not (tmp_path / "copy").exists()
