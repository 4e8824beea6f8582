"""Downloading and preparing a TFDS data set: once, where there is room, or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from caviar.errors import StudyError


def prepare(
    name: str,
    builder: Any,
    again: Callable[[Path], Any],
    file_format: str | None = None,
    *,
    quiet: bool = True,
) -> Any:
    """Downloads and prepares a data set unless its files are there; safe when several do at once.

    Args:
        name: as the study file names it, for messages.
        builder: of TFDS.
        again: makes the builder anew in a data directory.
        file_format: of the prepared files; None: as TFDS likes.
        quiet: no progress bars.

    Returns:
        A builder that knows the prepared files.

    Raises:
        StudyError: it cannot be downloaded, checked or written. What was not there before is gone.
    """
    import tensorflow_datasets as tfds

    if builder.is_prepared():
        return builder
    if quiet:
        tfds.disable_progress_bar()
    root, data_dir = Path(builder.data_dir_root), builder.data_dir
    check_room(name, builder, root)
    try:
        with _nothing_left_behind(root, builder.name), _lock(root):
            # Another driver may have done it meanwhile; only a new builder sees its files.
            builder = again(root)
            if not builder.is_prepared():
                builder.download_and_prepare(**_wanted(file_format))
    except StudyError:
        raise
    except Exception as error:  # the code of hundreds of builders runs here
        raise StudyError(
            f"data.name: {name!r} could not be prepared in {data_dir}: {one_line(error)}"
        ) from error
    return builder


def check_room(name: str, builder: Any, root: Path) -> None:
    """Refuses a data set that the disk has no room for, before a byte of it is fetched.

    TFDS does not know every size beforehand; then the largest download alone must fit.

    Raises:
        StudyError: with the sizes.
    """
    download, prepared = int(builder.info.download_size or 0), int(builder.info.dataset_size or 0)
    if not download and len(builder.BUILDER_CONFIGS) <= 1:
        download = max((int(url.size) for url in (builder.url_infos or {}).values()), default=0)
    there = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if download + prepared > free:
        raise StudyError(
            f"data.name: {name!r} must have room in {root} for a download of {_mib(download)} and "
            f"{_mib(prepared)} prepared, got {_mib(free)} free; data.data_dir names another place"
        )


def one_line(error: BaseException, limit: int = 240) -> str:
    """An error's kind and the first line of what it says."""
    text = next(iter(str(error).strip().splitlines()), "")
    text = re.sub(r'^Failed to construct dataset .*?\}": ', "", text)
    return f"{type(error).__name__}: {text}"[:limit].rstrip(": ")


def _wanted(file_format: str | None) -> dict[str, str]:
    return {"file_format": file_format} if file_format else {}


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


@contextlib.contextmanager
def _lock(root: Path) -> Iterator[None]:
    """Holds a data directory alone; the kernel lets go of it if the process dies."""
    with (root / ".caviar-lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _nothing_left_behind(root: Path, name: str) -> Iterator[None]:
    """Makes a data directory, and takes away again what failed work has put there for `name`.

    Other data sets share the directory and may be at work: theirs is not touched.
    """
    new = not root.exists()
    folders = (root / name, root / "downloads" / name)
    before = {path for folder in folders if folder.exists() for path in (folder, *folder.iterdir())}
    root.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in (root,) if new else folders:
            _remove_new(folder, before)
        for folder in (root / "downloads" / "extracted", root / "downloads"):
            with contextlib.suppress(OSError):  # there is something in it, or it is not there
                folder.rmdir()
        raise


def _remove_new(folder: Path, before: set[Path]) -> None:
    if folder not in before:
        _remove(folder)
        return
    for path in set(folder.iterdir()) - before:
        if path.is_dir():
            _remove(path)
        else:
            path.unlink(missing_ok=True)


def _remove(folder: Path, tries: int = 20) -> None:
    """Removes a folder that downloads of other threads may still be writing to."""
    for _ in range(tries):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)
