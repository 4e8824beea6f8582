"""A study's journals in a storage: consistent copies, and a manifest that names the current ones.

A backup is written in this order: the checkpoints that the copies name, the copies, the manifest.
So whatever a manifest names is there. The manifest before it is kept in it, and its files.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.study import schema
from caviar.study.checkpoints import DIRECTORY, files_in
from caviar.study.database import plain_errors
from caviar.study.opening import FILE
from caviar.study.storage import Storage
from caviar.study.storage_lease import CLAIMS

PARTS: Final = ("retraining-*", "sizes-*")
"""Study directories inside a study directory."""
JOURNALS: Final = "journals"
"""Where the copies are, in a storage."""

_BLOCK: Final = 1 << 20
_PART: Final = re.compile(r"|(retraining|sizes)-[1-9]\d{0,8}")
_MANIFEST: Final = re.compile(r"manifest-(\d{6,})\.json")
_STAMPS: Final = {
    "trials": "recorded_at",
    "assignments": "issued_at",
    "measurements": "recorded_at",
    "failures": "recorded_at",
    "events": "recorded_at",
}

Pulse = tuple[int, int, int]
"""A journal's last entry, its last promotion, and its requests: one counts again as answered."""


@dataclass(frozen=True)
class Standing:
    """How far a journal is.

    Attributes:
        fingerprint: of the study.
        created_at: when it was begun; with the fingerprint it tells studies apart.
        entry: the last one.
        stamp: when that one was written, in seconds since 1970; None of an empty journal.
        epochs: measurements that stand.
    """

    fingerprint: str
    created_at: float
    entry: int
    stamp: float | None
    epochs: int


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


def copy_journal(journal: Path, copy: Path) -> None:
    """A consistent copy in one file, also while a driver writes; it holds nobody up.

    Raises:
        StudyError: the journal cannot be read, or the disk is full.
    """
    with plain_errors(journal):
        source = sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        with closing(source), closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # its log would be a second file


def standing(journal: Path) -> Standing:
    """How far a journal is.

    Raises:
        StudyError: it cannot be read.
    """
    with plain_errors(journal), closing(_reader(journal)) as database:
        fingerprint, created_at = database.execute(
            "SELECT fingerprint, created_at FROM meta"
        ).fetchone()
        (entry,) = database.execute(schema.LAST_ENTRY).fetchone()
        (epochs,) = database.execute("SELECT count(*) FROM measurements").fetchone()
        return Standing(fingerprint, created_at, entry, _stamp(database, entry), epochs)


def pulse(journal: Path) -> Pulse:
    """What makes a backup of a journal worth its while, see `Pulse`."""
    with plain_errors(journal), closing(_reader(journal)) as database:
        (entry,) = database.execute(schema.LAST_ENTRY).fetchone()
        (promotion,) = database.execute(
            "SELECT ifnull(max(assignment), 0) FROM assignments WHERE first_epoch > 0"
        ).fetchone()
        return entry, promotion, _requests(database)


def about(journal: Path) -> tuple[str, int]:
    """The study as asked, and the token of the last lease, 0 if there was none."""
    with plain_errors(journal), closing(_reader(journal)) as database:
        (spec,) = database.execute("SELECT spec FROM meta").fetchone()
        row = database.execute("SELECT token FROM lease").fetchone()
        return spec, row[0] if row else 0


def stamp(journal: Path, entry: int) -> float | None:
    """When an entry was written; None if the journal has none of that number."""
    with plain_errors(journal), closing(_reader(journal)) as database:
        return _stamp(database, entry)


def goes_on(journal: Path, earlier: Standing) -> bool:
    """Whether a journal is the other one, or what became of it."""
    return stamp(journal, earlier.entry) == earlier.stamp


def named_checkpoints(journal: Path) -> dict[str, str]:
    """The checkpoints that a journal vouches for: their SHA-256, in hexadecimal, by file."""
    with plain_errors(journal), closing(_reader(journal)) as database:
        named = dict(database.execute("SELECT file, sha256 FROM checkpoints"))
    return {file: named[file] for file in files_in(named)}


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
        StudyError: it is gone or damaged.
        StorageError: the storage does not answer.
    """
    import pyarrow

    data = storage.get(copy.key)
    place = f"--storage {storage.uri}: {copy.key}"
    if data is None:
        raise StudyError(f"{place} is gone")
    digest = hashlib.sha256()
    try:
        source = pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd")
        with path.open("wb") as target:
            while block := source.read(_BLOCK):
                digest.update(block)
                target.write(block)
    except (pyarrow.ArrowException, OSError) as error:
        raise StudyError(f"{place} is damaged: it cannot be unpacked") from error
    if digest.hexdigest() != copy.sha256:
        raise StudyError(f"{place} is damaged: its SHA-256 must be {copy.sha256[:12]}...")


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
    tokens = manifest_tokens(storage)
    if not tokens:
        return None
    name = _name(max(tokens))
    try:
        told = storage.get_json(name)
        kept = {"copies": _copies(told["copies"]), "previous": _copies(told["previous"])}
        return Manifest(**{**told, **kept, "token": max(tokens), "number": int(told["number"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StudyError(f"--storage {storage.uri}: {name} is damaged; delete it") from error


def manifest_tokens(storage: Storage) -> list[int]:
    """Of the manifests that are there."""
    return [int(found[1]) for name in storage.list() if (found := _MANIFEST.fullmatch(name))]


def delete_manifest(storage: Storage, token: int) -> None:
    """Deletes what an earlier driver wrote."""
    storage.delete(_name(token))


def _copies(told: Mapping[str, Any]) -> dict[str, Copy]:
    found = {}
    for part, copy in told.items():
        if not _PART.fullmatch(part):
            raise ValueError(part)
        found[part] = Copy(**{**copy, "standing": Standing(**copy["standing"])})
    if found:
        found[""]  # a KeyError: nothing goes without the search
    return found


def _name(token: int) -> str:
    return f"manifest-{token:06}.json"


def _reader(journal: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True, timeout=10)


def _requests(database: sqlite3.Connection) -> int:
    """A journal of the first caviar, which nobody drives any more, has no such table."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'requests'").fetchone():
        return 0
    told = "SELECT count(*) + count(answered_at) FROM requests"
    return int(database.execute(told).fetchone()[0])


def _stamp(database: sqlite3.Connection, entry: int) -> float | None:
    for table, column in _STAMPS.items():
        row = database.execute(f"SELECT {column} FROM {table} WHERE entry = ?", (entry,)).fetchone()  # noqa: S608
        if row is not None:
            return float(row[0])
    return None
