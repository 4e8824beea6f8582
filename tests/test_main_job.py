"""The main job as a person runs it: `caviar run`, killed, run again, looked at, submitted."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from numpy_network import accuracy_and_loss
from waiting import wait_for

from caviar.data.load import load_dataset
from caviar.study.facts import Outcome
from caviar.study.journal import Journal

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]
CAVIAR = str(Path(sys.executable).with_name("caviar"))


def start(environment, *arguments):
    return subprocess.Popen(
        [CAVIAR, "run", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def show(directory, *options):
    done = subprocess.run(
        [CAVIAR, "show", str(directory), "--json", *options],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def rows(directory):
    """Every measurement with everything about it, in commit order."""
    if not Journal.exists(directory):
        return []
    with Journal.open(directory) as journal:
        return journal._db.rows("SELECT * FROM measurements ORDER BY entry")


@pytest.fixture(scope="module")
def killed(tmp_path_factory, ray_environment):
    """The default study, killed half-way with all of its processes, and run again to its end."""
    directory = tmp_path_factory.mktemp("main") / "study"
    first = start(ray_environment, "--dir", directory)
    family: list[psutil.Process] = []
    try:
        wait_for(lambda: len(rows(directory)) >= 90, 200)
        family = psutil.Process(first.pid).children(recursive=True)
    finally:
        for process in [first, *family]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        first.communicate()
    before = rows(directory)
    again = start(ray_environment, "--dir", directory)
    out, _ = again.communicate(timeout=250)
    assert again.returncode == 0, out
    return directory, before, out


def alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_was_committed_before_the_kill_is_unchanged(killed):
    directory, before, _ = killed
    after = rows(directory)
    assert 90 <= len(before) < len(after)
    assert after[: len(before)] == before


def test_nothing_committed_was_trained_again(killed):
    directory, _, _ = killed
    with Journal.open(directory) as journal:
        assert journal.trained_epochs == journal.measured_epochs
        outcomes = {attempt.outcome for attempt in journal.attempts()}
        kinds = [event.kind for event in journal.events()]
    assert outcomes == {Outcome.COMPLETE, Outcome.INTERRUPTED}
    assert kinds.count("driver_started") == kinds.count("driver_resumed") == 1


def test_the_study_is_complete_and_good(killed):
    directory, _, out = killed
    told = show(directory)
    assert told["status"] == "finished"
    counts = told["counts"]
    assert sum(counts.values()) == 64
    assert counts["waiting"] == counts["running"] == counts["failed"] == 0
    assert counts["completed"] >= 1
    assert told["best"]["dev_accuracy"] >= 0.97
    reached = {rung["epoch"]: rung["reached"] for rung in told["rungs"]}
    assert list(reached) == [1, 3, 9, 27]
    assert reached[1] == 64
    assert reached[3] <= 64 // 3 + 1
    assert max(row["epochs"] for row in told["trials"]) == 27
    assert sum(row["epochs"] <= 3 for row in told["trials"]) > 32  # most were left early
    assert "best: trial" in out


def test_the_best_trial_is_as_good_in_numpy(killed):
    directory, _, _ = killed
    best = show(directory)["best"]
    data = load_dataset("digits", 0)
    with Journal.open(directory) as journal:
        (record,) = [
            found for found in journal.checkpoints(best["trial"]) if found.epoch == best["epoch"]
        ]
        accuracy, loss = accuracy_and_loss(
            journal.read_checkpoint(record), data.standardised(data.dev), data.dev.y
        )
    assert accuracy == pytest.approx(best["dev_accuracy"], abs=1e-6)
    assert loss == pytest.approx(best["dev_loss"], rel=1e-4)


def test_it_ends_with_the_winner(killed):
    directory, _, out = killed
    card = json.loads((directory / "winner" / "card.json").read_text())
    assert all(sentence in out for sentence in card["sentences"])
    assert card["test"]["examples"] == 359
    assert card["test"]["readings"] == 1
    assert card["test"]["accuracy"]["mean"] >= 0.93
    assert len(card["candidates"]) == 4
    assert {len(one["runs"]) for one in card["candidates"]} == {5}
    assert show(directory)["retraining"]["ended"] == 20
    with Journal.open(directory) as journal:
        kinds = [event.kind for event in journal.events()]
    assert kinds.index("retraining_begun") < kinds.index("winner_chosen") < kinds.index("test_read")
    assert kinds.count("test_read") == 1


def test_a_curve_has_every_epoch(killed):
    directory, _, _ = killed
    trial = next(row["trial"] for row in show(directory)["trials"] if row["epochs"] == 27)
    curve = show(directory, "--trial", str(trial))["curve"]
    assert [row["epoch"] for row in curve] == list(range(1, 28))


def test_ctrl_c_in_a_local_run_leaves_nothing_behind(tmp_path, ray_environment):
    directory = tmp_path / "study"
    process = start(ray_environment, "--dir", directory)
    try:
        wait_for(lambda: len(rows(directory)) >= 1, 200)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        # It takes 3 s alone on two cores, and 15 s beside eight busy processes: the bound is
        # against waiting for the study's end, not for speed.
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 128 + signal.SIGINT
    assert out.strip().splitlines()[-1] == f"stopped; to go on: caviar run --dir {directory}"
    assert "Traceback" not in out
    wait_for(lambda: not any(map(alive, family)), 30)
    assert show(directory)["status"] == "interrupted"


def submitted(cluster, words):
    """The job, done; None while the head has no agent yet that could start one."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ray")),
            *("job", "submit", "--address", cluster.dashboard, "--"),
            *words,
        ],
        env=cluster.environment | {"RAY_ADDRESS": ""},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return None if "No available agent to submit job" in done.stderr + done.stdout else done


def test_submitted_as_a_ray_job(tmp_path, cluster):
    directory = tmp_path / "study"
    words = f"caviar run --dir {directory} --trials 8 --max-epochs 3".split()
    done = wait_for(lambda: submitted(cluster, words))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "succeeded" in done.stdout
    assert f"journal and checkpoints: {directory}" in done.stdout
    assert show(directory)["status"] == "finished"
    assert os.environ.get("RAY_ADDRESS") is None
