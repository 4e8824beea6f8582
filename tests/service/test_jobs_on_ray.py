"""A study submitted to a cluster, stopped, submitted again, fetched: by its dashboard alone."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from waiting import wait_for

from caviar.study.journal import Journal
from caviar.tuning.job_words import PREFIX

# Patient, for a busy machine: what is tested is the order of things, not their time.
pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]
PATIENCE_S = 400.0
GONE_S = 3.0
STUDY = """
name = "submitted"
[data]
path = "examples.npz"
[network]
layers = 2
[training]
batch_size = 64
[search]
trials = 300
max_epochs = 27
[winner]
top = 0
[resources]
max_slices = 1
"""


@pytest.fixture
def caviar(cluster, tmp_path):
    """The command line of somebody who has the dashboard's address and the token, no more."""
    known = ("RAY_AUTH_TOKEN", "PATH")
    environment = {name: cluster.environment[name] for name in known}
    home = tmp_path / "elsewhere"
    home.mkdir()
    environment |= {"HOME": str(home), "RAY_API_SERVER_ADDRESS": cluster.dashboard}

    def call(*words, status=0):
        done = subprocess.run(
            [sys.executable, "-m", "caviar", *map(str, words)],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        told = done.stdout + done.stderr
        assert done.returncode == status, told
        assert environment["RAY_AUTH_TOKEN"] not in told
        return told

    return call


@pytest.fixture
def study(tmp_path):
    import numpy as np

    random = np.random.default_rng(0)
    labels = np.arange(600) % 3
    examples = random.normal(size=(600, 8)) + labels[:, None]
    np.savez(tmp_path / "examples.npz", x=examples.astype("float32"), y=labels)
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    (tmp_path / "auth_token").write_text("nobody's business")
    return path


def trained(caviar, at_least):
    def look():
        told = json.loads(caviar("status", "submitted", "--json"))
        assert told["job"]["state"] in {"pending", "running"}, told
        return told if told.get("trial_epochs", 0) >= at_least else None

    return wait_for(look, PATIENCE_S)


def measured(directory):
    with Journal.open(directory) as journal:
        return {(m.trial, m.epoch): m.dev_loss for m in journal.measurements()}


def test_submitted_stopped_resumed_and_fetched(caviar, study, cluster, tmp_path):
    there = tmp_path / "there" / "submitted"
    asked = ("submit", study, "--dir", there)
    told = caviar(*asked)
    assert "submitted caviar-submitted-1\n" in told
    try:
        wait_for(lambda: Journal.exists(there) and measured(there), PATIENCE_S)
        caviar("pause", there)  # so that it is not over before it was asked, fetched and stopped
        line = caviar("pause", "submitted", status=2).splitlines()[-1]
        assert line == "caviar: the study is paused already"
        first = trained(caviar, 1)
        assert first["job"]["directory"] == str(there)
        assert first["best"]["hyperparameters"]["learning_rate"] > 0
        line = caviar(*asked, status=2)
        assert line == (
            "caviar: name: a study named submitted runs there as caviar-submitted-1; "
            "see: caviar status caviar-submitted-1\n"
        )
        caviar("fetch", "submitted", tmp_path / "during")  # also while it runs
        wish = ("narrow", "caviar-submitted-1", "learning_rate=1e-3..2")
        line = caviar(*wish, status=2).splitlines()[-1]
        assert line == "caviar: narrow: learning_rate: must be in [0.0001, 1.0], got 2.0"
        assert "taken: the study goes on" in caviar("continue", "submitted")
        assert "caviar-submitted-1: stopped" in caviar("stop", "submitted")
    finally:
        subprocess.run(  # whatever went wrong, the cluster is free for other tests
            [sys.executable, "-m", "caviar", "stop", "submitted"],
            env=os.environ | cluster.environment | {"RAY_API_SERVER_ADDRESS": cluster.dashboard},
            capture_output=True,
            check=False,
        )
    line = caviar("stop", "submitted", status=2)
    assert "caviar-submitted-1: it is stopped already; nothing was stopped" in line
    log = caviar("logs", "--raw", "submitted").splitlines()
    assert any("python -m caviar run study.toml --dir" in one for one in log)
    assert "stopped; to go on: submit it again" in log
    assert log[-1].startswith(PREFIX)
    with Journal.open(there) as journal:
        (driver,) = journal.events("driver_stopped")
        assert driver.detail["trouble"] == ""
        assert (
            journal.lease().released_at is not None
        )  # it left in order: nobody waits for its lease
    before = measured(there)
    assert measured(tmp_path / "during").items() <= before.items()

    study.write_text(STUDY.replace("300", "301"))  # a study may grow on the way
    assert "submitted caviar-submitted-2\n" in caviar(*asked)
    followed = caviar("logs", "-f", "submitted")
    assert followed.endswith("caviar-submitted-2: finished\n")
    assert "study submitted: finished" in followed
    last = json.loads(caviar("status", "submitted", "--json"))
    assert (last["job"]["state"], last["finished"]) == ("finished", True)
    assert sum(last["counts"].values()) == 301

    told = caviar("fetch", "submitted", tmp_path / "got", "--checkpoints")
    assert "report: " in told
    after = measured(tmp_path / "got")
    assert after == measured(there)
    assert before.items() <= after.items()
    assert (tmp_path / "got" / "report.html").stat().st_size > 10_000
    assert "study submitted: finished" in caviar("show", tmp_path / "got")
    files = {path.name for path in (there / "checkpoints").iterdir()}
    assert {path.name for path in (tmp_path / "got" / "checkpoints").iterdir()} == files
    assert "holds other files" in caviar("fetch", "submitted", tmp_path, status=2)
    assert "caviar-submitted-2  submitted  finished" in caviar("jobs")
    jobs = {"caviar-submitted-1", "caviar-submitted-2"}  # and soon no helper
    wait_for(lambda: jobs_of(cluster) == jobs, PATIENCE_S)
    time.sleep(GONE_S)  # nor does one come back
    assert jobs_of(cluster) == jobs
    assert_token_nowhere(cluster, there)


def jobs_of(cluster):
    """All that the cluster knows of this study and its helpers."""
    token = cluster.environment["RAY_AUTH_TOKEN"]
    asked = urllib.request.Request(f"{cluster.dashboard}/api/jobs/")
    asked.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(asked, timeout=30) as answer:
        names = {job["submission_id"] for job in json.load(answer)}
    helpers = ("caviar-submitted", "caviar-ask", "caviar-fetch")
    return {name for name in names if name and name.startswith(helpers)}


def assert_token_nowhere(cluster, there):
    """Not in what Ray keeps of a job, nor in logs, packages and the study."""
    token = cluster.environment["RAY_AUTH_TOKEN"].encode()
    logs = "caviar-ray.*/session_latest/logs/job-driver-caviar-submitted-2.log"
    sessions = [path.parents[1].resolve() for path in Path("/tmp").glob(logs)]
    places = [session / part for session in sessions for part in ("logs", "runtime_resources")]
    files = [path for place in [*places, there] for path in place.rglob("*") if path.is_file()]
    assert any(path.name == "study.toml" for path in files)
    assert not any(path.name == "auth_token" for path in files)
    assert [str(path) for path in files if token in path.read_bytes()] == []
