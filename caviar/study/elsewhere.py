"""Where a study's checkpoints are that are not in its directory any more: its storage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from caviar.study.backup import checkpoint_folder, checkpoint_key
from caviar.study.checkpoints import files_in
from caviar.study.storage import Storage, StorageError

PAUSE_S: Final = 5.0
"""A storage that did not answer is not asked again for this long: a broker may not hang on it."""
PATIENCE: Final = 9
"""And for so many times as long as it let one wait: that is a tenth of the broker's time."""


class Elsewhere:
    """The storage that a journal tells of; nothing is opened before it is needed.

    Several threads may ask at once.
    """

    def __init__(
        self,
        used: Callable[[], tuple[str, str] | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what tells the storage's address and the part of the study, or None."""
        self._used = used
        self._clock = clock
        self._opening = threading.Lock()
        self._found: tuple[Storage, str] | None = None
        self._failed: tuple[float, str] | None = None

    def __call__(self, file: str) -> bytes | None:
        """A checkpoint's bytes; None if there is no storage, or it has no such file.

        Raises:
            StorageError: the storage does not answer.
        """
        found = self._open()
        if found is None:
            return None
        began = self._clock()
        failed = self._failed
        if failed is not None and began < failed[0]:
            raise StorageError(failed[1])
        try:
            data = found[0].get(checkpoint_key(found[1], file))
        except StorageError as error:
            now = self._clock()
            self._failed = now + max(PAUSE_S, PATIENCE * (now - began)), str(error)
            raise
        self._failed = None
        return data

    def forget(self) -> None:
        """The journal tells of another storage now."""
        self._found = None

    def files(self) -> set[str]:
        """The checkpoints that are in the storage.

        Raises:
            StorageError: the storage does not answer.
        """
        found = self._open()
        return files_in(found[0].list(checkpoint_folder(found[1]))) if found else set()

    def _open(self) -> tuple[Storage, str] | None:
        with self._opening:
            if self._found is None:
                used = self._used()
                self._found = (Storage(used[0]), used[1]) if used else None
            return self._found
