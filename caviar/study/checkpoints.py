"""Checkpoint files: written so that they last before the journal vouches for them.

The bytes are opaque here. A file's name carries the writer's fencing token, so a driver that was
taken over can neither overwrite nor remove its successor's files.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.study.facts import CheckpointRecord
from caviar.study.filesystem import sync_directory, write_durably

DIRECTORY: Final = "checkpoints"
"""Where the files are, in a study directory."""

_OURS: Final = re.compile(r"trial-\d{6,}-epoch-\d{5,}-lease-(\d+)\.ckpt(\.tmp)?")
_TEMPORARY: Final = ".tmp"


class CheckpointStore:
    """The study's `checkpoints` directory; it keeps no state beside the files.

    Where a study has a storage (`caviar.study.storage`), files are carried from here to there.
    """

    def __init__(
        self, directory: Path, elsewhere: Callable[[str], bytes | None] = lambda file: None
    ) -> None:
        """Takes the directory, and what fetches a file that is not there (any more)."""
        self._directory = directory
        self._elsewhere = elsewhere

    def write(
        self, contents: Iterable[tuple[int, int, bytes]], token: int, recorded_at: float
    ) -> tuple[CheckpointRecord, ...]:
        """Puts (trial, epoch, bytes) on the disk; once it returns they outlive the machine.

        Raises:
            OSError: the disk refuses; nothing is left behind.
        """
        records: list[CheckpointRecord] = []
        try:
            for trial, epoch, data in contents:
                name = f"trial-{trial:06}-epoch-{epoch:05}-lease-{token}.ckpt"
                digest = hashlib.sha256(data).hexdigest()
                records.append(CheckpointRecord(trial, epoch, name, digest, len(data), recorded_at))
                self._put(name, data)
            if records:
                sync_directory(self._directory)
        except BaseException:
            self.remove(record.file for record in records)
            raise
        return tuple(records)

    def read(self, record: CheckpointRecord) -> bytes:
        """The bytes of a checkpoint.

        Raises:
            StudyError: the file is gone, or not what the journal vouches for.
            StorageError: it is in a storage that does not answer.
        """
        path = self._directory / record.file
        try:
            data: bytes | None = path.read_bytes()
        except FileNotFoundError:
            data = self._elsewhere(record.file)
        if data is None:
            raise StudyError(f"{path}: the checkpoint of trial {record.trial} is gone")
        found = hashlib.sha256(data).hexdigest()
        if found != record.sha256:
            raise StudyError(
                f"{path}: the checkpoint is damaged: its SHA-256 must be"
                f" {record.sha256[:12]}..., got {found[:12]}..."
            )
        return data

    def remove(self, files: Iterable[str]) -> None:
        """Deletes files, with what is left of an interrupted write.

        It never fails, since what it is called after is done: what cannot be deleted now is
        deleted by the next driver's `sweep`.
        """
        for name in files:
            for path in (self._directory / name, self._directory / (name + _TEMPORARY)):
                with suppress(OSError):
                    path.unlink()

    def sweep(self, known: Iterable[str]) -> int:
        """Deletes checkpoint files that no row of the journal names; foreign files stay.

        Returns:
            How many.
        """
        self._directory.mkdir(exist_ok=True)
        present = {name for name in os.listdir(self._directory) if _OURS.fullmatch(name)}
        orphans = present.difference(known)
        for name in orphans:
            (self._directory / name).unlink(missing_ok=True)
        return len(orphans)

    def _put(self, name: str, data: bytes) -> None:
        temporary = self._directory / (name + _TEMPORARY)
        write_durably(temporary, data)
        temporary.rename(self._directory / name)


def files_in(names: Path | Iterable[str]) -> set[str]:
    """Those of some names that are checkpoints, whole ones; or of a directory's files.

    A directory that is not there has none.
    """
    if isinstance(names, Path):
        names = os.listdir(names) if names.is_dir() else ()
    return {n for n in names if _OURS.fullmatch(n) and not n.endswith(_TEMPORARY)}


def token_of(file: str) -> int:
    """The token of the lease that a checkpoint was written under."""
    found = _OURS.fullmatch(file)
    assert found is not None
    return int(found[1])
