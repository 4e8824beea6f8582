"""Before a study is restored, and after it: which of the two is ahead, and what may be missing."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from caviar.errors import StudyError
from caviar.study import backup, backup_journal
from caviar.study.backup import Manifest
from caviar.study.checkpoints import files_in
from caviar.study.journal import Journal
from caviar.study.lease import RENEW_EVERY_S
from caviar.study.opening import FILE
from caviar.study.restoring import Restored
from caviar.study.storage import Storage, StorageError
from caviar.study.storage_lease import StoredLease


def is_ahead(directory: Path, manifest: Manifest, storage: Storage) -> bool:
    """Whether a study directory holds all that a backup does.

    Raises:
        StudyError: it is another study's.
    """
    journal = directory / FILE
    if not journal.is_file():
        return False
    here, there = backup_journal.standing(journal), manifest.standing
    if (here.fingerprint, here.created_at) != (there.fingerprint, there.created_at):
        begun = datetime.fromtimestamp(there.created_at).astimezone().isoformat(" ", "seconds")
        raise StudyError(
            f"--storage {storage.uri}: holds another study than {directory} ({manifest.study}, "
            f"begun {begun}); give another --storage"
        )
    return here.entry >= there.entry and backup_journal.goes_on(journal, there)


def refuse_left_behind(directory: Path, storage: Storage) -> None:
    """Refuses a storage without the checkpoints that another one has: they would count as lost.

    One that does not answer any more holds nobody up.

    Raises:
        StudyError: naming the other.
        StorageError: this one does not answer.
    """
    for part in backup.parts(directory):
        with Journal.open(directory / part) as journal:
            used, records = journal.storage_used(), journal.checkpoints()
        if used is None or used[0] == storage.uri:
            continue
        folder = backup.checkpoint_folder(part)
        missing = {record.file for record in records} - files_in(directory / folder)
        missing -= files_in(storage.list(folder)) if missing else set()
        with suppress(StorageError):
            if missing and missing & files_in(Storage(used[0]).list(folder)):
                raise StudyError(
                    f"--storage {storage.uri}: the study's checkpoints are in {used[0]}: copy its "
                    "folders of checkpoints first, or go on with that"
                )


def told(restored: Restored, storage: Storage, former: StoredLease | None, epochs: int) -> str:
    """What was restored and what may be missing, in one line.

    Args:
        restored: what `restore` returned.
        storage: where from.
        former: the lease of the driver that wrote it.
        epochs: measurements that stand.
    """
    at = datetime.fromtimestamp(restored.manifest.at).astimezone().isoformat(" ", "seconds")
    line = f"restored from {storage.uri}: the journal as of {at}; {epochs} trial-epochs stand"
    if restored.damaged:
        line += f"; it is the backup before the last: {restored.damaged}"
    elif former is not None and former.released and former.token == restored.manifest.token:
        line += "; nothing is missing"
    else:
        line += f"; {_window(restored.manifest, former)}"
    if restored.aside is not None:
        line += f"; the journal that was here went another way and is in {restored.aside}"
    return line


def told_anew(storage: Storage, former: StoredLease) -> str:
    """What may be missing where a driver made no backup before its end, in one line."""
    return (
        f"{storage.uri} holds no backup of what was begun there ({former.told()}): "
        f"the study begins anew; {_most(former, former.acquired_at)}"
    )


def _window(manifest: Manifest, former: StoredLease | None) -> str:
    """How much may be lost between a backup and its driver's end."""
    if former is None or former.token < manifest.token:
        return "what was measured since may be missing"
    return _most(former, max(manifest.at, former.backed_up_at))


def _most(former: StoredLease, since: float) -> str:
    """From `since` until a driver can last have been at work, in words.

    Its next sign of life was on its way for as long as those before took, and so was the last.
    """
    silent_s = RENEW_EVERY_S + 2 * former.late_s
    most = max(0.0, former.renewed_at - since) + silent_s
    return (
        f"at most {math.ceil(most)} s of acknowledged measurements may be missing, "
        "or more if it went on without reaching the storage"
    )
