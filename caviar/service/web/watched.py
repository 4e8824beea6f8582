"""One study directory, looked at while a driver may be at work on it.

Whether there is news is told by the journal's files alone (every commit writes its log), so a study
at rest costs three calls of `stat`. A reading that is due looks the whole journal through; readings
are so far apart that they take `SHARE` of one core, whoever asks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from caviar.report.account import account, course
from caviar.report.winning import winning
from caviar.service.web.packed import Packed
from caviar.service.web.source import UnknownError
from caviar.service.web.told import (
    CURVES,
    curve_of,
    leaders_of,
    rounds_of,
    rows_of,
    slices_of,
    status_of,
)
from caviar.study.growth import in_force
from caviar.study.journal import Journal
from caviar.study.lease import Lease
from caviar.study.opening import FILE
from caviar.study.spec import StudySpec

SHARE: Final = 0.02
"""Of one core that looking may take while a study runs."""
MOST_SHARE: Final = 0.1
"""And all of a service's that run together, if each may take its `SHARE`."""
LEAST_S: Final = 1.0
"""Between two readings of a study."""

_AT_ONCE: Final = threading.Semaphore(2)
"""Readings of a process: each takes some seventy megabytes at ten thousand trials."""


@dataclass(frozen=True)
class Reading:
    """A study as it was at a moment.

    Attributes:
        files: how the journal's files were just before.
        driven: whether a driver was at work.
        lease: the latest driver's.
        status: see `caviar.service.web.told.status_of`; with `leaders`, `curves`, `at`.
        packed: every trial.
        rounds: of the search.
        due_at: when the next may be made, on the clock that only goes forward.
    """

    files: Hashable
    driven: bool
    lease: Lease | None
    status: dict[str, Any]
    packed: Packed
    rounds: list[dict[str, Any]]
    due_at: float

    @property
    def trials(self) -> list[dict[str, Any]]:
        """Every trial, by index."""
        return self.packed.unpacked()


class WatchedStudy:
    """A study directory and what was last seen of it."""

    def __init__(
        self, name: str, directory: Path, clock: Callable[[], float] = time.monotonic,
        running: Callable[[], int] = lambda: 1,
    ) -> None:  # fmt: skip
        """Reads nothing yet.

        Args:
            name: that it goes by here.
            directory: the study's.
            clock: in seconds.
            running: how many studies are followed while they run, this one among them.
        """
        self.name = name
        self.directory = directory
        self._clock = clock
        self._running = running
        self._lock = threading.Lock()
        self._reading: Reading | None = None

    def reading(self) -> Reading:
        """How it stands: the last reading unless there is news and another is due.

        Raises:
            StudyError: it is no study any more, or damaged.
        """
        with self._lock:
            old = self._reading
            if old is not None and (self._same(old) or self._clock() < old.due_at):
                return old
            with _AT_ONCE:
                self._reading = self._read()
            return self._reading

    @property
    def is_running(self) -> bool:
        """Whether a driver was at work when it was last looked at."""
        return self._reading is not None and self._reading.driven

    def ask_again(self) -> None:
        """Makes the next reading due: something was asked of the study."""
        with self._lock:
            self._reading = None

    def trial(self, number: int) -> dict[str, Any]:
        """One trial with its curve.

        Raises:
            UnknownError: there is none of that number.
        """
        trials = self.reading().trials
        if not 0 <= number < len(trials):
            there = f"has trials 0 to {len(trials) - 1}" if trials else "has no trials yet"
            raise UnknownError(f"trial {number}: the study {there}")
        with Journal.open(self.directory) as journal:
            return trials[number] | course(journal, number)

    def files(self) -> Hashable:
        """What changes with every commit, and with the winner's card."""
        journal, card = self.directory / FILE, self.directory / "winner" / "card.json"
        log = _stat(journal.with_name(f"{FILE}-wal"))
        # Whoever opens the journal makes an empty log, and takes it away again.
        return _stat(journal), log if log and log[1] else None, _stat(card)

    def _same(self, old: Reading) -> bool:
        driven = old.lease is not None and old.lease.held(time.time())
        return old.files == self.files() and old.driven == driven

    def _read(self) -> Reading:
        began, files = time.thread_time(), self.files()
        with Journal.open(self.directory) as journal, journal.snapshot():
            now = time.time()
            told, lease = account(journal, now), journal.lease()
            metric = told["metric"]
            rows = rows_of(told, journal.values(metric))
            leaders = leaders_of(rows, metric)
            curves = {
                row["trial"]: curve_of(journal.measurements(row["trial"]), metric)
                for row in leaders[:CURVES]
            }
            spec = in_force(StudySpec.from_json(journal.spec_json), journal.changes())
            rounds = rounds_of(spec, told["rounds"], journal.rounds())
            slices = slices_of(journal.open_assignments())
            status = status_of(told, winning(journal), slices, spec.space.names)
        packed = Packed.of(rows)
        took = time.thread_time() - began
        more = {"name": self.name, "directory": str(self.directory), "at": round(now, 1)}
        crowd = max(1.0, self._running() * SHARE / MOST_SHARE)
        pace = {"every_s": round(max(LEAST_S, crowd * took / SHARE), 1)}
        status = more | pace | status | {"leaders": leaders, "curves": curves}
        driven = lease is not None and lease.held(now)
        due = self._clock() + pace["every_s"]
        return Reading(files, driven, lease, status, packed, rounds, due)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
