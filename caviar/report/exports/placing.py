"""Writing an export whole or not at all, without ever harming what is not an export.

It is made under a name of its own beside its place and renamed when it is complete.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.study.filesystem import sync_directory
from caviar.study.schema import APPLICATION
from caviar.study.wording import one_line

MARK: Final = ".caviar-export"
"""A file in every folder that an export made: no other folder is ever replaced."""

_SERIAL: Final = itertools.count()
"""No two drafts of a process have one name: a tool may remember what it knew of the first."""
_APPLICATION_AT: Final = slice(68, 72)
"""Where an SQLite file says whose it is (https://sqlite.org/fileformat.html)."""


@contextmanager
def placed_file(place: Path, *, force: bool) -> Iterator[Path]:
    """The path to write at; what is there afterwards goes to `place`, unless an error came.

    Args:
        place: the file that is to be.
        force: replace the file that is there.

    Raises:
        StudyError: something is there that may not be replaced, or the disk said no.
    """
    _check_file(place, force=force)
    with _draft(place) as draft:
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        _check_file(place, force=force)  # somebody may have been quicker
        draft.replace(place)


@contextmanager
def placed_folder(place: Path, *, force: bool) -> Iterator[Path]:
    """The same for a folder, which is there and empty; only our own exports are replaced."""
    check_folder(place, force=force)
    with _draft(place) as draft:
        made_folder(draft)
        yield draft
        check_folder(place, force=force)
        _swap(draft, place)


def made_folder(place: Path) -> None:
    """Makes a folder with our mark in it."""
    place.mkdir()
    (place / MARK).write_text("made by caviar export\n", "utf-8")


def cleared(place: Path, *, force: bool) -> None:
    """Makes way at `place` for a folder that is written as a study goes on.

    Raises:
        StudyError: as `placed_folder`.
    """
    check_folder(place, force=force)
    with plain_errors(place):
        if place.exists():
            shutil.rmtree(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        made_folder(place)


@contextmanager
def _draft(place: Path) -> Iterator[Path]:
    """A path beside `place`; whatever is left there at the end is removed."""
    draft = place.with_name(f".{place.name}-{os.getpid()}-{next(_SERIAL)}")
    try:
        with plain_errors(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            sync_directory(place.parent)
    finally:
        _remove_drafts(draft)


def _remove_drafts(draft: Path) -> None:
    """Removes a draft and what databases put beside it."""
    beside = draft.parent.iterdir() if draft.parent.is_dir() else ()
    for leftover in [path for path in beside if path.name.startswith(draft.name)]:
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _swap(draft: Path, place: Path) -> None:
    """Puts a folder in the place of another, which comes back if that fails."""
    old = draft.with_name(f"{draft.name}-old")
    if place.exists():
        place.rename(old)
    try:
        draft.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise


@contextmanager
def plain_errors(place: Path) -> Iterator[None]:
    """Tells what the disk said in one line."""
    try:
        yield
    except OSError as error:
        raise StudyError(f"{_shown(place)}: cannot be written: {error.strerror or error}") from None


def _check_file(place: Path, *, force: bool) -> None:
    if not os.path.lexists(place):
        return
    if place.is_dir():
        raise StudyError(f"{_shown(place)}: is a folder; give the name of a file")
    if not force:
        raise _there(place)
    if _is_journal(place):
        raise StudyError(f"{_shown(place)}: is a study's journal; it is never replaced")


def check_folder(place: Path, *, force: bool) -> None:
    """Refuses a place that holds what may not be replaced.

    Raises:
        StudyError: what is there.
    """
    if not os.path.lexists(place):
        return
    if not place.is_dir():
        raise StudyError(f"{_shown(place)}: is a file; give the name of a folder")
    if not any(place.iterdir()):
        return
    if not force:
        raise _there(place)
    if not (place / MARK).is_file():
        raise StudyError(f"{_shown(place)}: was not made by caviar export; it is never replaced")


def _is_journal(place: Path) -> bool:
    try:
        with place.open("rb") as file:
            return file.read(100)[_APPLICATION_AT] == APPLICATION.to_bytes(4, "big")
    except OSError:
        return False


def _there(place: Path) -> StudyError:
    return StudyError(f"{_shown(place)}: is there already; --force replaces it")


def _shown(place: Path) -> str:
    return one_line(str(place))
