"""What `cluster/local.sh` says and does before it starts Ray; none of these starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
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


def test_the_token_that_it_makes_is_for_its_owner_alone(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [SCRIPT, "--port", port], env=kept | {"HOME": str(tmp_path), "PATH": path},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    line = f"port {port} is taken; choose --port and --dashboard-port"
    assert (done.returncode, done.stderr) == (2, f"cluster/local.sh: {line}\n")
    token = tmp_path / ".ray/auth_token"
    assert token.stat().st_size == 64
    assert token.stat().st_mode & 0o077 == 0
