"""What backing a study up costs whoever commits to its journal meanwhile.

    python benchmarks/backup.py [--trials 3000] [--seconds 10] [--storage URI]

A journal of so many trials is made; then reports are committed as fast as they go, once alone and
once while another process makes one backup after the other, which is far more than
`caviar.tuning.keeper` does: at most every 5 s, and a twentieth of the time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

from caviar.study.backup_writer import BackupWriter
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Signature, Trial
from caviar.study.spec import StudySpec
from caviar.study.storage import Storage

EPOCHS = 9
WEIGHTS = bytes(64 * 1024)


def commit(journal: Journal, trial: int) -> float:
    """A trial from its claim to its last report; seconds."""
    measured = [Measurement(trial, e, 1.0, 0.5, 1.0, 0.5, 0.1) for e in range(1, EPOCHS + 1)]
    drawn = Trial(trial, (0.5,) * 6, {f"hyperparameter_{i}": 0.5 for i in range(6)})
    began = time.perf_counter()
    with journal.transaction():
        work = Assignment((trial,), 0, EPOCHS, Signature((112, 112), 64, "adam"))
        number = journal.issue(work, decisions=[drawn])
        attempt = journal.start_attempt(number, "slice-0")
        journal.report(number, attempt, measured, {trial: (EPOCHS, WEIGHTS)}, complete=True)
    return time.perf_counter() - began


def keep(uri: str, directory: Path, took: multiprocessing.Queue, until: float) -> None:
    """Makes one backup after the other."""
    writer = BackupWriter(Storage(uri), directory, "backup", 1, None)
    while time.time() < until:
        began = time.perf_counter()
        writer.carry()
        writer.write(lambda: None)
        took.put(time.perf_counter() - began)


def told(name: str, times: list[float], seconds: float) -> None:
    times.sort()
    p50, p99 = statistics.median(times), times[int(0.99 * len(times))]
    rate = len(times) / seconds
    print(f"{name}: {rate:.0f} commits/s, p50 {1e3 * p50:.1f} ms, p99 {1e3 * p99:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--storage")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "study"
        spec = StudySpec.default()
        with Journal.create(directory, spec.to_json(), spec.fingerprint) as journal:
            journal.acquire_lease()
            for trial in range(options.trials):
                commit(journal, trial)
            trial = options.trials
            for name in ("alone", "beside backups without a pause"):
                took: multiprocessing.Queue = multiprocessing.Queue()
                until = time.time() + options.seconds
                given = options.storage or f"{folder}/storage", directory, took, until
                keeper = multiprocessing.get_context("fork").Process(target=keep, args=given)
                if name != "alone":
                    keeper.start()
                times = []
                while time.time() < until:
                    times.append(commit(journal, trial))
                    trial += 1
                told(name, times, options.seconds)
                if name != "alone":
                    keeper.join()
                    found = [took.get() for _ in range(took.qsize())]
                    size = (directory / "journal.sqlite3").stat().st_size / 1e6
                    later = statistics.median(found[1:] or found)
                    last = f"first {found[0]:.2f} s, then {later:.2f} s"
                    print(f"{len(found)} backups of a journal of {size:.0f} MB: {last}")


if __name__ == "__main__":
    main()
