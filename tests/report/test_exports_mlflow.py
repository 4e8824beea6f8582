"""A study as MLflow's experiment: every run read back by its client and by `search_runs`."""

import math
from importlib.util import find_spec
from pathlib import Path

import pytest
from exported_studies import make_study

from caviar.errors import StudyError
from caviar.report.exports import mlflow_runs
from caviar.report.exports.material import METRICS, material

pytestmark = pytest.mark.skipif(
    find_spec("mlflow") is None, reason="the extra mlflow is not installed"
)

STATUS = {
    "completed": "FINISHED",
    "paused": "FINISHED",
    "stopped": "KILLED",
    "diverged": "FAILED",
    "failed": "FAILED",
    "running": "RUNNING",
    "waiting": "SCHEDULED",
}


def silent(done, of):
    assert 0 < done <= of


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    directory = tmp_path_factory.mktemp("made") / "tried"
    make_study(directory, driven=True)
    return material(directory)


@pytest.fixture(scope="module")
def store(found, tmp_path_factory):
    place = tmp_path_factory.mktemp("store") / "mlflow.sqlite3"
    told = mlflow_runs.write(found, place, silent)
    assert told == f"mlflow ui --backend-store-uri sqlite:///{place}"
    assert [file.name for file in place.parent.iterdir()] == [place.name]
    from mlflow import MlflowClient  # after our own import, which turns its telemetry off

    return MlflowClient(f"sqlite:///{place}")


@pytest.fixture(scope="module")
def runs(store):
    experiment = store.get_experiment_by_name("tried")
    assert experiment.tags["caviar.metric"] == "dev_accuracy"
    assert experiment.tags["caviar.data_fingerprint"] == "f" * 64
    read = store.search_runs([experiment.experiment_id], max_results=1000)
    return {run.info.run_name: run for run in read}


def test_every_trial_is_a_run(found, runs):
    assert sorted(runs) == [life.name for life in found.lives]
    for life in found.lives:
        run = runs[life.name]
        assert run.info.status == STATUS[str(life.state)]
        assert run.info.lifecycle_stage == "active"
        assert run.info.start_time == int(life.times[0] * 1000)
        assert run.info.end_time == (int(life.times[-1] * 1000) if life.is_over else None)
        assert run.data.params == {k: str(v) for k, v in life.trial.hyperparameters.items()}
        assert run.data.tags["caviar.state"] == str(life.state)
        assert run.data.tags["caviar.trial"] == str(life.trial.index)
        assert run.data.tags.get("caviar.reason", "") == life.reason
        assert set(run.data.metrics) == (set(METRICS) if life.curve else set())


def test_every_measurement_is_there_at_its_epoch(found, store, runs):
    for life in found.lives:
        for name in METRICS if life.curve else ():
            history = store.get_metric_history(runs[life.name].info.run_id, name)
            assert [metric.step for metric in history] == [m.epoch for m in life.curve]
            ours = [getattr(m, name) for m in life.curve]
            assert [*map(bounded, (m.value for m in history))] == pytest.approx(
                [*map(bounded, ours)], nan_ok=True, abs=0
            )
            assert [m.timestamp for m in history] == [int(t * 1000) for t in life.times[1:]]
            last = runs[life.name].data.metrics[name]
            assert bounded(last) == pytest.approx(bounded(ours[-1]), nan_ok=True)


def bounded(value):
    """MLflow keeps the greatest number in the place of infinity."""
    return value if math.isnan(value) else max(min(value, 1e308), -1e308)


def test_runs_are_found_by_what_they_are(found, store):
    experiment = store.get_experiment_by_name("tried").experiment_id
    read = store.search_runs([experiment], "metrics.dev_accuracy > 0.8 and params.layers = '1'")
    assert {run.info.run_name for run in read} == {
        life.name
        for life in found.lives
        if life.curve
        and life.curve[-1].dev_accuracy > 0.8
        and life.trial.hyperparameters["layers"] == 1
    }
    assert len(store.search_runs([experiment], "tags.`caviar.state` = 'diverged'")) == 2
    ordered = store.search_runs([experiment], order_by=["metrics.dev_accuracy DESC"])
    assert ordered[0].data.metrics["dev_accuracy"] == max(
        life.curve[-1].dev_accuracy
        for life in found.lives
        if life.curve and not math.isnan(life.curve[-1].dev_accuracy)
    )


def test_a_path_that_mlflow_would_misread_is_refused(found, tmp_path):
    with pytest.raises(StudyError, match=r"takes no path with \?, # or %"):
        mlflow_runs.write(found, tmp_path / "what?.db", silent)
    assert not list(tmp_path.iterdir())


def test_a_store_goes_on_being_one(store, runs):
    """A person may add to it: what we wrote is not in the way."""
    experiment = store.get_experiment_by_name("tried").experiment_id
    run = store.create_run(experiment, run_name="mine")
    store.log_metric(run.info.run_id, "dev_accuracy", 0.5, step=1)
    store.log_metric(runs["trial-00000"].info.run_id, "dev_accuracy", 0.25, step=10)
    read = {found.info.run_name: found for found in store.search_runs([experiment])}
    assert read["mine"].data.metrics == {"dev_accuracy": 0.5}
    assert read["trial-00000"].data.metrics["dev_accuracy"] == 0.25
    store.delete_run(run.info.run_id)
    store.log_metric(runs["trial-00000"].info.run_id, "dev_accuracy", 0.125, step=11)


def test_a_full_disk_is_told_in_one_line(found, tmp_path, monkeypatch):
    import sqlite3

    import mlflow
    from sqlalchemy.exc import OperationalError

    def refuse(uri):
        """Fails as in the middle of making the store."""
        Path(uri.removeprefix("sqlite:///")).write_bytes(b"half")
        raise OperationalError("CREATE TABLE x", {}, sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(mlflow, "MlflowClient", refuse)
    with pytest.raises(StudyError, match=r"m.db: cannot be written: disk I/O error$"):
        mlflow_runs.write(found, tmp_path / "m.db", silent)
    assert not list(tmp_path.iterdir())
