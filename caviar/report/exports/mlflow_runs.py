"""A study as an experiment of MLflow's, a run a trial: one SQLite file as its backend store."""

from __future__ import annotations

import logging
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caviar.errors import StudyError
from caviar.report.exports.material import METRICS, Life, Material, Tick
from caviar.report.exports.missing import needs
from caviar.report.exports.placing import placed_file
from caviar.study.records import TrialState
from caviar.study.wording import one_line

if TYPE_CHECKING:
    from mlflow import MlflowClient

FILE: Final = "mlflow.sqlite3"
"""What the store is called by default."""
AT_ONCE: Final = 1000
"""Metrics that MLflow takes in one call."""
LONGEST: Final = 500
"""Characters of a parameter or a tag that are kept."""

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
    evidence = material.evidence
    with _client(draft) as client:
        experiment = client.create_experiment(
            evidence.spec.name,
            # Runs have no artifacts; MLflow would make a folder where the person stands.
            artifact_location=place.absolute().with_suffix(".artifacts").as_uri(),
            tags=_experiment_tags(material),
        )
        for count, life in enumerate(material.lives, 1):
            _add(client, experiment, material, life)
            tick(count, len(material.lives))


@contextmanager
def _client(draft: Path) -> Iterator[MlflowClient]:
    """A client of a new store."""
    with _quiet():
        from mlflow import MlflowClient

        yield MlflowClient(f"sqlite:///{draft}")


def _add(client: MlflowClient, experiment: str, material: Material, life: Life) -> None:
    """One run."""
    from mlflow.entities import Param, RunTag

    made = client.create_run(experiment, start_time=_ms(life.times[0]), run_name=life.name)
    run = made.info.run_id
    metrics = list(_metrics(life))
    values = life.trial.hyperparameters.items()
    client.log_batch(
        run,
        metrics=metrics[:AT_ONCE],
        params=[Param(name, str(value)[:LONGEST]) for name, value in values],
        tags=[RunTag(name, value[:LONGEST]) for name, value in _tags(material, life).items()],
    )
    for start in range(AT_ONCE, len(metrics), AT_ONCE):
        client.log_batch(run, metrics=metrics[start : start + AT_ONCE])
    status = _STATUS[life.state]
    if life.is_over:
        client.set_terminated(run, status, end_time=_ms(life.times[-1]))
    elif status != "RUNNING":
        client.update_run(run, status)


def _metrics(life: Life) -> Iterator[Any]:
    """All measurements, at the step of their epoch."""
    from mlflow.entities import Metric

    for found, when in zip(life.curve, life.times[1:], strict=True):
        for name in METRICS:
            yield Metric(name, getattr(found, name), _ms(when), found.epoch)


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
    best = life.best(material.evidence.metric, material.evidence.sign)
    told = {
        "caviar.trial": str(life.trial.index),
        "caviar.state": str(life.state),
        "caviar.reason": life.reason,
        "caviar.origin": life.trial.origin,
        "caviar.best_epoch": "" if best is None else str(best.epoch),
        "mlflow.source.name": "caviar",
    }
    return {name: value for name, value in told.items() if value}


def _ms(when: float) -> int:
    return int(when * 1000)


@contextmanager
def _plain_errors(place: Path) -> Iterator[None]:
    """Tells what MLflow said in one line."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        why = one_line(str(error).strip().splitlines()[0])
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
