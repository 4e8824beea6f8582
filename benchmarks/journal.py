"""How fast the journal takes assignments and answers questions, and how big it grows.

    python benchmarks/journal.py [--trials 10000] [--epochs 5] [--checkpoint 0] [--dir DIR]

Every assignment has one trial; its report, the next assignment and its claim are one commit, as in
the broker. On a directory in memory (/dev/shm) the figure is the journal's own work without a disk.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from caviar.search.standing import standing_of
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Signature, Trial, Watch

SIGNATURE = Signature((112, 112), 64, "adam")
WATCH = Watch((0.123456, 0.0123456, 0.34567), (12.3456, 11.2345, 3.45678), (0.0, 0.0123))


def trial(index: int) -> Trial:
    values = {"learning_rate": 0.0123 + index, "beta_1": 0.95, "units": 75, "layers": 3}
    return Trial(index, (0.123456789, 0.5, 0.75, 0.25), values)


def issue(journal: Journal, index: int, epochs: int) -> tuple[int, int]:
    assignment = Assignment((index,), 0, epochs, SIGNATURE)
    number = journal.issue(assignment, decisions=[trial(index)])
    return number, journal.start_attempt(number, "slice-0")


def write(journal: Journal, trials: int, epochs: int, checkpoint: bytes) -> float:
    start = time.perf_counter()
    claim = issue(journal, 0, epochs)
    for index in range(trials):
        measurements = [
            Measurement(
                index, epoch, 0.1 * epoch, 0.9, 0.2, 0.8 + index % 7 / 100, 0.004, watch=WATCH
            )
            for epoch in range(1, epochs + 1)
        ]
        with journal.transaction():
            files = {index: (epochs, checkpoint)} if checkpoint else {}
            journal.report(*claim, measurements, files, complete=True)
            if index + 1 < trials:
                claim = issue(journal, index + 1, epochs)
    return time.perf_counter() - start


def timed(name: str, ask: Callable[[], object]) -> None:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - start)
    print(f"{name:<22}{1e3 * min(seconds):10.1f} ms, the best of 3")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--checkpoint", type=int, default=0, help="bytes of each checkpoint")
    parser.add_argument("--dir", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        directory = Path(folder) / "study"
        with Journal.create(directory, "{}", "benchmark") as journal:
            journal.acquire_lease()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            data = os.urandom(options.checkpoint)
            seconds = write(journal, options.trials, options.epochs, data)
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = (directory / "journal.sqlite3").stat().st_size
        print(f"{'assignments':<22}{options.trials / seconds:10.0f} /s")
        print(f"{'one assignment':<22}{1e3 * seconds / options.trials:10.3f} ms")
        print(f"{'journal':<22}{size / options.trials:10.0f} bytes/trial")
        print(f"{'memory grew':<22}{after - before:10d} KiB")
        with Journal.open(directory) as journal:
            timed("summary", journal.summary)
            rungs = (options.epochs,)
            timed("rungs", lambda: standing_of(journal.entries(), rungs, "dev_accuracy"))
            timed("open assignments", journal.open_assignments)
            timed("all measurements", journal.measurements)
            timed("entries, for a replay", lambda: sum(1 for _ in journal.entries()))
            timed("one trial's curve", lambda: journal.measurements(options.trials // 2))


if __name__ == "__main__":
    main()
