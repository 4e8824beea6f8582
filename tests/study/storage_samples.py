"""What the tests of storages share: storages that fail, and a study that is at work."""

from __future__ import annotations

import time
from pathlib import Path

from journal_samples import bytes_of, curve, rung, saved, trials

from caviar.study import backup, restoring
from caviar.study.backup_writer import BackupWriter
from caviar.study.journal import Journal
from caviar.study.storage import Storage


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


class Far(Storage):
    """A storage each of whose writes takes a while."""

    wait_s = 0.0

    def put(self, key: str, data: bytes) -> None:
        time.sleep(self.wait_s)
        super().put(key, data)

    def delete(self, key: str) -> None:
        time.sleep(self.wait_s)
        super().delete(key)


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
