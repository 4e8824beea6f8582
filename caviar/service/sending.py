"""Prints a study directory for `caviar fetch`: a small job of its own on the driver's node.

The dashboard hands out no files, but it does hand out logs. This file travels alone and is run by
a Python that may have no caviar, so it needs the standard library only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

BEGIN = "caviar-fetch "
"""Before the header: JSON of the archive's `bytes`, `sha256` and `files`, or of an `error`."""
DATA = "caviar-data "
"""Before each piece of the archive, a compressed tar in base64."""
PIECE = 48 * 1024
"""Bytes of a piece; a multiple of three, so that each decodes by itself."""
JOURNAL = "journal.sqlite3"
PARTS = ("retraining-*", "sizes-*")
"""Study directories within one."""


def main(directory: str, checkpoints: bool, storage: str = "") -> int:
    """Prints the header and the pieces; what goes wrong is the header's error."""
    study = Path(directory)
    try:
        with tempfile.TemporaryFile() as archive:
            files = pack(study, archive, checkpoints, Path(storage) if storage else None)
            for line in lines(archive, files):
                print(line)  # noqa: T201 - its output is what it is for
    except (OSError, sqlite3.Error, tarfile.TarError) as error:
        told = {"error": str(error), "none": not (study / JOURNAL).is_file()}
        print(BEGIN + json.dumps(told), flush=True)  # noqa: T201
        return 1
    return 0


def pack(directory: Path, archive: BinaryIO, checkpoints: bool, storage: Path | None = None) -> int:
    """Writes the study as a compressed tar.

    Args:
        directory: the study's.
        archive: empty, opened for writing and reading.
        checkpoints: whether they go along.
        storage: a folder that may have some of them.

    Returns:
        How many files it holds.

    Raises:
        OSError: there is no study, or it cannot be read.
    """
    if not (directory / JOURNAL).is_file():
        raise FileNotFoundError(f"{directory}: there is no study yet")
    count = 0
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=6) as tar:
        for name, path in named(directory, checkpoints, storage).items():
            if path.name == JOURNAL:
                with tempfile.TemporaryDirectory() as folder:
                    copy = Path(folder) / JOURNAL
                    copy_journal(path, copy)
                    tar.add(copy, name, recursive=False)
            elif not _add(tar, path, name):
                continue
            count += 1
    return count


def _add(tar: tarfile.TarFile, path: Path, name: str) -> bool:
    """Adds a file, if it is still there: a driver at work deletes checkpoints."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return False
    with file:
        tar.addfile(tar.gettarinfo(arcname=name, fileobj=file), file)
    return True


def named(directory: Path, checkpoints: bool, storage: Path | None) -> dict[str, Path]:
    """The files by their names in the archive; of two of a name that of the study directory."""
    files = {path.relative_to(directory).as_posix(): path for path in found(directory, checkpoints)}
    if checkpoints and storage is not None:
        for study in studies(directory):
            inside = study.relative_to(directory) / "checkpoints"
            for path in sorted((storage / inside).glob("*.ckpt")):
                if path.is_file() and not path.is_symlink():
                    files.setdefault((inside / path.name).as_posix(), path)
    return files


def studies(directory: Path) -> list[Path]:
    """The study directories in one, itself the first."""
    inner = sorted(one for pattern in PARTS for one in directory.glob(pattern))
    return [directory, *(one for one in inner if (one / JOURNAL).is_file())]


def found(directory: Path, checkpoints: bool) -> Iterator[Path]:
    """The files that make the study, the journals first; no links."""
    parts = studies(directory)
    for study in parts:
        yield study / JOURNAL
    folders = [directory / "winner"]
    if checkpoints:
        folders += [study / "checkpoints" for study in parts]
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path


def copy_journal(journal: Path, copy: Path) -> None:
    """A consistent copy in one file, also while a driver writes."""
    source = sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
    target = sqlite3.connect(copy)
    try:
        source.backup(target)
        # Its log would be a second file.
        target.execute("PRAGMA journal_mode = DELETE")
    finally:
        target.close()
        source.close()


def lines(archive: BinaryIO, files: int) -> Iterator[str]:
    """The header and the pieces of an archive."""
    size = archive.seek(0, 2)
    archive.seek(0)
    digest = hashlib.sha256()
    while block := archive.read(1 << 20):
        digest.update(block)
    header = {"bytes": size, "sha256": digest.hexdigest(), "files": files}
    yield BEGIN + json.dumps(header)
    archive.seek(0)
    while piece := archive.read(PIECE):
        yield DATA + base64.b64encode(piece).decode("ascii")


if __name__ == "__main__":
    given = sys.argv[2:]
    sys.exit(main(sys.argv[1], bool(given), given[1] if len(given) > 1 else ""))
