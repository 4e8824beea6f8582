"""What `cluster/local.sh` says of its arguments; none of these starts anything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "cluster" / "local.sh"


def said(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [SCRIPT, *arguments], capture_output=True, text=True, timeout=20, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_is_no_mistake(word: str) -> None:
    status, out, err = said(word)
    assert (status, err) == (0, "")
    assert "usage: cluster/local.sh [--gpus N]" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--gpus", "two"), '--gpus must be a whole number, got "two"'),
        (("--cpus", "-1"), '--cpus must be a whole number, got "-1"'),
        (("--port",), "--port needs a number"),
        (("--cpus", "2", "--gpus", ""), "--gpus needs a number"),
        (("--dashboard-port", "70000"), "--dashboard-port must be from 1 to 65535, got 70000"),
    ],
)
def test_a_wrong_value_is_one_line(arguments: tuple[str, ...], line: str) -> None:
    assert said(*arguments) == (2, "", f"cluster/local.sh: {line}\n")


def test_an_unknown_word_is_answered_with_the_usage() -> None:
    status, out, err = said("--gpu", "2")
    assert (status, out) == (2, "")
    assert "usage: cluster/local.sh" in err
