"""Studies on a real Ray cluster, with workers that only pretend to train.

A slice is a process that takes seconds to start: tests ask for as few as they need.
"""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from drivers import arrived, finish, look, measured, until_measured
from waiting import wait_for

from caviar.report.account import account
from caviar.study.facts import Outcome
from caviar.study.journal import Journal

# Patient, for a busy machine: a driver, a broker and slices are processes that take long to start.
pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
ONE_SLICE = ("--resources", "max_slices = 1")
TWO_SLICES = ("--resources", "max_slices = 2")


def lost(journal):
    return any(attempt.outcome == Outcome.LOST for attempt in journal.attempts())


def rows(journal):
    return journal._db.rows("SELECT * FROM measurements ORDER BY entry")


def test_a_study_ends_on_four_slices_that_share_two_cards(start, tmp_path):
    directory = tmp_path / "s"
    options = ("--name", "cards", "--trials", "64", "--resources", "gpus_per_slice = 0.5")
    code, out = finish(start(directory, "seeing", *options))
    assert code == 0, out
    assert sorted(arrived(directory, "held")) == [
        "unpinned, gpu 0 (3400 MiB)",
        "unpinned, gpu 0 (3400 MiB)",
        "unpinned, gpu 1 (3400 MiB)",
        "unpinned, gpu 1 (3400 MiB)",
    ]
    with Journal.open(directory) as journal:
        told = account(journal)
        assert journal.trained_epochs == journal.measured_epochs
    assert told["status"] == "finished"
    assert told["counts"]["completed"] >= 1
    assert sum(told["counts"].values()) == 64
    assert "64 of" not in out
    code, out = finish(start(directory, "seeing", *options))  # once more: there is nothing to do
    assert code == 0, out
    assert "the study is complete" in out
    assert measured(directory) == told["trial_epochs"]


def test_dying_slices_cost_only_the_poisonous_trial(start, tmp_path):
    directory = tmp_path / "s"
    code, out = finish(start(directory, "deadly", "--name", "deadly", *TWO_SLICES))
    assert code == 0, out
    with Journal.open(directory) as journal:
        told = account(journal)
        lost = [a for a in journal.attempts() if a.outcome == Outcome.LOST]
    assert told["counts"]["failed"] == 1
    assert told["counts"]["completed"] >= 1
    assert len(lost) == 4


def test_a_slice_that_never_starts_ends_the_study_in_one_line(start, tmp_path):
    # One slice: each try is a new process, and those of several slices would wait for each other.
    code, out = finish(start(tmp_path / "s", "broken", "--name", "broken", *ONE_SLICE))
    assert code == 2, out
    last = out.strip().splitlines()[-1]
    assert last.startswith("StudyError: broken:slice-")
    assert last.endswith("failed to start 5 times: RuntimeError: this slice never starts")


def test_kill_minus_nine_of_a_slice_and_of_the_driver(start, tmp_path):
    directory = tmp_path / "s"
    options = ("--name", "killed", "--trials", "120", *TWO_SLICES)
    first = start(directory, "slow", *options)
    until_measured(first, directory, 3)
    os.kill(arrived(directory, "pid")[0], signal.SIGKILL)
    # Whose fault the death was is told some seconds later: its node is looked at first.
    wait_for(lambda: look(directory, lost))
    first.kill()
    first.wait()
    before = look(directory, rows)
    assert look(directory, account)["status"] != "finished"
    code, out = finish(start(directory, "slow", *options))
    assert code == 0, out
    with Journal.open(directory) as journal:
        after = rows(journal)
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
def test_a_second_driver_is_refused_and_a_signal_stops_the_first_in_order(start, tmp_path, number):
    directory = tmp_path / "s"
    options = ("--name", "stopped", *TWO_SLICES)
    process = start(directory, "endless", *options)
    until_measured(process, directory, 3)
    pids = arrived(directory, "pid")
    if number == signal.SIGTERM:  # once is enough
        code, out = finish(start(directory, "endless", *options))
        assert code == 2
        last = out.strip().splitlines()[-1]
        assert last.startswith(f"StudyError: {directory}: another driver holds this study: host ")
        assert f"pid {process.pid}, since " in last
    process.send_signal(number)
    code, out = finish(process, timeout=60)  # of an endless study; seconds on a quiet machine
    assert code == 128 + number, out
    wait_for(lambda: not any(map(psutil.pid_exists, pids)), timeout=30)
    with Journal.open(directory) as journal:
        told = account(journal)
        assert not journal.lease().held(time.time())
    assert told["status"] == "interrupted"
    assert "Traceback" not in out


def test_a_study_whose_broker_is_killed_ends_in_one_line_and_goes_on_later(start, tmp_path):
    """As by the kernel, where memory ran out: its slices would wait for it for ever."""
    directory = tmp_path / "s"
    options = ("--name", "headless", "--trials", "30", *ONE_SLICE)
    process = start(directory, "slow", *options)
    until_measured(process, directory, 3)
    (broker,) = (one for one in psutil.process_iter(["name"]) if holds(one, directory))
    broker.kill()
    code, out = finish(process, timeout=90)
    assert code == 2, out
    last = out.strip().splitlines()[-1]
    assert last.startswith("StudyError: the study's broker was lost")
    assert "Traceback" not in out
    code, out = finish(start(directory, "slow", *options))
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
