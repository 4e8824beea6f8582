"""The checkpoints of a copy of a study: fetched several at once, held against its journals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Final

from caviar.study import backup, backup_journal
from caviar.study.checkpoints import DIRECTORY
from caviar.study.opening import FILE
from caviar.study.storage import Storage

AT_ONCE: Final = 8
"""Checkpoints fetched at once: a store is far away rather than slow."""
SAY_EVERY_S: Final = 2.0

Say = Callable[[str], None]


def fetch_checkpoints(
    storage: Storage, directory: Path, parts: Iterable[str], say: Say
) -> tuple[int, int]:
    """Fetches what the journals of a directory name and is not there yet; deletes what they do not.

    Args:
        storage: that holds them.
        directory: laid out as a study's, with its journals.
        parts: of the study.
        say: is told how far it is when it takes longer.

    Returns:
        How many are there, and how many are gone or damaged.

    Raises:
        StorageError: the storage does not answer.
    """
    wanted: dict[Path, tuple[str, str]] = {}
    for part in parts:
        folder = directory / part / DIRECTORY
        folder.mkdir(exist_ok=True)
        named = backup_journal.named_checkpoints(directory / part / FILE)
        for path in folder.iterdir():
            if path.name not in named:
                path.unlink()
        for file, digest in named.items():
            wanted[folder / file] = backup.checkpoint_key(part, file), digest
    missing = _fetch(storage, wanted, say)
    return len(wanted) - missing, missing


def _fetch(storage: Storage, wanted: Mapping[Path, tuple[str, str]], say: Say) -> int:
    """Fetches to each path what its key names; how many are not what their SHA-256 says."""

    def fetch(path: Path) -> bool:
        key, digest = wanted[path]
        if path.exists():
            return True
        data = storage.get(key)
        is_whole = data is not None and sha256(data).hexdigest() == digest
        if data is not None and is_whole:
            path.write_bytes(data)
        return is_whole

    missing, told = 0, time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for count, came in enumerate(pool.map(fetch, wanted), start=1):
            missing += not came
            if time.monotonic() - told > SAY_EVERY_S:
                told = time.monotonic()
                say(f"{count} of {len(wanted)} checkpoints")
    return missing
