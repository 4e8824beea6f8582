"""Measuring in processes of their own: pinned to cores, started together, with no warm cache.

A benchmark script lists its measurements by name and gives them to `answer` when it is started
with `--child`; `elsewhere` runs one of them, `side_by_side` several at the same moment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_READY = "ready"
WARM = ("TF_XLA_FLAGS", "XLA_FLAGS")
"""Variables that could point a child to code compiled before."""


def pin(core: int | None = None) -> None:
    """Pins this process, and TensorFlow in it, to one core: the `core`th it may use, or the last.

    Call it before TensorFlow computes anything.
    """
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[-1 if core is None else core % len(allowed)]})
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def wait_for_start() -> None:
    """Tells the parent that this child is ready, and waits until all the others are, too."""
    print(_READY, flush=True)
    sys.stdin.readline()


def answer(request: str, measurements: Mapping[str, Callable[..., Any]]) -> None:
    """In a child: measures what the parent asks for and prints it as JSON."""
    arguments = json.loads(request)
    print(json.dumps(measurements[arguments.pop("call")](**arguments)))


def elsewhere(script: str | Path, call: str, **arguments: Any) -> Any:
    """What a measurement of `script` gives in a process of its own."""
    return _Child(script, call, arguments).result()


def side_by_side(script: str | Path, call: str, each: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What a measurement gives in several processes that begin when all of them are ready.

    The measurement must call `wait_for_start`.
    """
    children = [_Child(script, call, arguments) for arguments in each]
    for child in children:
        child.wait_until_ready()
    for child in children:
        child.go()
    # A child writes next to nothing, so that none waits while another is read.
    return [child.result() for child in children]


class _Child:
    """One measurement in a process; what it says on stderr is shown if it fails."""

    def __init__(self, script: str | Path, call: str, arguments: Mapping[str, Any]) -> None:
        command = [sys.executable, str(script), "--child", json.dumps({"call": call, **arguments})]
        environment = {name: text for name, text in os.environ.items() if name not in WARM}
        pipe = subprocess.PIPE
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 it lives as long as the child
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self._said, text=True, env=environment
        )

    def wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != _READY:
            self.result()

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def result(self) -> Any:
        out, _ = self._process.communicate()
        if self._process.returncode:
            self._said.seek(0)
            raise SystemExit(f"{self._said.read()}\nfailed with {self._process.returncode}")
        self._said.close()
        return json.loads(out.splitlines()[-1])


def seconds_of(call: Callable[[], Any], repeats: int = 1) -> list[float]:
    """The seconds that each of some calls took."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return taken


def conditions() -> str:
    """The machine's state as figures need it told: cores and load."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
