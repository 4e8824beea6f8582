"""Writes backups of a study directory: checkpoints as they come, journals now and then."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from caviar.study import backup, backup_journal
from caviar.study.backup import Copy, Manifest
from caviar.study.checkpoints import DIRECTORY, files_in, token_of
from caviar.study.opening import FILE
from caviar.study.storage import Storage, StorageError

AT_ONCE: Final = 8
"""Checkpoints carried, or deleted, at once: a store is far away rather than slow."""
TRIES: Final = 4
"""How often a journal is copied until all that the copy names is there."""

COPYING: Final = ".backup-"
"""How folders in a study directory begin in which a journal is copied."""

State = Mapping[str, backup_journal.Pulse]
"""By part of the study, `backup_journal.pulse` of its journal."""


class BackupWriter:
    """A study directory's way into a storage, under a lease that somebody else renews.

    Attributes:
        previous: the current backup, whoever wrote it; None if there is none.
        seen: the state of the journals that it holds, if this one wrote it; else {}.
        took_s: seconds of a core that it took, however slow the storage is.
    """

    def __init__(
        self, storage: Storage, directory: Path, name: str, token: int, previous: Manifest | None
    ) -> None:
        self._storage = storage
        self._directory = directory
        self._name = name
        self._token = token
        self._number = 0
        self._there: dict[str, set[str]] = {}
        self._last: dict[str, tuple[backup_journal.Pulse, Copy, set[str]]] = {}
        self._unwanted: set[str] = set()
        self._lock = threading.Lock()
        self.previous = previous
        self.seen: State = {}
        self.took_s = 0.0

    def state(self) -> State:
        """How far the journals are."""
        parts = backup.parts(self._directory)
        return {part: backup_journal.pulse(self._directory / part / FILE) for part in parts}

    def carry(self) -> None:
        """Carries those checkpoints to the storage that the journals vouch for.

        Each is then deleted here; who reads it looks in both places.

        Raises:
            StorageError: the storage does not answer; what was not carried is still here.
        """
        with self._lock:
            for part in backup.parts(self._directory):
                self._carry(part)

    def write(self, confirm: Callable[[], None]) -> bool:
        """Makes a backup: checkpoints, copies, manifest, in this order.

        Args:
            confirm: called before the manifest; raises if the lease is another's.

        Returns:
            Whether there was something that the last one does not hold.

        Raises:
            StorageError: the storage does not answer; the last backup stands.
            StudyError: the local disk refuses.
        """
        with self._lock:
            began, at, state = time.thread_time(), time.time(), self.state()
            if not state or state == self.seen:
                return False
            copies, named = self._copies(state)
            confirm()
            self._number += 1
            before = self.previous.copies if self.previous else {}
            given = self._name, self._token, self._number, at, copies, before
            self.previous = Manifest(*given)
            backup.write_manifest(self._storage, self.previous)
            self.seen = state
            self.took_s = time.thread_time() - began
            with suppress(StorageError):
                self._tidy(self.previous, named, confirm)
            return True

    def _carry(self, part: str) -> None:
        folder = self._directory / part / DIRECTORY
        here = files_in(folder)
        if not here:
            return
        named = backup_journal.named_checkpoints(self._directory / part / FILE)
        wanted = sorted(here & named.keys())
        there = self._present(part)

        def carry(name: str) -> None:
            with suppress(FileNotFoundError):  # superseded meanwhile
                self._storage.put(backup.checkpoint_key(part, name), (folder / name).read_bytes())
                there.add(name)
                (folder / name).unlink()

        _all_at_once(carry, wanted)

    def _copies(self, state: State) -> tuple[dict[str, Copy], dict[str, set[str]]]:
        """The journals' copies, and the checkpoints that they name, which are carried first."""
        copies: dict[str, Copy] = {}
        named: dict[str, set[str]] = {}
        self._last = {part: last for part, last in self._last.items() if part in state}
        for part, pulse in state.items():
            # In the finals the search stands still, and is the largest.
            if part not in self._last or self._last[part][0] != pulse:
                self._last[part] = (pulse, *self._copy(part))
            _, copies[part], there = self._last[part]
            # A checkpoint that is written again is no entry, and wanted all the same.
            named[part] = there | set(
                backup_journal.named_checkpoints(self._directory / part / FILE)
            )
        return copies, named

    def _copy(self, part: str) -> tuple[Copy, set[str]]:
        with tempfile.TemporaryDirectory(prefix=COPYING, dir=self._directory) as folder:
            copy = Path(folder) / FILE
            named = self._copy_journal(part, copy)
            packed, digest = backup.pack(copy)
            standing, size = backup_journal.standing(copy), copy.stat().st_size
        number = f"{self._token:06}-{self._number + 1:06}"
        key = f"{backup.JOURNALS}/{number}-{part or 'search'}.sqlite3.zst"
        self._storage.put(key, packed)
        return Copy(key, digest, size, standing), named

    def _copy_journal(self, part: str, copy: Path) -> set[str]:
        """Copies a journal, and carries the checkpoints that the copy names, which are returned.

        One may be superseded, and deleted here, in between: then there is a newer journal.
        """
        for _ in range(TRIES):
            backup_journal.copy_journal(self._directory / part / FILE, copy)
            self._carry(part)
            named = set(backup_journal.named_checkpoints(copy))
            if named <= self._present(part):
                break
        return named

    def _tidy(
        self, manifest: Manifest, named: Mapping[str, set[str]], confirm: Callable[[], None]
    ) -> None:
        """Deletes what neither this backup nor the one before names, but nothing of a successor."""
        unwanted = {
            backup.checkpoint_key(part, file)
            for part, files in named.items()
            for file in self._present(part) - files
            if token_of(file) <= self._token
        }
        twice = sorted(self._unwanted & unwanted)
        if twice:
            confirm()
            self._delete(twice)
        self._unwanted = unwanted - self._unwanted
        kept = {
            copy.key for copies in (manifest.copies, manifest.previous) for copy in copies.values()
        }
        for name in self._storage.list(backup.JOURNALS):
            if f"{backup.JOURNALS}/{name}" not in kept and backup.token_of(name) <= self._token:
                self._storage.delete(f"{backup.JOURNALS}/{name}")
        if manifest.number == 1:
            _delete_former(self._storage, manifest.token)

    def _delete(self, keys: Iterable[str]) -> None:
        def delete(key: str) -> None:
            self._storage.delete(key)
            folder, _, file = key.rpartition("/")
            self._there[folder.rpartition("/")[0]].discard(file)

        _all_at_once(delete, keys)

    def _present(self, part: str) -> set[str]:
        """The checkpoints of a part that are in the storage; asked for once."""
        if part not in self._there:
            folder = backup.checkpoint_folder(part)
            self._there[part] = files_in(self._storage.list(folder))
        return self._there[part]


def _all_at_once(action: Callable[[str], None], names: Iterable[str]) -> None:
    """Raises what the first that failed raised; those not begun by then are left."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(action, names):
            pass


def _delete_former(storage: Storage, token: int) -> None:
    """Deletes the manifests of earlier drivers; the last one's copies are in ours."""
    for each in backup.manifest_tokens(storage):
        if each < token:
            backup.delete_manifest(storage, each)
