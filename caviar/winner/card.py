"""The card: all that is known of a winner as plain data, and the folder it is put into.

`card.json` is for programs, `CARD.md` for people; both say the same. The folder is there whole or
not at all: it is filled under another name, written through to the disk and renamed.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.space.domain import Choice as ChoiceDomain
from caviar.space.home import person_bounds
from caviar.study.filesystem import sync_directory
from caviar.study.spec import StudySpec
from caviar.winner.choice import Choice, Contender, Run

FORMAT: Final = 2
"""1: the cost of search and retraining were not told apart, and that of sizes not at all."""
FOLDER: Final = "winner"
"""Of the study directory."""
FILE: Final = "card.json"
READABLE: Final = "CARD.md"

_STAGE: Final = ".winner-"
_ASIDE: Final = "-old"
_EXCHANGE: Final = 2
"""RENAME_EXCHANGE of Linux's renameat2."""
_HERE: Final = -100
"""AT_FDCWD."""


def winner_json(choice: Choice) -> dict[str, Any]:
    """The card's `winner`."""
    candidate, run = choice.winner.candidate, choice.exported
    return {
        "name": candidate.name,
        "trial": candidate.trial,
        "hyperparameters": dict(candidate.hyperparameters),
        "epochs": run.end.epoch if run.end else 0,
    }


def candidates_json(choice: Choice) -> list[dict[str, Any]]:
    """The card's `candidates`, the best first."""
    return [_candidate(contender) for contender in choice.contenders]


def _candidate(contender: Contender) -> dict[str, Any]:
    candidate, result = contender.candidate, contender.result
    return {
        "name": candidate.name,
        "trial": candidate.trial,
        "hyperparameters": dict(candidate.hyperparameters),
        "search_value": candidate.score,
        **(result.to_json() if result else {"mean": None, "low": None, "high": None}),
        "runs": [_run(run, contender.metric) for run in contender.runs],
    }


def _run(run: Run, metric: str) -> dict[str, Any]:
    names = ("dev_accuracy", "dev_loss", "train_accuracy", "train_loss")
    return {
        "trial": run.trial,
        "replicate": run.replicate,
        "value": run.value(metric),
        **{name: run.value(name) for name in names},
        "diverged": run.diverged,
        "note": run.note,
    }


def space_json(spec: StudySpec) -> list[dict[str, Any]]:
    """The card's `space`: what was searched."""
    return [
        {"name": name, "scale": domain.scale_name}
        | (
            {"choices": list(domain.choices)}
            if isinstance(domain, ChoiceDomain)
            else dict(zip(("low", "high"), person_bounds(domain), strict=True))
        )
        for name, domain in spec.space.domains.items()
    ]


def reading_shown(directory: Path) -> int:
    """Which reading of the test set the card of a study shows; 0 without one."""
    try:
        found = json.loads((directory / FOLDER / FILE).read_text("utf-8"))
        return int(found["test"]["readings"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def write(folder: Path, card: Mapping[str, Any], readable: str) -> None:
    """Puts both files of the card into a folder.

    Numbers that are not finite, as the loss of a network that learnt its way to infinity, are null.
    """
    text = json.dumps(finite(card), indent=1, allow_nan=False)
    (folder / FILE).write_text(text + "\n", "utf-8")
    (folder / READABLE).write_text(readable, "utf-8")


def finite(value: Any) -> Any:
    """Plain data with None where a number is not finite."""
    if isinstance(value, Mapping):
        return {str(key): finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    if isinstance(value, float) and value - value != 0:
        return None
    return value


def files_in(folder: Path) -> list[str]:
    """The names of what lies in a folder, folders with a slash behind."""
    return sorted(f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir())


@contextmanager
def staged(directory: Path) -> Iterator[Path]:
    """A folder to fill; when the block ends well it is `DIR/winner`, else nothing has changed.

    What an earlier attempt left behind is removed first; the caller holds the study's lease.

    Raises:
        StudyError: the disk refuses.
    """
    stage = directory / f"{_STAGE}{os.getpid()}"
    try:
        _clean(directory)
        stage.mkdir()
        yield stage
        _sync(stage)
        _put(stage, directory / FOLDER)
        sync_directory(directory)
    except OSError as error:
        raise StudyError(
            f"{directory / FOLDER}: cannot be written: {error.strerror or error}"
        ) from error
    finally:
        with suppress(OSError):
            _remove(stage)


def _clean(directory: Path) -> None:
    """Removes what was left behind; a folder that was only put aside goes back to its place."""
    for left in directory.glob(f"{_STAGE}*"):
        if left.name.endswith(_ASIDE) and not os.path.lexists(directory / FOLDER):
            left.rename(directory / FOLDER)
        else:
            _remove(left)


def _put(stage: Path, place: Path) -> None:
    """Makes `stage` the folder at `place`; what was there is at `stage` afterwards, if anywhere."""
    if not os.path.lexists(place):
        stage.rename(place)
    elif not _exchange(stage, place):
        aside = stage.with_name(f"{stage.name}{_ASIDE}")
        place.rename(aside)
        stage.rename(place)
        _remove(aside)


def _exchange(one: Path, other: Path) -> bool:
    """Swaps two names at once where the system can (Linux's renameat2); else False."""
    try:
        swap = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    done = swap(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE)
    return bool(done == 0)


def _sync(folder: Path) -> None:
    """Returns once all files of a folder are on the disk, and their names."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_directory(path)
            continue
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    sync_directory(folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
