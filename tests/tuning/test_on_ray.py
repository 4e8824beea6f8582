"""Studies on a real Ray cluster, with workers that only pretend to train."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from waiting import wait_for

from caviar.report.account import account
from caviar.study.facts import Outcome
from caviar.study.journal import Journal

# Patient, for a busy machine: a driver, a broker and slices are processes that take long to start.
pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
PATIENCE_S = 240.0
PROGRAM = Path(__file__).with_name("programs.py")


def start(cluster, directory, worker, *options):
    command = [sys.executable, str(PROGRAM), str(directory), worker, "--address", cluster.address]
    return subprocess.Popen(
        [*command, *options],
        env=cluster.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory.parent,
    )


def finish(process, timeout=PATIENCE_S):
    out, _ = process.communicate(timeout=timeout)
    return process.returncode, out


def measured(directory):
    if not Journal.exists(directory):
        return 0
    with Journal.open(directory) as journal:
        return journal.measured_epochs


def lost(directory):
    with Journal.open(directory) as journal:
        return any(attempt.outcome == Outcome.LOST for attempt in journal.attempts())


def slices(directory):
    with Journal.open(directory) as journal:
        return [event.detail for event in journal.events("slice_arrived")]


def test_a_study_ends(cluster, tmp_path):
    directory = tmp_path / "s"
    code, out = finish(start(cluster, directory, "quick"))
    assert code == 0, out
    with Journal.open(directory) as journal:
        told = account(journal)
        assert journal.trained_epochs == journal.measured_epochs
    assert told["status"] == "finished"
    assert told["counts"]["completed"] >= 1
    assert sum(told["counts"].values()) == 16
    assert "16 of" not in out
    code, out = finish(start(cluster, directory, "quick"))  # once more: there is nothing to do
    assert code == 0, out
    assert "the study is complete" in out
    assert measured(directory) == told["trial_epochs"]


def test_dying_slices_cost_only_the_poisonous_trial(cluster, tmp_path):
    directory = tmp_path / "s"
    code, out = finish(start(cluster, directory, "deadly", "--name", "deadly"))
    assert code == 0, out
    with Journal.open(directory) as journal:
        told = account(journal)
        lost = [a for a in journal.attempts() if a.outcome == Outcome.LOST]
    assert told["counts"]["failed"] == 1
    assert told["counts"]["completed"] >= 1
    assert len(lost) == 4


def test_a_slice_that_never_starts_ends_the_study_in_one_line(cluster, tmp_path):
    # One slice: each try is a new process, and those of several slices would wait for each other.
    options = ("--name", "broken", "--resources", "max_slices = 1")
    code, out = finish(start(cluster, tmp_path / "s", "broken", *options))
    assert code == 2, out
    last = out.strip().splitlines()[-1]
    assert last.startswith("StudyError: broken:slice-")
    assert last.endswith("failed to start 5 times: RuntimeError: this slice never starts")


def test_kill_minus_nine_of_a_slice_and_of_the_driver(cluster, tmp_path):
    directory = tmp_path / "s"
    options = ("--name", "killed", "--trials", "60", "--epochs", "27")
    first = start(cluster, directory, "slow", *options)
    wait_for(lambda: measured(directory) >= 3, PATIENCE_S)
    os.kill(slices(directory)[0]["pid"], signal.SIGKILL)
    # Whose fault the death was is told some seconds later: its node is looked at first.
    wait_for(lambda: measured(directory) >= 40 and lost(directory), PATIENCE_S)
    first.kill()
    first.wait()
    with Journal.open(directory) as journal:
        before = journal._db.rows("SELECT * FROM measurements ORDER BY entry")
    code, out = finish(start(cluster, directory, "slow", *options))
    assert code == 0, out
    with Journal.open(directory) as journal:
        after = journal._db.rows("SELECT * FROM measurements ORDER BY entry")
        told = account(journal)
        outcomes = [a.outcome for a in journal.attempts()]
        # A slice's report that came after the loss of its assignment is the only thing repeated.
        assert journal.trained_epochs == journal.measured_epochs
    committed_late = len([row for row in after if row not in before])
    assert after[: len(before)] == before
    assert committed_late == told["trial_epochs"] - len(before)
    assert told["status"] == "finished"
    assert outcomes.count(Outcome.LOST) >= 1
    assert outcomes.count(Outcome.INTERRUPTED) >= 1
    assert told["counts"]["failed"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_in_order(cluster, tmp_path, number):
    directory = tmp_path / "s"
    process = start(cluster, directory, "endless", "--name", "stopped")
    wait_for(lambda: measured(directory) >= 3, PATIENCE_S)
    pids = [found["pid"] for found in slices(directory)]
    process.send_signal(number)
    code, out = finish(process, timeout=60)  # of an endless study; seconds on a quiet machine
    assert code == 128 + number, out
    wait_for(lambda: not any(map(psutil.pid_exists, pids)), timeout=30)
    with Journal.open(directory) as journal:
        told = account(journal)
        assert not journal.lease().held(time.time())
    assert told["status"] == "interrupted"
    assert "Traceback" not in out


def test_a_second_driver_is_refused(cluster, tmp_path):
    directory = tmp_path / "s"
    options = ("--name", "held", "--trials", "200")
    first = start(cluster, directory, "endless", *options)
    try:
        wait_for(lambda: measured(directory) >= 1, PATIENCE_S)
        code, out = finish(start(cluster, directory, "endless", *options))
        assert code == 2
        last = out.strip().splitlines()[-1]
        assert last.startswith(f"StudyError: {directory}: another driver holds this study: host ")
        assert f"pid {first.pid}, since " in last
    finally:
        first.send_signal(signal.SIGTERM)
        finish(first)


def test_four_slices_share_two_cards(cluster, tmp_path):
    directory = tmp_path / "s"
    resources = "gpus_per_slice = 0.5"
    code, out = finish(
        start(
            cluster,
            directory,
            "seeing",
            "--name",
            "cards",
            "--resources",
            resources,
            "--trials",
            "64",
        )
    )
    assert code == 0, out
    found = slices(directory)
    assert sorted(slice["held"] for slice in found) == [
        "unpinned, gpu 0 (3400 MiB)",
        "unpinned, gpu 0 (3400 MiB)",
        "unpinned, gpu 1 (3400 MiB)",
        "unpinned, gpu 1 (3400 MiB)",
    ]


def test_the_dashboard_shows_slices_and_broker_by_name(cluster, tmp_path):
    import urllib.request

    directory = tmp_path / "s"
    process = start(cluster, directory, "endless", "--name", "seen")
    try:
        wait_for(lambda: measured(directory) >= 1, PATIENCE_S)
        request = urllib.request.Request(
            f"{cluster.dashboard}/api/v0/actors?detail=1",
            headers={"Authorization": f"Bearer {cluster.environment['RAY_AUTH_TOKEN']}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            actors = json.load(answer)["data"]["result"]["result"]
        alive = [actor for actor in actors if actor["state"] == "ALIVE"]
        assert {"seen:slice-0", "seen:slice-1"} <= {actor["repr_name"] for actor in alive}
        assert "caviar:seen" in {actor["name"] for actor in alive}
    finally:
        process.send_signal(signal.SIGTERM)
        finish(process)


def test_a_study_whose_broker_is_killed_ends_in_one_line_and_goes_on_later(cluster, tmp_path):
    """As by the kernel, where memory ran out: its slices would wait for it for ever."""
    directory = tmp_path / "s"
    options = ("--name", "headless", "--trials", "30", "--resources", "max_slices = 1")
    process = start(cluster, directory, "slow", *options)
    wait_for(lambda: measured(directory) >= 3, PATIENCE_S)
    (broker,) = (one for one in psutil.process_iter(["name"]) if holds(one, directory))
    broker.kill()
    code, out = finish(process, timeout=90)
    assert code == 2, out
    last = out.strip().splitlines()[-1]
    assert last.startswith("StudyError: the study's broker was lost")
    assert "Traceback" not in out
    code, out = finish(start(cluster, directory, "slow", *options))
    assert code == 0, out
    with Journal.open(directory) as journal:
        assert account(journal)["counts"]["failed"] == 0
        assert journal.trained_epochs == journal.measured_epochs


def holds(process, directory):
    """Whether it is the broker: the only process of Ray's that has the journal open."""
    try:
        opened = [Path(one.path) for one in process.open_files()]
    except psutil.Error:
        return False
    return process.info["name"].startswith("ray::") and directory in {p.parent for p in opened}
