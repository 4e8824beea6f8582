"""What the live page adds to a driver's time: a study that trains nothing, watched and unwatched.

    python benchmarks/live_page.py [--trials 3000] [--pairs 3] [--listeners 2] [--dir DIR]

Each pair is two runs of the same study in processes of their own, as `no_op.py` makes them: one
unwatched, and one while `caviar serve`, a process of its own, follows its directory and so many
listeners take its events. Which goes first goes round. An epoch takes no time here, so the journal
grows far quicker than of a study that trains: 3,000 trials are 5,000 assignments in half a minute.

Prints of each run the milliseconds an assignment took by the clock and of processor time in the
driver and the broker, and of the watched ones the share of a core that `caviar serve` took, and how
many events came. The target: the page adds less than 2 % to the driver's time. Wall time is that of
a machine with as many cores as slices and nothing to spare for a page; processor time is not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
from no_op import WORKER, Watch, study
from processes import answer, elsewhere

from caviar.study.journal import Journal

TOKEN = "benchmark-of-the-live-page-0123456789"
TARGET = 0.02
STARTS_S = 60.0
"""Seconds that the page, and the study on it, may take to be there."""


@dataclass
class Listeners:
    """What those who look at the page have seen."""

    events: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def listen(self, url: str) -> None:
        """Takes a study's events until its stream ends."""
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
        until = time.monotonic() + STARTS_S
        while time.monotonic() < until and not self.over.is_set():
            try:
                with urllib.request.urlopen(request, timeout=60) as stream:
                    self.events += sum(line.startswith(b"event: status") for line in stream)
                    return
            except urllib.error.HTTPError:  # the study has not begun
                time.sleep(0.2)
            except OSError:
                return  # the page was ended


def run(folder: str, trials: int) -> dict[str, float]:
    """One study; its milliseconds an assignment."""
    from caviar.tuning.driver import run_study

    spec = study(trials, "1", 27)
    directory = Path(folder) / "study"
    watch = Watch(max(1, trials // 10))
    run_study(spec, directory, watch, worker=WORKER)
    with Journal.open(directory) as journal:
        attempts = journal.attempts()
    took_s = max(a.ended_at or a.claimed_at for a in attempts) - min(a.claimed_at for a in attempts)
    early, late = watch.samples[0], watch.samples[-1]
    share = len(attempts) * (late.trials - early.trials) / late.trials
    spent = [1e3 * (b - a) / share for a, b in zip(early.cpu_s, late.cpu_s, strict=True)]
    return {
        "assignments": len(attempts),
        "wall_ms": 1e3 * took_s / len(attempts),
        "driver_ms": spent[0],
        "broker_ms": spent[1],
    }


@contextmanager
def page(folder: Path, count: int) -> Iterator[dict[str, float]]:
    """`caviar serve` with listeners on the study in `folder`; tells at the end what it took."""
    told: dict[str, float] = {}
    command = [sys.executable, "-m", "caviar", "serve", str(folder), "--port", "0"]
    environment = {**os.environ, "CAVIAR_TOKEN": TOKEN}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    process, listeners = psutil.Process(server.pid), Listeners()
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        begun, before = time.monotonic(), process.cpu_times()
        stream = f"{url}/api/v1/studies/study/events"
        threads = [threading.Thread(target=listeners.listen, args=(stream,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        yield told
        after, took_s = process.cpu_times(), time.monotonic() - begun
        cpu_s = after.user + after.system - before.user - before.system
        told |= {"share": cpu_s / took_s, "events": listeners.events / max(1, count)}
        told |= {"rss": process.memory_info().rss / 2**20}
    finally:
        listeners.over.set()
        server.terminate()
        server.wait(20)


def one(trials: int, listeners: int, place: Path | None) -> dict[str, float]:
    """A run, watched by so many."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        if not listeners:
            return elsewhere(__file__, "run", folder=folder, trials=trials)
        with page(Path(folder), listeners) as told:
            figures = elsewhere(__file__, "run", folder=folder, trials=trials)
        return figures | told


def line(name: str, figures: dict[str, float]) -> None:
    words = f"{figures['wall_ms']:7.2f} ms  driver {figures['driver_ms']:.2f}"
    words += f"  broker {figures['broker_ms']:.2f} ms of processor time"
    if "share" in figures:
        words += f"; page {100 * figures['share']:.1f} % of a core, {figures['rss']:.0f} MiB"
        words += f", {figures['events']:.0f} events a listener"
    print(f"  {name:<10}{words}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=3000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--listeners", type=int, default=2)
    parser.add_argument("--dir", type=Path, default=None, help="on which disk; default: /tmp's")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        answer(options.child, {"run": run})
        return
    kinds = {"unwatched": 0, "watched": options.listeners}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in kinds}
    for pair in range(options.pairs):
        order = list(kinds) if pair % 2 == 0 else list(reversed(kinds))
        for name in order:
            found[name].append(one(options.trials, kinds[name], options.dir))
            line(name, found[name][-1])
    for key in ("wall_ms", "driver_ms", "broker_ms"):
        ratios = [
            a[key] / b[key] for a, b in zip(found["watched"], found["unwatched"], strict=True)
        ]
        told = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"  {key:<10} watched : unwatched {told}; median {median(ratios):.3f}")
    print(f"  target of the driver's and broker's time: below {1 + TARGET:.2f}")


if __name__ == "__main__":
    main()
