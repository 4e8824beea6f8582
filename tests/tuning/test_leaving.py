"""How a driver leaves Ray, at any moment, and what it says where Ray does not even start."""

import os
import signal
from types import SimpleNamespace

import pytest

from caviar.errors import StudyError
from caviar.study.spec import StudySpec
from caviar.tuning import cluster, driver, tuner
from caviar.tuning.messages import Extra
from caviar.tuning.signals import LEAVE_S
from caviar.tuning.tuner import Run

SPEC = StudySpec.default()


class View:
    def __init__(self, done=None):
        self.done = [] if done is None else done

    def say(self, line):
        self.done.append(line)


class Left(BaseException):
    """The process is gone."""


@pytest.fixture
def joined(monkeypatch):
    """A driver that needs neither a cluster nor data."""
    data = SimpleNamespace(line="some data", warnings=(), facts={}, whole=None)
    monkeypatch.setattr(driver, "check_directory", lambda *given: ("", ""))
    monkeypatch.setattr(driver, "prepare", lambda spec: data)
    monkeypatch.setattr(driver, "refuse_other_data", lambda *given: None)
    monkeypatch.setattr(driver, "connect", lambda address: "")
    monkeypatch.setattr(driver, "_plan", lambda spec, joined: None)
    monkeypatch.setattr(driver.Run, "go", lambda self, plan: None)
    return monkeypatch


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_ray_is_left_ends_the_run_in_order(joined, tmp_path, number):
    before = signal.getsignal(number)
    joined.setattr(driver, "_shut_down", lambda: os.kill(os.getpid(), number))
    outcome = driver.run_study(SPEC, tmp_path / "s", View(), address="auto")
    assert outcome.signal == number
    assert signal.getsignal(number) is before


def test_what_goes_wrong_without_a_signal_is_told(joined, tmp_path):
    left = []

    def go(self, plan):
        raise StudyError("the disk is full")

    joined.setattr(driver.Run, "go", go)
    joined.setattr(driver, "_shut_down", lambda: left.append(1))
    with pytest.raises(StudyError, match="the disk is full"):
        driver.run_study(SPEC, tmp_path / "s", View(), address="auto")
    assert left == [1]


def leave(monkeypatch, directory, view, keeper, done, came=0):
    """Leaves a cluster whose head is gone; with which status."""

    def exit_(status):
        done.append(status)
        raise Left

    monkeypatch.setattr(tuner.os, "_exit", exit_)
    monkeypatch.setattr(tuner, "head_address", lambda: "10.0.0.1:6379")
    signals, broker = SimpleNamespace(came=came), SimpleNamespace(close=lambda: done.append("b"))
    run = Run(SPEC, directory, view, "", None, signals, Extra.NEVER, keeper)
    with pytest.raises(Left):
        run._leave(broker)


def test_a_lost_head_is_told_before_a_storage_is_waited_for(monkeypatch, tmp_path):
    done = []
    keeper = SimpleNamespace(close=done.append)
    leave(monkeypatch, tmp_path, View(done), keeper, done)
    line, *rest = done
    assert line.startswith("the cluster's head is gone, nobody answers at 10.0.0.1:6379; ")
    assert rest == ["b", LEAVE_S, 2]


@pytest.mark.parametrize("came", [0, 15])
def test_whatever_goes_wrong_a_driver_without_a_head_leaves(monkeypatch, tmp_path, came):
    done = []

    def close(wait_s):
        raise OSError("the disk is full")

    view = SimpleNamespace(say=close)
    leave(monkeypatch, tmp_path, view, SimpleNamespace(close=close), done, came)
    assert done[-1] == (143 if came else 2)


@pytest.mark.parametrize(
    ("address", "line"),
    [
        (None, "starting Ray on this machine: The current node timed out during startup."),
        ("auto", "--address auto: The current node timed out during startup."),
    ],
)
def test_ray_that_does_not_start_is_one_line(monkeypatch, address, line):
    def init(**options):
        raise Exception("\n The current node timed out during startup.\nThis could happen ...")  # noqa: TRY002

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray.init", init)
    with pytest.raises(StudyError) as caught:
        cluster.connect(address)
    assert str(caught.value) == line
