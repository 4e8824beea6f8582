"""A study as a storage of Optuna's that optuna-dashboard opens: one file.

By default it is a journal of Optuna's, which takes thousands of trials in seconds; where the file
is to be called `.db`, `.sqlite` or `.sqlite3`, it is an SQLite database, which takes longer.

Its parameters are told in `caviar.report.exports.optuna_axes`. Paused and stopped trials are
"pruned", diverged and failed ones "fail"; the attribute `state` has our word.
"""

from __future__ import annotations

import math
import shlex
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caviar.errors import StudyError
from caviar.report.exports.material import Life, Material, Tick
from caviar.report.exports.missing import needs
from caviar.report.exports.optuna_axes import Parameters
from caviar.report.exports.placing import placed_file
from caviar.study.records import TrialState
from caviar.study.wording import one_line

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

FILE: Final = "optuna.log"
"""What the storage is called by default."""
DATABASES: Final = (".db", ".sqlite", ".sqlite3")
"""How the names of files end that are to be databases."""

_STATES: Final = {
    TrialState.WAITING: "WAITING",
    TrialState.RUNNING: "RUNNING",
    TrialState.PAUSED: "PRUNED",
    TrialState.COMPLETED: "COMPLETE",
    TrialState.STOPPED: "PRUNED",
    TrialState.DIVERGED: "FAIL",
    TrialState.FAILED: "FAIL",
}


def write(material: Material, place: Path, tick: Tick, *, force: bool = False) -> str:
    """Writes the storage; returns how to open it.

    Raises:
        StudyError: Optuna is not installed, something stands in the way, or the disk said no.
    """
    with needs("optuna"):
        import optuna  # noqa: F401 - says whether it is there
    is_database = place.suffix in DATABASES
    with placed_file(place, force=force) as draft, _plain_errors(place):
        parameters = Parameters(material)
        with _study(material, draft, is_database=is_database) as study:
            for count, life in enumerate(material.lives, 1):
                study.add_trial(_trial(material, life, parameters))
                tick(count, len(material.lives))
    storage = f"sqlite:///{place}" if is_database else str(place)
    return shlex.join(["optuna-dashboard", storage])


@contextmanager
def _study(material: Material, draft: Path, *, is_database: bool) -> Iterator[Study]:
    """An empty study in a new file; what made it is closed at the end."""
    import optuna

    evidence = material.evidence
    with _quiet(), (_database if is_database else _journal)(draft) as storage:
        study = optuna.create_study(
            storage=storage,
            study_name=evidence.spec.name,
            direction="minimize" if evidence.spec.lower_is_better else "maximize",
        )
        study.set_metric_names([evidence.metric])
        for name, value in _study_attributes(material).items():
            study.set_user_attr(name, value)
        yield study


@contextmanager
def _journal(draft: Path) -> Iterator[BaseStorage]:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    yield JournalStorage(JournalFileBackend(str(draft)))


@contextmanager
def _database(draft: Path) -> Iterator[BaseStorage]:
    from optuna.storages import RDBStorage

    # Not by its URL: a path may hold what means something there.
    creator = partial(_connection, draft)
    storage = RDBStorage("sqlite:///", engine_kwargs={"creator": creator})
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _connection(draft: Path) -> sqlite3.Connection:
    """To a file that is worth nothing before it is complete: no need to wait for the disk."""
    connection = sqlite3.connect(draft, check_same_thread=False)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")
    return connection


def _study_attributes(material: Material) -> dict[str, Any]:
    """What belongs to no trial; the best is caviar's own, which may be a paused trial."""
    best = material.evidence.best
    return {
        "shared": dict(material.shared),
        "data": dict(material.evidence.data),
        "best_trial": best and best.trial,
        "best_epoch": best and best.epoch,
        "winner": material.winner,
        "status": material.evidence.account["status"],
    }


def _trial(material: Material, life: Life, parameters: Parameters) -> FrozenTrial:
    """A trial as Optuna keeps it.

    Raises:
        StudyError: one of its hyperparameters lies outside the space.
    """
    from optuna import create_trial
    from optuna.trial import TrialState as Theirs

    metric = material.evidence.metric
    params, kinds = parameters.of(life)
    curve = {found.epoch: getattr(found, metric) for found in life.curve}
    finite = [value for value in curve.values() if math.isfinite(value)]
    state = Theirs[_STATES[life.state]]
    if state is Theirs.COMPLETE and not finite:
        state = Theirs.FAIL
    try:
        trial = create_trial(
            # A trial that Optuna holds for finished is checked, which its value comes with.
            state=state,
            value=finite[-1] if finite and state in (Theirs.COMPLETE, Theirs.PRUNED) else None,
            params=params,
            distributions=kinds,
            user_attrs=_attributes(material, life, parameters),
            intermediate_values=curve,
        )
    except ValueError as error:
        raise StudyError(f"trial {life.trial.index}: {one_line(str(error))}") from None
    trial.datetime_start = (
        None if state is Theirs.WAITING else datetime.fromtimestamp(life.times[0])
    )
    trial.datetime_complete = (
        datetime.fromtimestamp(life.times[-1]) if state.is_finished() else None
    )
    return trial


def _attributes(material: Material, life: Life, parameters: Parameters) -> dict[str, Any]:
    """What else is known of a trial: our number, its state, and what Optuna has no place for."""
    best = life.best
    kept = {
        name: value
        for name, value in life.trial.hyperparameters.items()
        if parameters.is_mirrored(name)
    }
    told = {
        "trial": life.trial.index,
        "state": str(life.state),
        "reason": life.reason,
        "origin": life.trial.origin,
        "best_epoch": best and best.epoch,
        "is_winner": True if life.trial.index == material.winner else None,
    }
    return {name: value for name, value in told.items() if value not in ("", None)} | kept


@contextmanager
def _plain_errors(place: Path) -> Iterator[None]:
    """Tells what the database said in one line."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        why = one_line(str(getattr(error, "orig", None) or error))
        raise StudyError(f"{one_line(str(place))}: cannot be written: {why}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's line about every study it makes; its verbosity is the person's own."""
    from optuna import logging
    from optuna.exceptions import ExperimentalWarning

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # the metric's name
            yield
    finally:
        logging.set_verbosity(before)
