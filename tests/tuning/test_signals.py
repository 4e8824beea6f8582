"""A signal ends a driver in order, and in time."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from caviar.tuning import signals
from caviar.tuning.signals import Interrupted, Signals


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []

    def leave(code: int) -> None:
        found.append(code)
        if threading.current_thread() is threading.main_thread():
            raise SystemExit(code)

    monkeypatch.setattr(signals.os, "_exit", leave)
    return found


def test_a_driver_whose_cluster_is_gone_leaves_in_time(exits: list[int]) -> None:
    said: list[str] = []
    left = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        if "leaving" in line:
            left.set()

    with Signals(say, leave_s=0.01) as found:
        found.in_tune = True
        os.kill(os.getpid(), signal.SIGTERM)
        assert left.wait(10)
        found._deadline.join(10)
    assert exits == [128 + signal.SIGTERM]
    assert found.stopping.is_set()


def test_one_that_leaves_by_itself_is_not_pushed(exits: list[int]) -> None:
    before = signal.getsignal(signal.SIGTERM)  # Ray leaves one of its own in a process it was in
    with pytest.raises(Interrupted), Signals(lambda line: None, leave_s=0.2) as found:
        os.kill(os.getpid(), signal.SIGTERM)
    found._deadline.join(10)
    assert exits == []
    assert found.came == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_second_signal_leaves_at_once(exits: list[int]) -> None:
    with Signals(lambda line: None) as found:
        found.in_tune = True
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
    assert exits == [128 + signal.SIGTERM]


def test_a_terminal_that_was_closed_keeps_no_driver(exits: list[int]) -> None:
    left = threading.Event()

    def say(line: str) -> None:
        if "leaving" in line:
            left.set()
        raise BrokenPipeError(32, "Broken pipe")

    with Signals(say, leave_s=0.01) as found:
        found.in_tune = True
        os.kill(os.getpid(), signal.SIGTERM)
        assert left.wait(10)
        found._deadline.join(10)
    assert exits == [128 + signal.SIGTERM]
