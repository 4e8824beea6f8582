"""What the live page adds to a driver's time: one study, watched and unwatched by turns.

    python benchmarks/live_page.py [--trials 30000] [--turn 5] [--listeners 2] [--dir DIR]

The study trains nothing, as in `no_op.py`, so its journal grows far quicker than of one that does:
some 500 assignments a second. `caviar serve`, a process of its own, follows its directory, and so
many listeners take its events; every `--turn` seconds it is stopped (SIGSTOP) or let go on. What
the processes of driver and broker spend on an assignment is compared between neighbouring turns, in
one and the same run: between two runs it differs by a quarter, whoever watches.

Prints the medians of turns of both kinds, of all pairs the median ratio and its quartiles, the
share of a core that `caviar serve` took while it could, and how many events a listener got. The
target: the page adds less than 2 % to the driver's time.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from bisect import bisect_left
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import psutil
from no_op import WORKER, Watch, kind_of, study

from caviar.study.journal import Journal

TOKEN = "benchmark-of-the-live-page-0123456789"
TARGET = 0.02
WARM_S = 5.0
"""Seconds of assignments before the first turn."""


@dataclass(frozen=True)
class Moment:
    """A moment between two turns: seconds since 1970, and of processor time so far."""

    at: float
    driver_s: float
    broker_s: float
    page_s: float


class Listener(threading.Thread):
    """Takes a study's events until its stream ends."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.events = 0
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self._request = urllib.request.Request(url, headers=headers)

    def run(self) -> None:
        """Counts them."""
        try:
            with urllib.request.urlopen(self._request, timeout=60) as stream:
                for line in stream:
                    self.events += line.startswith(b"event: status")
        except (OSError, ValueError):  # the page was ended
            return


def run(directory: Path, trials: int) -> None:
    """The study, in a process of its own."""
    from caviar.tuning.driver import run_study

    run_study(study(trials, "1", 1), directory, Watch(trials), worker=WORKER)


def started(command: list[str], stack: ExitStack, **more: str) -> subprocess.Popen[str]:
    """A process that ends with `stack`."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, text=True, env={**os.environ, **more})

    def end() -> None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(30)

    stack.callback(end)
    return process


def spent_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def broker_of(driver: psutil.Process) -> psutil.Process:
    """The broker's process, once Ray has named it."""
    while True:
        for process in driver.children(recursive=True):
            if kind_of(process) == 1:
                return process
        time.sleep(0.1)


def measured(directory: Path) -> int:
    """Measurements so far; 0 before the study has begun."""
    if not Journal.exists(directory):
        return 0
    with Journal.open(directory) as journal:
        return journal.measured_epochs


def turns(driver: psutil.Process, page: psutil.Process, turn_s: float) -> list[Moment]:
    """Stops the page and lets it go on by turns until the study is over."""
    broker, found = broker_of(driver), []
    try:
        while True:
            spent = spent_s(driver), spent_s(broker), spent_s(page)
            found.append(Moment(time.time(), *spent))
            page.send_signal(signal.SIGSTOP if len(found) % 2 else signal.SIGCONT)
            time.sleep(turn_s)
    except psutil.NoSuchProcess:  # the broker ends with the study
        page.send_signal(signal.SIGCONT)
        return found


def compare(moments: list[Moment], claims: list[float]) -> None:
    """Prints what an assignment cost in turns with and without the page."""
    each = []
    for a, b in itertools.pairwise(moments[:-1]):  # the last one may have ended within
        count = bisect_left(claims, b.at) - bisect_left(claims, a.at)
        each.append([1e3 * (getattr(b, key) - getattr(a, key)) / count for key in KEYS])
    without, watched = each[::2], each[1::2]
    for place, key in enumerate(KEYS):
        ratios = [b[place] / a[place] for a, b in zip(without, watched, strict=False)]
        # Each turn with the page lies between two without: what drifts is in neither's favour.
        ratios += [b[place] / a[place] for a, b in zip(without[1:], watched, strict=False)]
        off, on = (median(turn[place] for turn in kind) for kind in (without, watched))
        low, _, high = quantiles(ratios, n=4)
        print(
            f"  {NAMES[key]:<12}{off:6.3f} ms an assignment unwatched, {on:6.3f} watched;"
            f" of {len(ratios)} pairs the median {median(ratios):.3f} ({low:.3f} to {high:.3f})"
        )
    shares = [(b.page_s - a.page_s) / (b.at - a.at) for a, b in itertools.pairwise(moments[:-1])]
    print(f"  page        {100 * median(shares[1::2]):.1f} % of a core while it could")


KEYS = "at", "driver_s", "broker_s"
NAMES = {"at": "by the clock", "driver_s": "driver", "broker_s": "broker"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=30_000)
    parser.add_argument("--turn", type=float, default=5.0, help="seconds")
    parser.add_argument("--listeners", type=int, default=2)
    parser.add_argument("--dir", type=Path, default=None, help="on which disk; default: /tmp's")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run(options.child, options.trials)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.dir)))
        directory = folder / "study"
        serve = [sys.executable, "-m", "caviar", "serve", str(folder), "--port", "0"]
        page = started(serve, stack, CAVIAR_TOKEN=TOKEN)
        assert page.stdout is not None
        url = f"{page.stdout.readline().split()[-1]}/api/v1/studies/study/events"
        child = [sys.executable, __file__, "--child", str(directory)]
        driver = started([*child, "--trials", str(options.trials)], stack)
        while measured(directory) == 0:
            if driver.poll() is not None:
                raise SystemExit("the study failed to begin")
            time.sleep(0.2)
        listeners = [Listener(url) for _ in range(options.listeners)]
        for listener in listeners:
            listener.start()
        time.sleep(WARM_S)
        moments = turns(psutil.Process(driver.pid), psutil.Process(page.pid), options.turn)
        driver.wait()
        with Journal.open(directory) as journal:
            claims = sorted(attempt.claimed_at for attempt in journal.attempts())
        print(f"{len(claims):,} assignments, {len(moments) - 2} turns of {options.turn:g} s")
        compare(moments, claims)
        told = ", ".join(str(listener.events) for listener in listeners)
        print(f"  events      {told} to the listeners")
        print(f"  target of the driver and the broker: below {1 + TARGET:.2f}")


if __name__ == "__main__":
    main()
