"""A keeper for as long as something lasts: a run, or what comes after one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from caviar.errors import StudyError
from caviar.study.spec import StudySpec
from caviar.tuning.keeper import Keeper
from caviar.tuning.keeper_restoring import storage_of


@contextmanager
def keeping(
    uri: str | None, spec: StudySpec, directory: Path, say: Callable[[str], None]
) -> Iterator[Keeper | None]:
    """Keeps a study's storage up to date while a run lasts; None without one.

    Raises:
        StudyError: as `Keeper.begin` does.
    """
    if uri is None:
        used = storage_of(directory)
        if used:
            say(f"note: without --storage what is in {used} stays as it is, and is needed still")
        yield None
        return
    with Keeper(uri, directory, say) as keeper:
        keeper.begin(spec)
        yield keeper


@contextmanager
def keeping_on(
    spec: StudySpec, directory: Path, say: Callable[[str], None]
) -> Iterator[Keeper | None]:
    """Keeps the storage up to date that a study used before, if it has one and that can be.

    What cannot be is said, and no reason not to go on here.
    """
    uri, keeper = storage_of(directory), None
    try:
        if uri:
            keeper = Keeper(uri, directory, say)
            keeper.begin(spec)
    except StudyError as error:
        say(f"note: {error}; what comes now will be in {directory} only")
        keeper = None
    with keeper or nullcontext():
        yield keeper
