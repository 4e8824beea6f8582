"""From a backup to a study directory: to go on with it there, or as a copy to read.

The search's journal is put in its place last: a directory without it is no study yet, and a
restoring that was interrupted begins anew.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.study import backup, backup_journal
from caviar.study.backup import Copy, DamagedError, Manifest
from caviar.study.backup_winner import RESTORING, WINNER, fetch_winner
from caviar.study.checkpoints import DIRECTORY
from caviar.study.database import plain_errors
from caviar.study.filesystem import sync_directory
from caviar.study.opening import FILE
from caviar.study.restoring_checkpoints import Say, fetch_checkpoints
from caviar.study.storage import Storage

TRIES: Final = 5
"""Backups that a copy is begun of; a driver at work deletes them after some seconds."""

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


@dataclass(frozen=True)
class _Copied:
    """A backup in a folder that is laid out as a study directory.

    Attributes:
        manifest: where from.
        parts: of the study.
        damaged: why the backup before was taken, or "".
        checkpoints: how many came along.
        missing: how many are gone or damaged.
    """

    manifest: Manifest
    parts: tuple[str, ...]
    damaged: str
    checkpoints: int
    missing: int


def restore(storage: Storage, directory: Path, manifest: Manifest) -> Restored:
    """Puts a backup into a study directory, in the place of what is behind it there.

    Raises:
        StudyError: neither it nor the one before is whole, or the disk refuses.
        StorageError: the storage does not answer.
    """
    with _staged(directory) as stage:
        copies, damaged = _fetch(storage, stage, manifest)
        aside = _clear(directory, stage)
        _install(stage, directory, copies)
    return Restored(manifest, damaged, aside)


def copy_out(storage: Storage, directory: Path, *, checkpoints: bool, say: Say) -> str:
    """Copies a study's newest whole backup for reading; no lease, also while a driver writes.

    Args:
        storage: that holds it.
        directory: new or empty; left as it was if this fails.
        checkpoints: whether they come along.
        say: is told what goes on when it takes longer, and what is missing.

    Returns:
        What came, in a line.

    Raises:
        StudyError: there is no backup, it is damaged, or the directory cannot be written.
        StorageError: the storage does not answer.
    """
    if directory.is_dir() and any(directory.iterdir()):
        raise StudyError(f"{directory}: must be new or empty")
    with _staged(directory) as stage:
        # First the winner: the journals then tell of all that its card does.
        has_winner = fetch_winner(storage, stage)
        copied = _copy(storage, stage, checkpoints, say)
        epochs = backup_journal.standing(stage / FILE).epochs
        if has_winner:
            (stage / WINNER).rename(directory / WINNER)
        for part in copied.parts if checkpoints else ():
            (directory / part).mkdir(exist_ok=True)
            (stage / part / DIRECTORY).rename(directory / part / DIRECTORY)
        _install(stage, directory, copied.parts)
    if copied.damaged:
        say(f"note: it is the backup before the last: {copied.damaged}")
    if copied.missing:
        say(f"note: {copied.missing} checkpoints are gone or damaged and did not come")
    return _came(copied, epochs, has_winner, checkpoints)


def _came(copied: _Copied, epochs: int, has_winner: bool, checkpoints: bool) -> str:
    at = datetime.fromtimestamp(copied.manifest.at).astimezone().isoformat(" ", "seconds")
    told = f"{copied.manifest.study} as of {at}: {epochs} trial-epochs"
    told += ", the winner" if has_winner else ""
    return told + (f", {copied.checkpoints} checkpoints" if checkpoints else "")


@contextmanager
def _staged(directory: Path) -> Iterator[Path]:
    """A folder in a directory, made if need be; neither is left behind without reason."""
    is_new = not directory.exists()
    with plain_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=RESTORING, dir=directory))
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)
            if is_new and not any(directory.iterdir()):
                directory.rmdir()


def _install(stage: Path, directory: Path, parts: Iterable[str]) -> None:
    """Moves journals to their place."""
    for part in sorted(parts, reverse=True):  # the search, "", is the last
        (directory / part).mkdir(exist_ok=True)
        (stage / part / FILE).rename(directory / part / FILE)
        sync_directory(directory / part)


def _copy(storage: Storage, stage: Path, checkpoints: bool, say: Say) -> _Copied:
    """One backup, whole; a newer one where it is deleted before all of it came."""
    manifest = backup.read_manifest(storage)
    if manifest is None:
        raise StudyError(f"--storage {storage.uri}: holds no study")
    for left in reversed(range(TRIES)):
        copied, error = None, None
        try:
            copied = _copy_one(storage, stage, manifest, checkpoints, say)
            if not copied.damaged and not copied.missing:
                return copied
        except DamagedError as found:
            error = found
        latest = backup.read_manifest(storage) if left else manifest
        if latest is None or (latest.token, latest.number) == (manifest.token, manifest.number):
            break
        manifest = latest
    if copied is None:
        assert error is not None
        raise error
    return copied


def _copy_one(
    storage: Storage, stage: Path, manifest: Manifest, checkpoints: bool, say: Say
) -> _Copied:
    copies, damaged = _fetch(storage, stage, manifest)
    came, missing = fetch_checkpoints(storage, stage, copies, say) if checkpoints else (0, 0)
    return _Copied(manifest, tuple(copies), damaged, came, missing)


def _fetch(storage: Storage, stage: Path, manifest: Manifest) -> tuple[Mapping[str, Copy], str]:
    """The journals into a folder; of the backup before, if the last is damaged, and why."""
    try:
        return _unpack(storage, stage, manifest.copies), ""
    except DamagedError as error:
        if not manifest.previous:
            raise
        return _unpack(storage, stage, manifest.previous), str(error)


def _unpack(storage: Storage, stage: Path, copies: Mapping[str, Copy]) -> Mapping[str, Copy]:
    for part, copy in copies.items():
        path = stage / part / FILE
        path.parent.mkdir(exist_ok=True)
        backup.unpack(storage, copy, path)
    return copies


def _clear(directory: Path, stage: Path) -> Path | None:
    """Makes room; what went another way than the backup is kept, where that is, is returned."""
    journal = directory / FILE
    here = backup_journal.standing(journal) if journal.is_file() else None
    aside = None
    if here is not None and not backup_journal.goes_on(stage / FILE, here):
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
