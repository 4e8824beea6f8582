"""What a driver that is a job writes beside its log, for those who ask through the dashboard.

A log is read by people, so it grows slowly; these few files are written over and over. The status
comes with every look at the broker. What the page shows is made of the journal by a thread, so far
apart that it takes `SHARE` of one core, and once more at the end. All of it is a courtesy: what
cannot be written is left out, and the study goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from caviar.report.account import courses
from caviar.service.board_files import (
    FOLDER,
    MOST,
    PAGE,
    ROUNDS,
    STATUS,
    TRIALS,
    encoded,
    file_of,
    kind_of,
)
from caviar.service.jobs import log_of
from caviar.service.web.watched import SHARE, Reading, WatchedStudy
from caviar.study.journal import Journal
from caviar.tuning.job_view import JOB
from caviar.tuning.job_words import shortened

LEAST_S: Final = 2.0
"""Between two looks at the journal."""


def folder_of_this_job() -> Path | None:
    """Where this process may tell how it stands; None if it is no job, or has no log of Ray's.

    Ray makes a job's log its standard output; the other logs of the node lie beside it.
    """
    job = os.environ.get(JOB, "")
    try:
        log = Path(os.readlink("/proc/self/fd/1"))
    except OSError:
        return None
    return log.parent / FOLDER / job if job and log.name == log_of(job) else None


class Board(AbstractContextManager["Board"]):
    """The files of one job; while it is entered a thread keeps them up to date."""

    def __init__(
        self, directory: Path, folder: Path, clock: Callable[[], float] = time.thread_time
    ) -> None:
        """Tells of the study in `directory` in files of `folder`, which is made.

        Args:
            directory: the study's; it may come later.
            folder: for the files.
            clock: the processor time of this thread, in seconds.
        """
        self._study = WatchedStudy("", directory.resolve())
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._news: dict[str, Any] = {}
        self._page_at: float | None = None
        self._seen: Reading | None = None
        self._rounds: object = None
        self._written: dict[str, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="board", daemon=True)

    def __enter__(self) -> Self:
        """Begins to look."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Looks a last time."""
        self._over.set()
        self._thread.join()
        self._study.ask_again()
        self.look()

    def tell(self, news: Mapping[str, Any]) -> None:
        """Writes how the study stands: what `caviar.tuning.job_view.JobView` tells, or more."""
        with self._lock:
            self._news = dict(news)
            self._write_status()

    def look(self) -> None:
        """Writes what the journal tells, if there is news."""
        with suppress(Exception):  # whatever it is, the study is worth more
            if not Journal.exists(self._study.directory):
                return
            found = self._study.reading()
            if found is self._seen:
                return
            self._seen = found
            self._write_page(found)
            with self._lock:
                self._page_at = found.status["at"]
                self._write_status()

    def _keep(self) -> None:
        pause = LEAST_S
        while not self._over.wait(pause):
            began = self._clock()
            self.look()
            pause = max(LEAST_S, (self._clock() - began) / SHARE)

    def _write_page(self, found: Reading) -> None:
        at, rows = found.status["at"], found.trials
        self._write(TRIALS, {"at": at, "trials": rows})
        if found.rounds != self._rounds and self._write(ROUNDS, {"at": at, "rounds": found.rounds}):
            self._rounds = found.rounds
        self._write_courses(at, rows)
        self._write(PAGE, found.status)  # last: who sees it finds the others

    def _write_courses(self, at: float, rows: Sequence[Mapping[str, Any]]) -> None:
        """Curves, of those trials alone of which something has changed."""
        changed: list[tuple[str, int, list[Mapping[str, Any]]]] = []
        for file, shared in groupby(rows, key=lambda row: file_of(row["trial"])):
            several = list(shared)
            state = hash(encoded({"rows": several}))
            if self._written.get(file) != state:
                changed.append((file, state, several))
        if not changed:
            return
        with Journal.open(self._study.directory) as journal:
            for file, state, several in changed:
                told = zip(several, courses(journal, several), strict=True)
                trials = [{**row, **way} for row, way in told]
                if self._write(file, {"at": at, "trials": trials}):
                    self._written[file] = state

    def _write_status(self) -> None:
        if self._news:
            told = self._news | {"page_at": self._page_at}
            self._put(STATUS, shortened(told, MOST[STATUS]).encode())

    def _write(self, file: str, told: Mapping[str, Any]) -> bool:
        """Writes a file, or takes it away; whether the disk let it."""
        raw = encoded(told)
        if len(raw) <= MOST[kind_of(file)]:
            return self._put(file, raw)
        with suppress(OSError):
            (self._folder / file).unlink(missing_ok=True)
            return True
        return False

    def _put(self, file: str, raw: bytes) -> bool:
        """Puts a file in place as a whole; a reader sees the old one or the new."""
        draft = self._folder / f".{file}"
        with suppress(OSError):
            draft.write_bytes(raw)
            draft.replace(self._folder / file)
            return True
        return False
