"""A study as an experiment of MLflow's, a run a trial: one SQLite file as its backend store.

MLflow makes the store and the experiment. The runs go into its tables directly: through its client
a run takes some 50 ms, and a large study minutes.
"""

from __future__ import annotations

import logging
import math
import os
import re
import shlex
import sqlite3
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.report.exports.material import METRICS, Life, Material, Tick
from caviar.report.exports.missing import needs
from caviar.report.exports.placing import placed_file
from caviar.study.records import Measurement, TrialState
from caviar.study.wording import one_line

FILE: Final = "mlflow.sqlite3"
"""What the store is called by default."""
LONGEST: Final = 500
"""Characters of a parameter or a tag that are kept."""
GREATEST: Final = sys.float_info.max
"""What MLflow keeps in the place of infinity."""

_CONFUSING: Final = re.compile("[?#%]")
_STATUS: Final = {
    TrialState.WAITING: "SCHEDULED",
    TrialState.RUNNING: "RUNNING",
    TrialState.PAUSED: "FINISHED",
    TrialState.COMPLETED: "FINISHED",
    TrialState.STOPPED: "KILLED",
    TrialState.DIVERGED: "FAILED",
    TrialState.FAILED: "FAILED",
}


def write(material: Material, place: Path, tick: Tick, *, force: bool = False) -> str:
    """Writes the store; returns how to open it.

    Raises:
        StudyError: MLflow is not installed or cannot take the path, something stands in the way,
            or the disk said no.
    """
    if _CONFUSING.search(str(place)):
        rule = "MLflow takes no path with ?, # or % in it; give another --output"
        raise StudyError(f"{one_line(str(place))}: {rule}")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is told to anybody
    with needs("mlflow"):
        import mlflow  # noqa: F401 - says whether it is there
    with placed_file(place, force=force) as draft, _plain_errors(place):
        _fill(material, draft, place, tick)
    return shlex.join(["mlflow", "ui", "--backend-store-uri", f"sqlite:///{place}"])


def _fill(material: Material, draft: Path, place: Path, tick: Tick) -> None:
    # Runs have no artifacts; MLflow would make a folder where the person stands.
    artifacts = place.absolute().with_suffix(".artifacts").as_uri()
    with _quiet():
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{draft}")
        name, tags = material.evidence.spec.name, _experiment_tags(material)
        experiment = client.create_experiment(name, artifacts, tags)
    with closing(sqlite3.connect(draft)) as connection, connection:
        for count, life in enumerate(material.lives, 1):
            run = uuid.uuid4().hex
            _insert(connection, "runs", [_run(life, run, int(experiment), artifacts)])
            _insert(connection, "metrics", _metrics(life, run, life.curve))
            _insert(connection, "latest_metrics", _metrics(life, run, life.curve[-1:]))
            _insert(connection, "params", _pairs(run, life.trial.hyperparameters))
            _insert(connection, "tags", _pairs(run, _tags(material, life)))
            tick(count, len(material.lives))


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Adds rows; all have the same columns, whose names are ours."""
    found = list(rows)
    if found:
        names = list(found[0])
        marks = ", ".join(f":{name}" for name in names)
        into = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
        connection.executemany(into, found)


def _run(life: Life, run: str, experiment: int, artifacts: str) -> dict[str, Any]:
    return {
        "run_uuid": run,
        "name": life.name,
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "source_version": "",
        "user_id": "",
        "status": _STATUS[life.state],
        "start_time": _ms(life.times[0]),
        "end_time": _ms(life.times[-1]) if life.is_over else None,
        "lifecycle_stage": "active",
        "artifact_uri": f"{artifacts}/{run}/artifacts",
        "experiment_id": experiment,
    }


def _metrics(life: Life, run: str, curve: Sequence[Measurement]) -> Iterator[dict[str, Any]]:
    """Measurements as MLflow keeps them: at the step of their epoch, infinities bounded."""
    first = len(life.curve) - len(curve)
    for found, when in zip(curve, life.times[1 + first :], strict=True):
        for name in METRICS:
            value = getattr(found, name)
            yield {
                "run_uuid": run,
                "key": name,
                "value": 0.0 if math.isnan(value) else max(-GREATEST, min(value, GREATEST)),
                "timestamp": _ms(when),
                "step": found.epoch,
                "is_nan": math.isnan(value),
            }


def _pairs(run: str, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, value in values.items():
        yield {"run_uuid": run, "key": name, "value": str(value)[:LONGEST]}


def _experiment_tags(material: Material) -> dict[str, str]:
    best = material.evidence.best
    data = material.evidence.data
    return {
        "caviar.metric": material.evidence.metric,
        "caviar.best_trial": "" if best is None else str(best.trial),
        "caviar.data": str(data.get("name", ""))[:LONGEST],
        "caviar.data_fingerprint": str(data.get("fingerprint", "")),
    }


def _tags(material: Material, life: Life) -> dict[str, str]:
    best = life.best
    told = {
        "mlflow.runName": life.name,
        "caviar.trial": str(life.trial.index),
        "caviar.state": str(life.state),
        "caviar.reason": life.reason,
        "caviar.origin": life.trial.origin,
        "caviar.best_epoch": "" if best is None else str(best.epoch),
        "caviar.winner": "true" if life.trial.index == material.winner else "",
        "mlflow.source.name": "caviar",
    }
    return {name: value for name, value in told.items() if value}


def _ms(when: float) -> int:
    return int(when * 1000)


@contextmanager
def _plain_errors(place: Path) -> Iterator[None]:
    """Tells what MLflow said in one line."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError  # MLflow's own need

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error) as error:
        told = str(getattr(error, "orig", None) or error).strip()
        why = one_line(told.partition("\n")[0])
        raise StudyError(f"{one_line(str(place))}: cannot be written: {why}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what MLflow and Alembic say about every new store."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
