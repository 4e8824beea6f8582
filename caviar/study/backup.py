"""A study's journals in a storage: consistent copies, and a manifest that names the current ones.

A backup is written in this order: the checkpoints that the copies name, the copies, the manifest.
So whatever a manifest names is there. The manifest before it is kept in it, and its files.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.study.backup_journal import Standing
from caviar.study.checkpoints import DIRECTORY
from caviar.study.database import plain_errors
from caviar.study.opening import FILE
from caviar.study.storage import Storage
from caviar.study.storage_claims import CLAIMS
from caviar.study.wording import one_line

PARTS: Final = ("retraining-*", "sizes-*")
"""Study directories inside a study directory."""
JOURNALS: Final = "journals"
"""Where the copies are, in a storage."""

_BLOCK: Final = 1 << 20
_PART: Final = re.compile(r"|(retraining|sizes)-[1-9]\d{0,8}")
_MANIFEST: Final = re.compile(r"manifest-(\d{6,})\.json")


class DamagedError(StudyError):
    """What a backup names is gone, or is not what it was."""


@dataclass(frozen=True)
class Copy:
    """A journal in a storage.

    Attributes:
        key: of the packed file.
        sha256: of the journal, unpacked, in hexadecimal.
        size: of it, in bytes.
        standing: how far it is.
    """

    key: str
    sha256: str
    size: int
    standing: Standing


@dataclass(frozen=True)
class Manifest:
    """What a backup consists of.

    Attributes:
        study: its name.
        token: of the lease it was written under.
        number: of the backup, from 1, counted anew by every driver.
        at: the journals are as of then, in seconds since 1970.
        copies: by the part of the study: "" the search, else a folder.
        previous: the copies of the backup before.
    """

    study: str
    token: int
    number: int
    at: float
    copies: Mapping[str, Copy]
    previous: Mapping[str, Copy] = field(default_factory=dict)

    @property
    def standing(self) -> Standing:
        """How far the search is."""
        return self.copies[""].standing


def parts(directory: Path) -> Iterator[str]:
    """The parts of a study directory that have a journal: the search first, "", then folders.

    The search is copied first: its finals may then be ahead of it, which they never miss.
    """
    if (directory / FILE).is_file():
        yield ""
    for pattern in PARTS:
        for folder in sorted(directory.glob(pattern)):
            if _PART.fullmatch(folder.name) and (folder / FILE).is_file():
                yield folder.name


def checkpoint_key(part: str, file: str) -> str:
    """Where a checkpoint is in a storage."""
    return f"{checkpoint_folder(part)}/{file}"


def checkpoint_folder(part: str) -> str:
    """Where a part's checkpoints are in a storage."""
    return f"{part}/{DIRECTORY}" if part else DIRECTORY


def folders() -> tuple[str, ...]:
    """All that a study has in a storage, in patterns of `Path.glob`."""
    checkpoints = (checkpoint_folder(part) for part in ("", *PARTS))
    return "", CLAIMS, JOURNALS, *checkpoints, "winner/**"


def pack(path: Path) -> tuple[bytes, str]:
    """A file's bytes, compressed (Zstandard), and the SHA-256 of the file."""
    import pyarrow

    digest, sink = hashlib.sha256(), pyarrow.BufferOutputStream()
    with path.open("rb") as source, pyarrow.CompressedOutputStream(sink, "zstd") as packer:
        while block := source.read(_BLOCK):
            digest.update(block)
            packer.write(block)
    return sink.getvalue().to_pybytes(), digest.hexdigest()


def unpack(storage: Storage, copy: Copy, path: Path) -> None:
    """Fetches a journal into a new file.

    Raises:
        DamagedError: it is gone or damaged.
        StudyError: the disk refuses.
        StorageError: the storage does not answer.
    """
    data = storage.get(copy.key)
    place = f"--storage {storage.uri}: {copy.key}"
    if data is None:
        raise DamagedError(f"{place} is gone")
    digest = hashlib.sha256()
    with plain_errors(path), path.open("wb") as target:
        for block in _unpacked(data, place):
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    if digest.hexdigest() != copy.sha256:
        raise DamagedError(f"{place} is damaged: its SHA-256 must be {copy.sha256[:12]}...")


def _unpacked(data: bytes, place: str) -> Iterator[bytes]:
    """What was packed, in blocks; a disk that is full meanwhile is no damage of it."""
    import pyarrow

    try:
        source = pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd")
        while block := source.read(_BLOCK):
            yield block
    except (pyarrow.ArrowException, OSError) as error:
        raise DamagedError(f"{place} is damaged: it cannot be unpacked") from error


def token_of(name: str) -> int:
    """The token in the name of a copy; of a file that is none, more than anybody's."""
    found = re.match(r"(\d{6,})-\d{6,}-", name)
    return int(found[1]) if found else sys.maxsize


def write_manifest(storage: Storage, manifest: Manifest) -> None:
    """Makes a backup the current one."""
    storage.put(_name(manifest.token), json.dumps(asdict(manifest), indent=1).encode())


def read_manifest(storage: Storage) -> Manifest | None:
    """The current backup: the latest of the highest token; None if there is none.

    Raises:
        StudyError: it is damaged.
        StorageError: the storage does not answer.
    """
    gone = -1
    while tokens := manifest_tokens(storage):
        name = _name(token := max(tokens))
        try:
            told = storage.get_json(name)
            if told is not None or token == gone:
                return _manifest(told, token)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise StudyError(f"--storage {storage.uri}: {name} is damaged; delete it") from error
        gone = token  # a successor's is there by now, unless a person deleted it
    return None


def manifest_tokens(storage: Storage) -> list[int]:
    """Of the manifests that are there."""
    return [int(found[1]) for name in storage.list() if (found := _MANIFEST.fullmatch(name))]


def delete_manifest(storage: Storage, token: int) -> None:
    """Deletes what an earlier driver wrote."""
    storage.delete(_name(token))


def _manifest(told: Any, token: int) -> Manifest:
    kept = {"copies": _copies(told["copies"]), "previous": _copies(told["previous"])}
    plain = {"study": one_line(told["study"]), "number": int(told["number"])}
    datetime.fromtimestamp(told["at"])  # it is told to people
    return Manifest(**{**told, **kept, **plain, "token": token})


def _copies(told: Mapping[str, Any]) -> dict[str, Copy]:
    found = {}
    for part, copy in told.items():
        if not _PART.fullmatch(part):
            raise ValueError(part)
        found[part] = Copy(**{**copy, "standing": Standing(**copy["standing"])})
        datetime.fromtimestamp(found[part].standing.created_at)
    if found:
        found[""]  # a KeyError: nothing goes without the search
    return found


def _name(token: int) -> str:
    return f"manifest-{token:06}.json"
