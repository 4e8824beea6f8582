"""Where a driver begins: what its storage holds beyond its directory, and brought from there."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from caviar.errors import StudyError
from caviar.study import backup, backup_journal, backup_winner, restoring, restoring_checks
from caviar.study.backup import Manifest
from caviar.study.backup_winner import RESTORING
from caviar.study.backup_writer import COPYING
from caviar.study.growth import differences_beyond
from caviar.study.journal import Journal
from caviar.study.lease import LeaseHolder, refuse_if_held
from caviar.study.opening import FILE, open_reader
from caviar.study.spec import StudySpec
from caviar.study.storage import LEFT_S, Storage, StorageError
from caviar.study.storage_lease import StoredLease


def make_ready(storage: Storage, directory: Path) -> None:
    """Finds out whether a storage can be written, and clears away what crashed writes left.

    Args:
        storage: the study's.
        directory: the study's, here; a driver that was killed may have left copies of it.

    Raises:
        StorageError: it cannot.
    """
    storage.sweep(backup.folders(), storage.check() - LEFT_S)
    for pattern in (f"{COPYING}*", f"{RESTORING}*"):
        for folder in directory.glob(pattern):
            with suppress(OSError):
                if folder.lstat().st_mtime < time.time() - LEFT_S:
                    shutil.rmtree(folder)


def newer_in(storage: Storage, directory: Path, spec: StudySpec) -> Manifest | None:
    """The backup, if the directory does not hold all that it does; else None.

    Raises:
        StudyError: it is of another study.
    """
    manifest = backup.read_manifest(storage)
    if manifest is None or restoring_checks.is_ahead(directory, manifest, storage):
        return None
    try:
        begun = _begun(storage, manifest)
    except StorageError:
        raise
    except StudyError:
        return manifest  # it is damaged; the one before it may be whole
    different = differences_beyond(begun, spec)
    if different:
        told = "; ".join(different[:3])
        place = f"--storage {storage.uri}"
        raise StudyError(f"{place}: holds another study ({told}); give another --storage")
    return manifest


def bring(
    storage: Storage,
    directory: Path,
    manifest: Manifest,
    former: StoredLease | None,
    say: Callable[[str], None],
) -> None:
    """Restores a study, and its winner, with the storage's lease held.

    Args:
        storage: where from.
        directory: where to.
        manifest: the backup.
        former: the lease of the driver that wrote it.
        say: is told what came and what may be missing.

    Raises:
        StudyError: the backup is damaged, the local disk refuses, or a driver without this storage
            is at work in the directory.
    """
    journal = directory / FILE
    if journal.is_file():
        with closing(open_reader(directory, time.time)) as reader:
            refuse_if_held(reader, LeaseHolder.here())
    restored = restoring.restore(storage, directory, manifest)
    epochs = backup_journal.standing(journal).epochs
    say(restoring_checks.told(restored, storage, former, epochs))
    if backup_winner.fetch_winner(storage, directory):
        say(f"the winner was brought to {directory / backup_winner.WINNER}")


def local_token(directory: Path) -> int:
    """The token of the last lease of a study directory; 0 if there is none."""
    journal = directory / FILE
    return backup_journal.about(journal)[1] if journal.is_file() else 0


def study_in(uri: str) -> StudySpec | None:
    """The study that a storage holds a backup of, as it was begun; None if it holds none.

    Raises:
        StudyError: the storage does not answer, or what is there is damaged.
    """
    storage = Storage(uri)
    manifest = backup.read_manifest(storage)
    return _begun(storage, manifest) if manifest else None


def storage_of(directory: Path) -> str:
    """The storage that a study's checkpoints were carried to by an earlier run, or ""."""
    if not Journal.exists(directory):
        return ""
    with Journal.open(directory) as journal:
        used = journal.storage_used()
    return used[0] if used else ""


def _begun(storage: Storage, manifest: Manifest) -> StudySpec:
    with tempfile.TemporaryDirectory(prefix="caviar-storage-") as folder:
        copy = Path(folder) / FILE
        backup.unpack(storage, manifest.copies[""], copy)
        return StudySpec.from_json(backup_journal.about(copy)[0])
