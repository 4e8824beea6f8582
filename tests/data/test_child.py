"""The reading child: it leaves nothing behind, however it or its parent ends."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from caviar.data import child

CLEANS_UP = """#!/bin/sh
trap 'kill $!; touch "$(dirname "$0")/cleaned"; exit 143' TERM
sleep 30 &
touch "$(dirname "$0")/begun"
wait
"""


@pytest.mark.parametrize("ending", [SystemExit(143), KeyboardInterrupt()])
def test_a_child_that_is_stopped_takes_its_arrays_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: BaseException
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "train.x.npy").write_bytes(b"half")

    def stopped(asked: object) -> None:
        raise ending

    class Gone(Exception):
        pass

    def leave(status: int) -> None:
        raise Gone(status)

    monkeypatch.setattr(child, "_read", stopped)
    monkeypatch.setattr(child, "_die_with_parent", lambda: None)
    monkeypatch.setattr(child.os, "_exit", leave)
    with pytest.raises(Gone, match="143"):
        child.main(str(scratch), "{}")
    assert not scratch.exists()


def test_an_interrupted_parent_lets_the_child_clean_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = tmp_path / "interpreter"
    interpreter.write_text(CLEANS_UP)
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))

    def interrupt(number: int, frame: object) -> None:
        if (tmp_path / "begun").exists():
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            child.read_in_child("mnist", None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert (tmp_path / "cleaned").exists()
