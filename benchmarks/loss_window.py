"""What a backup loses where a machine is lost, against what its successor says was lost.

    python benchmarks/loss_window.py [--kills 40] [--chains 4] [--delay-s 0] [--storage URI] [--ray]

A driver with a storage is killed at a random moment (kill -9, with all that it started), its
directory is put away, and the next driver, on another directory, restores the study and says how
many seconds of acknowledged measurements may be missing. That is held against the journal that was
put away: from the last measurement that stands to the last one that was acknowledged. Every
checkpoint that the restored journal names is looked for as well. So on, in several chains at once.

With --ray the drivers are real ones, a local Ray each, whose slices train nothing; without, only
the keeper is, beside a process that commits as a broker does, and a kill costs seconds less.
--delay-s makes every question to the storage take up to so long.

Status 1 if more was lost than said.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from caviar.errors import StudyError
from caviar.study.journal import Journal

DRIVER = Path(__file__).with_name("loss_window_driver.py")
START_S = 300.0
WORK_S = (2.0, 14.0)
"""Between a driver's beginning to work and its end."""
_STATED = re.compile(r"at most (\d+) s of acknowledged measurements may be missing")


@dataclass(frozen=True)
class Kill:
    """A driver's end and its successor's words.

    Attributes:
        stated_s: what may be missing, as the successor said; None if it gave no figure.
        lost_s: what was missing: from the last measurement that stands, or the driver's beginning
            if that is later, to the last acknowledged.
        lost: how many were missing.
        checkpoints_lost: that the restored journal named and nobody has.
    """

    stated_s: float | None
    lost_s: float
    lost: int
    checkpoints_lost: int


class Driver:
    """A driver at work, to be killed."""

    def __init__(self, directory: Path, uri: str, seed: int, options: argparse.Namespace) -> None:
        """Starts it."""
        self.directory = directory
        self.began = 0.0
        self.said: list[str] = []
        words = [directory, uri, seed, options.delay_s, *["--ray"] * options.ray]
        self._process = subprocess.Popen(
            [sys.executable, str(DRIVER), *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory.parent,
        )

    def wait_for_work(self) -> None:
        """Returns when it measures.

        Raises:
            RuntimeError: it does not.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line.rstrip())
            if line.startswith("at work"):
                break
        self.began = time.time()
        before, until = self.measured(), time.monotonic() + START_S
        while self.measured() <= before:
            if time.monotonic() > until or self._process.poll() is not None:
                self.kill()
                raise RuntimeError("\n".join(self.said))
            time.sleep(0.1)

    def measured(self) -> int:
        """Measurements in its journal."""
        with suppress(StudyError), Journal.open(self.directory) as journal:
            return journal.measured_epochs
        return 0

    def kill(self) -> None:
        """The machine is lost: all of it at once."""
        with suppress(psutil.Error):
            whole = psutil.Process(self._process.pid)
            for process in [whole, *whole.children(recursive=True)]:
                with suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)
        self.said += self._process.communicate()[0].splitlines()


def compared(driver: Driver, before: Driver) -> Kill:
    """What a driver restored against the journal that its predecessor left."""
    with Journal.open(before.directory) as journal:
        old, gone = stamped(journal), len(journal.events("checkpoint_lost"))
    with Journal.open(driver.directory) as journal:
        new, lost_files = stamped(journal), len(journal.events("checkpoint_lost")) - gone
    missing = [at for key, at in old.items() if new.get(key) != at]
    standing = [at for key, at in old.items() if new.get(key) == at]
    found = [match[1] for line in driver.said if (match := _STATED.search(line))]
    # Before a driver began nobody measured: what it restored may be much older.
    lost_s = max(missing) - max([before.began, *standing]) if missing else 0.0
    return Kill(float(found[0]) if found else None, lost_s, len(missing), lost_files)


def stamped(journal: Journal) -> dict[tuple[int, int], float]:
    """When each measurement was acknowledged, by trial and epoch."""
    rows = journal._db.rows("SELECT trial, epoch, recorded_at FROM measurements")
    return {(trial, epoch): at for trial, epoch, at in rows}


def chain(folder: Path, uri: str, seed: int, options: argparse.Namespace) -> list[Kill]:
    """One driver after another, each killed; the first restores nothing."""
    chance, kills = random.Random(seed), []
    before: Driver | None = None
    for turn in range(options.kills // options.chains + 1):
        (folder / str(turn)).mkdir(parents=True)
        driver = Driver(folder / str(turn) / "study", uri, 1000 * seed + turn, options)
        driver.wait_for_work()
        time.sleep(chance.uniform(*WORK_S))
        driver.kill()
        if before is not None:
            kills.append(compared(driver, before))
            told(f"chain {seed}", kills[-1])
        before = driver
    return kills


def told(name: str, kill: Kill) -> None:
    stated = "no figure" if kill.stated_s is None else f"at most {kill.stated_s:.0f} s"
    files = f", {kill.checkpoints_lost} checkpoints gone" if kill.checkpoints_lost else ""
    print(
        f"{name}: said {stated}; lost {kill.lost_s:.2f} s, {kill.lost} measurements{files}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--delay-s", type=float, default=0.0)
    parser.add_argument("--storage", help="a prefix; default: a folder of /tmp's")
    parser.add_argument("--ray", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.chains) as pool:
        running = []
        for seed in range(options.chains):
            place = Path(folder) / str(seed)
            base, mark, query = (options.storage or f"{folder}/storage").partition("?")
            given = place, f"{base}/{seed}{mark}{query}", seed, options
            running.append(pool.submit(chain, *given))
        kills = [kill for each in running for kill in each.result()]
    summary(kills)
    sys.exit(any(k.stated_s is not None and k.lost_s > k.stated_s for k in kills))


def summary(kills: list[Kill]) -> None:
    """All of them in a few lines."""
    figures = [kill for kill in kills if kill.stated_s is not None]
    lost = sorted(kill.lost_s for kill in kills)
    beyond = [kill for kill in figures if kill.lost_s > kill.stated_s]
    stated = sorted(kill.stated_s for kill in figures)
    print(f"{len(kills)} kills, {len(figures)} with a figure, {len(beyond)} lost more than said")
    print(f"lost: median {statistics.median(lost):.2f} s, most {lost[-1]:.2f} s")
    if stated:
        print(f"said: median {statistics.median(stated):.0f} s, most {stated[-1]:.0f} s")
    print(f"checkpoints gone: {sum(kill.checkpoints_lost for kill in kills)}")


if __name__ == "__main__":
    main()
