"""A study on a Ray cluster that is asked for changes while it runs, killed, replayed, stopped."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import wait_for

from caviar.errors import StudyError
from caviar.report.account import account
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind
from caviar.tuning.asking import ask

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]
PROGRAM = Path(__file__).with_name("programs.py")
OPTIONS = ("--name", "live", "--trials", "400", "--epochs", "27")
OBEYED_S = 5.0
STARTED_S = 120.0


@pytest.fixture
def start(cluster):
    """Starts a driver of a directory; whatever still runs at the end is killed."""
    started = []

    def begin(directory):
        command = [sys.executable, str(PROGRAM), str(directory), "slow"]
        started.append(
            subprocess.Popen(
                [*command, "--address", cluster.address, *OPTIONS],
                env=cluster.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def end(process, timeout=120):
    out, _ = process.communicate(timeout=timeout)
    return process.returncode, out


def obeyed(directory, kind, **detail):
    """Asks for a change; it must be taken within seconds."""
    began = time.monotonic()
    asked = ask(directory, Change(kind, detail))
    assert asked.taken, asked
    assert time.monotonic() - began < OBEYED_S
    return asked.line


def look(directory, what):
    if not Journal.exists(directory):
        return None
    with Journal.open(directory) as journal:
        return what(journal)


def running(journal):
    """Trials that slices are at work on."""
    return [trial.trial for trial in journal.summary() if trial.running]


def measured(journal):
    return journal.measured_epochs


def rates_of(journal, trials):
    known = journal.trials()
    return [known[trial].hyperparameters["learning_rate"] for trial in trials]


def begun(journal):
    return {found.trial for found in journal.measurements()}


def test_a_running_study_obeys_and_a_killed_one_replays(start, tmp_path):
    directory = tmp_path / "s"
    first = start(directory)
    wait_for(lambda: look(directory, measured), STARTED_S)
    assert obeyed(directory, ChangeKind.ADD_TRIALS, trials=10) == (
        "taken: 10 more trials, 410 in all"
    )
    trial = wait_for(lambda: look(directory, running))[0]
    line = obeyed(directory, ChangeKind.STOP_TRIAL, trial=trial)
    assert line == f"taken: trial {trial} ends where it stands"
    wait_for(lambda: trial not in look(directory, running), OBEYED_S)

    obeyed(directory, ChangeKind.PAUSE)
    wait_for(lambda: not look(directory, running), 20)
    stood = look(directory, measured)
    time.sleep(1)
    assert look(directory, measured) == stood
    obeyed(directory, ChangeKind.CONTINUE)
    wait_for(lambda: look(directory, measured) > stood, OBEYED_S)

    obeyed(directory, ChangeKind.NARROW, name="learning_rate", low=1e-3, high=1e-2)
    before = look(directory, begun) | set(look(directory, running))
    late = wait_for(lambda: look(directory, begun) - before - set(look(directory, running)))
    assert all(1e-3 <= rate <= 1e-2 for rate in look(directory, lambda j: rates_of(j, late)))

    first.kill()
    first.wait()
    changes = look(directory, lambda journal: journal.changes())
    assert not ask(directory, Change(ChangeKind.ADD_TRIALS, {"trials": 5})).taken
    stood = look(directory, measured)
    second = start(directory)
    wait_for(lambda: look(directory, measured) > stood, STARTED_S)
    assert look(directory, lambda journal: journal.changes())[: len(changes)] == changes
    told = look(directory, account)
    given_way = sum("in place of" in str(change.detail) for change in changes)
    assert given_way == 1
    assert sum(told["counts"].values()) >= 415
    assert told["trials"][trial]["state"] == "stopped"

    obeyed(directory, ChangeKind.STOP)
    code, out = end(second)
    assert code == 0, out
    assert "5 more trials" in out
    assert "the study stops: stopped by a person" in out
    with pytest.raises(StudyError, match="the study is stopped already"):
        ask(directory, Change(ChangeKind.STOP))
    code, out = end(start(directory))
    assert (code, f"to go on: caviar continue {directory}" in out) == (0, True), out
    with Journal.open(directory) as journal:
        assert journal.trained_epochs == journal.measured_epochs
        assert not journal.lease().held(time.time())
