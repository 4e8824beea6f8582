"""A study on a Ray cluster that is asked for changes while it runs, killed, replayed, stopped."""

import time

import pytest
from drivers import finish, look
from waiting import wait_for

from caviar.errors import StudyError
from caviar.report.account import account
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind
from caviar.tuning.asking import ask

# Patient, for a busy machine: what is tested is the order of things, not their time.
pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]
OPTIONS = ("--name", "live", "--trials", "400", "--epochs", "27", "--resources", "max_slices = 2")
PATIENCE_S = 120.0


def obeyed(directory, kind, **detail):
    """Asks for a change, which the driver must take."""
    asked = ask(directory, Change(kind, detail), PATIENCE_S)
    assert asked.taken, asked
    return asked.line


def running(journal):
    """Trials that slices are at work on."""
    return [trial.trial for trial in journal.summary() if trial.running]


def at_rest(journal):
    """Whether nothing is to be reported; a stopped trial runs no more, its slice may not know."""
    return all(attempt.ended_at is not None for attempt in journal.attempts())


def stop_a_running_trial(directory):
    """Stops a trial while it runs; another one if it was too quick and is complete."""
    while True:
        trial = wait_for(lambda: look(directory, running), PATIENCE_S)[0]
        try:
            line = obeyed(directory, ChangeKind.STOP_TRIAL, trial=trial)
        except StudyError as error:
            assert "completed already" in str(error), error  # noqa: PT017 another one may do
            continue
        assert line == f"taken: trial {trial} ends where it stands"
        return trial


def measured(journal):
    return journal.measured_epochs


def rates_of(journal, trials):
    known = journal.trials()
    return [known[trial].hyperparameters["learning_rate"] for trial in trials]


def begun(journal):
    return {found.trial for found in journal.measurements()}


def test_a_running_study_obeys_and_a_killed_one_replays(start, tmp_path):
    directory = tmp_path / "s"
    first = start(directory, "slow", *OPTIONS)
    wait_for(lambda: look(directory, measured), PATIENCE_S)
    assert obeyed(directory, ChangeKind.ADD_TRIALS, trials=10) == (
        "taken: 10 more trials, 410 in all"
    )
    trial = stop_a_running_trial(directory)

    obeyed(directory, ChangeKind.PAUSE)
    wait_for(lambda: look(directory, at_rest), PATIENCE_S)
    stood = look(directory, measured)
    time.sleep(1)
    assert look(directory, measured) == stood
    obeyed(directory, ChangeKind.CONTINUE)
    wait_for(lambda: look(directory, measured) > stood, PATIENCE_S)

    obeyed(directory, ChangeKind.NARROW, name="learning_rate", low=1e-3, high=1e-2)
    # In this order: what runs now may have been measured, and run no more, a moment later.
    before = set(look(directory, running))
    before |= look(directory, begun)
    late = wait_for(lambda: look(directory, begun) - before, PATIENCE_S)
    assert all(1e-3 <= rate <= 1e-2 for rate in look(directory, lambda j: rates_of(j, late)))

    first.kill()
    first.wait()
    changes = look(directory, lambda journal: journal.changes())
    assert not ask(directory, Change(ChangeKind.ADD_TRIALS, {"trials": 5})).taken
    stood = look(directory, measured)
    second = start(directory, "slow", *OPTIONS)
    wait_for(lambda: look(directory, measured) > stood, PATIENCE_S)
    added = (Change(ChangeKind.ADD_TRIALS, {"trials": 5}),)
    assert look(directory, lambda journal: journal.changes()) == changes + added
    told = look(directory, account)
    assert sum(told["counts"].values()) >= 415
    assert told["trials"][trial]["state"] == "stopped"

    obeyed(directory, ChangeKind.STOP)
    code, out = finish(second)
    assert code == 0, out
    assert "5 more trials" in out
    assert "the study stops: stopped by a person" in out
    with pytest.raises(StudyError, match="the study is stopped already"):
        ask(directory, Change(ChangeKind.STOP))
    code, out = finish(start(directory, "slow", *OPTIONS))
    assert (code, f"to go on: caviar continue {directory}" in out) == (0, True), out
    assert look(directory, account)["status"] == "stopped"
    with Journal.open(directory) as journal:
        assert journal.trained_epochs == journal.measured_epochs
        assert not journal.lease().held(time.time())
