"""What all tests share: which run one after the other, and a Ray cluster of their own.

The cluster is on loopback, with free ports, a token, four CPUs and two logical GPUs.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from browser import CHROMIUM, FLAGS
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


ROOT = Path(__file__).parents[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """For `pytest -n 2`: what needs Ray goes to one process, on one cluster, and first.

    The other process meanwhile takes the rest, a file at a time: what a file compiles, it shares.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "ray" if needs_ray(ROOT / file) else file

    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_collection_modifyitems(config, items) -> None:
    if hasattr(config, "workerinput"):  # what takes longest begins first
        items.sort(key=lambda item: not needs_ray(item.path))


@cache
def needs_ray(file: Path) -> bool:
    return "mark.ray" in file.read_text()


SMI = """#!/bin/sh
# What nvidia-smi says of a card of 8000 MiB.
echo 8000
"""


@dataclass(frozen=True)
class Cluster:
    address: str
    dashboard: str
    environment: dict[str, str]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="session")
def ray_environment(tmp_path_factory) -> dict[str, str]:
    tools = tmp_path_factory.mktemp("tools")
    smi = tools / "nvidia-smi"
    smi.write_text(SMI)
    smi.chmod(0o755)
    home = tmp_path_factory.mktemp("home")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "CAVIAR_"))}
    return kept | {
        "PATH": f"{tools}:{kept['PATH']}",
        "HOME": str(home),
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
        "RAY_USAGE_STATS_ENABLED": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(ROOT / "tests" / "tuning"),
    }


@pytest.fixture(scope="session")
def cluster(ray_environment) -> Iterator[Cluster]:
    port, dashboard = free_port(), free_port()
    command = [
        str(ROOT / "cluster" / "local.sh"),
        *("--gpus", "2", "--cpus", "4"),
        *("--port", str(port), "--dashboard-port", str(dashboard)),
    ]
    environment = ray_environment | {
        "PATH": f"{Path(sys.executable).parent}:{ray_environment['PATH']}"
    }
    head = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert head.stdout is not None
        line = head.stdout.readline()
        assert line.startswith("Ray is up"), line
        yield Cluster(f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}", environment)
    finally:
        head.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 20
        while head.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        if head.poll() is None:
            os.killpg(head.pid, signal.SIGKILL)
            head.wait()


@pytest.fixture(scope="module")
def chromium():
    """A Chromium that no page can make ask for anything by itself."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with sync_api.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def caviar(monkeypatch, capsys):
    """Calls the command line in this process; the status, and what it printed and complained."""

    from caviar.cli import main

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["caviar", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code or 0, *capsys.readouterr())

    return call
