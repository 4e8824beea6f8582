"""From a backup to a study directory: which of the two is ahead, and the way back.

The search's journal is put in its place last: a directory without it is no study yet, and a
restoring that was interrupted begins anew.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.study import backup
from caviar.study.backup import Copy, Manifest
from caviar.study.checkpoints import DIRECTORY, files_in
from caviar.study.filesystem import sync_directory, write_durably
from caviar.study.journal import Journal
from caviar.study.lease import RENEW_EVERY_S
from caviar.study.opening import FILE
from caviar.study.storage import Storage, StorageError
from caviar.study.storage_lease import StoredLease

WINNER: Final = "winner"
REPORT: Final = "report.html"
MARKER: Final = "winner.json"
"""What says that the winner is in the storage whole, with the SHA-256 of its files; put last."""
_ASIDE: Final = "replaced"


@dataclass(frozen=True)
class Restored:
    """What was put into a study directory.

    Attributes:
        manifest: where from.
        damaged: why the backup before was taken, or "".
        aside: where a journal that went another way was moved to, or None.
    """

    manifest: Manifest
    damaged: str
    aside: Path | None


def is_ahead(directory: Path, manifest: Manifest, storage: Storage) -> bool:
    """Whether a study directory holds all that a backup does.

    Raises:
        StudyError: it is another study's.
    """
    journal = directory / FILE
    if not journal.is_file():
        return False
    here, there = backup.standing(journal), manifest.standing
    if (here.fingerprint, here.created_at) != (there.fingerprint, there.created_at):
        begun = datetime.fromtimestamp(there.created_at).astimezone().isoformat(" ", "seconds")
        raise StudyError(
            f"--storage {storage.uri}: holds another study than {directory} ({manifest.study}, "
            f"begun {begun}); give another --storage"
        )
    return here.entry >= there.entry and backup.goes_on(journal, there)


def restore(storage: Storage, directory: Path, manifest: Manifest) -> Restored:
    """Puts a backup into a study directory, in the place of what is behind it there.

    Raises:
        StudyError: neither it nor the one before is whole, or the disk refuses.
        StorageError: the storage does not answer.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".restoring-", dir=directory))
    try:
        taken, damaged = _fetch(storage, stage, manifest)
        aside = _clear(directory, stage)
        for part in sorted(taken, reverse=True):  # the search, "", is the last
            folder = directory / part
            folder.mkdir(exist_ok=True)
            (stage / _file(part)).rename(folder / FILE)
            sync_directory(folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return Restored(manifest, damaged, aside)


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


def _window(manifest: Manifest, former: StoredLease | None) -> str:
    """How much may be lost: from the backup until the old driver can last have been at work."""
    if former is None or former.token != manifest.token:
        return "what was measured since may be missing"
    since = max(manifest.at, former.backed_up_at)
    most = max(0.0, former.renewed_at - since) + RENEW_EVERY_S
    return (
        f"at most {most:.0f} s of acknowledged measurements may be missing, "
        "or more if it went on without reaching the storage"
    )


def fetch_winner(storage: Storage, directory: Path) -> bool:
    """Puts the winner where it belongs, if the storage has a whole one and the study has none.

    Returns:
        Whether there is one now that was not before.
    """
    data = storage.get(MARKER)
    if data is None or (directory / WINNER).exists():
        return False
    files = _marked(data)
    if not files:
        return False
    stage = Path(tempfile.mkdtemp(prefix=".restoring-", dir=directory))
    try:
        for name, digest in files.items():
            found = storage.get(f"{WINNER}/{name}")
            if found is None or sha256(found).hexdigest() != digest:
                return False
            path = stage / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, found)
        stage.chmod(0o755)
        stage.rename(directory / WINNER)
        return True
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def put_winner(storage: Storage, directory: Path) -> bool:
    """Puts the winner into the storage, whole or not at all, and the report beside it.

    Returns:
        Whether there is a winner.

    Raises:
        StorageError: the storage does not answer; there is no whole winner in it then.
    """
    report = directory / REPORT
    if report.is_file():
        storage.put(REPORT, report.read_bytes())
    folder = directory / WINNER
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    marker = {"files": {name: sha256(data).hexdigest() for name, data in files.items()}}
    if not files or storage.get(MARKER) == (told := json.dumps(marker).encode()):
        return bool(files)
    storage.delete(MARKER)
    for name, data in files.items():
        storage.put(f"{WINNER}/{name}", data)
    storage.put(MARKER, told)
    return True


def _marked(data: bytes) -> Mapping[str, str]:
    """The files of a marker; none of a damaged one, whose winner is then told anew."""
    try:
        files = json.loads(data)["files"]
        sound = all(
            isinstance(digest, str) and not Path(name).is_absolute() and ".." not in name
            for name, digest in files.items()
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}
    return files if sound else {}


def _fetch(storage: Storage, stage: Path, manifest: Manifest) -> tuple[Mapping[str, Copy], str]:
    """The journals into a folder; of the backup before, if the last is damaged, and why."""
    try:
        return _unpack(storage, stage, manifest.copies), ""
    except StudyError as error:
        if not manifest.previous or type(error) is not StudyError:
            raise
        return _unpack(storage, stage, manifest.previous), str(error)


def _unpack(storage: Storage, stage: Path, copies: Mapping[str, Copy]) -> Mapping[str, Copy]:
    for part, copy in copies.items():
        path = stage / _file(part)
        backup.unpack(storage, copy, path)
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    return copies


def _clear(directory: Path, stage: Path) -> Path | None:
    """Makes room; what went another way than the backup is kept, where that is, is returned."""
    journal = directory / FILE
    here = backup.standing(journal) if journal.is_file() else None
    aside = None
    if here is not None and not backup.goes_on(stage / _file(""), here):
        stamp = datetime.now().astimezone().strftime("%Y%m%dT%H%M%S")
        aside = directory / f"{_ASIDE}-{stamp}"
        aside.mkdir()
    for part in ["", *(part for part in backup.parts(directory) if part)]:
        for path in (directory / part).glob(f"{FILE}*"):
            if aside is None:
                path.unlink()
            else:
                (aside / part).mkdir(exist_ok=True)
                path.rename(aside / part / path.name)
        # Its checkpoints may have names that the backup's have too.
        if aside is not None and (directory / part / DIRECTORY).is_dir():
            (directory / part / DIRECTORY).rename(aside / part / DIRECTORY)
    return aside


def _file(part: str) -> str:
    return f"{part or 'search'}.sqlite3"
