"""What was fetched, put in its place: nothing outside it, and over no other study."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Final

from caviar.errors import StudyError
from caviar.service import sending
from caviar.study.journal import Journal
from caviar.study.wording import one_line

MOST_BYTES: Final = 64 * 2**30
"""Of a study when it is unpacked; more is no study."""


def check_target(directory: Path) -> None:
    """Refuses a place that holds anything but a study, before anything is asked for.

    Raises:
        StudyError: naming what is there.
    """
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        raise StudyError(f"{directory}: must be a directory, or not be there")
    if directory.is_dir() and any(directory.iterdir()) and not Journal.exists(directory):
        raise StudyError(f"{directory}: holds other files and no study; name a new directory")


def unpack(archive: IO[bytes], directory: Path) -> int:
    """Unpacks an archive into a new directory: regular files with plain relative names only.

    Returns:
        How many files.

    Raises:
        StudyError: it holds anything else, or is none.
    """
    archive.seek(0)
    directory.mkdir()
    count = total = 0
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as tar:
            for member in tar:
                total += member.size
                content = tar.extractfile(member) if _is_plain(member) else None
                if content is None or total > MOST_BYTES:
                    raise StudyError(f"fetch: refused to unpack {one_line(member.name[:200])}")
                target = directory / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with content, target.open("xb") as file:
                    shutil.copyfileobj(content, file)
                count += 1
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise StudyError(f"fetch: cannot be unpacked: {one_line(str(error))}") from None
    return count


def _is_plain(member: tarfile.TarInfo) -> bool:
    """A regular file whose name leads nowhere but down, as it is written."""
    path = PurePosixPath(member.name)
    inside = bool(path.parts) and not path.is_absolute() and ".." not in path.parts
    inside = inside and path.as_posix() == member.name
    return member.isreg() and inside and member.name.isprintable() and "\\" not in member.name


def refuse_other(directory: Path, copy: Path) -> None:
    """Refuses to put a study over another, or over one of its own that knows more.

    Raises:
        StudyError: saying which.
    """
    with Journal.open(copy) as fetched:
        new = _identity(fetched)
    if not Journal.exists(directory):
        return
    with Journal.open(directory) as journal:
        old = _identity(journal)
    if old[0] != new[0]:
        raise StudyError(f"{directory}: holds another study; name a new directory")
    if old[1] > new[1]:
        raise StudyError(f"{directory}: this copy went on and knows more than what came")


def _identity(journal: Journal) -> tuple[tuple[object, ...], int]:
    """What tells a study from any other, and how much is known of it."""
    begun = journal.events()[:1]
    first = (begun[0].kind, begun[0].recorded_at) if begun else ()
    return (journal.spec_json, *first), journal.measured_epochs


def install(copy: Path, directory: Path) -> None:
    """Moves what was fetched to its place, the journal last of all.

    Raises:
        OSError: it cannot be written there.
    """
    if not directory.exists():
        copy.rename(directory)
        return
    found = [path for path in copy.rglob("*") if path.is_file()]
    for path in sorted(found, key=lambda one: (one.name == sending.JOURNAL, one)):
        target = directory / path.relative_to(copy)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.name == sending.JOURNAL:  # a log of the older one is none of this one's
            for ending in ("-wal", "-shm"):
                target.with_name(target.name + ending).unlink(missing_ok=True)
        path.replace(target)
