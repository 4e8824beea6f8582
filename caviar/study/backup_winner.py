"""The winner in a storage: whole or not at all, as a marker with its files' SHA-256 tells."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from caviar.study.filesystem import write_durably
from caviar.study.storage import Storage

WINNER: Final = "winner"
REPORT: Final = "report.html"
RESTORING: Final = ".restoring-"
"""How folders in a study directory begin in which is laid out what comes from a storage."""
MARKER: Final = "winner.json"
"""What says that the winner is in the storage whole, with the SHA-256 of its files; put last."""


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
    stage = Path(tempfile.mkdtemp(prefix=RESTORING, dir=directory))
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
