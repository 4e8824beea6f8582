"""Studies that are jobs of a Ray cluster, as their drivers tell them: the latest job of each.

The dashboard has no way to a study's journal, but serves what a driver writes beside its log
(`caviar.service.board_files`). The report is where the study is, or where `caviar fetch` brings it;
changes are typed there by helper jobs.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from caviar.errors import StudyError
from caviar.service import jobs
from caviar.service.board_files import PAGE, ROUNDS, TRIALS, file_of
from caviar.service.board_news import OddError, read
from caviar.service.changing import change_there
from caviar.service.dashboard import Dashboard
from caviar.service.jobs import Job
from caviar.service.telling import told_of
from caviar.service.web.joined import joined
from caviar.service.web.packed import Packed
from caviar.service.web.source import ElsewhereError, UnknownError
from caviar.service.web.wishes import Stop, Wish, words_of
from caviar.study.wording import one_line

EVERY_S: Final = 2.0
"""Between two questions to the dashboard about the same thing."""
MOST: Final = 1000
"""Studies of a service, the latest."""
KEPT: Final = 8
"""Studies whose trials are kept at a time: they are asked for page by page."""


@dataclass(frozen=True)
class _Seen:
    """What was last told of a study."""

    job: Job
    asked_at: float
    page: dict[str, Any] | None
    status: dict[str, Any]
    final: bool


class Cluster:
    """The studies submitted to a cluster."""

    def __init__(self, dashboard: Dashboard, clock: Callable[[], float] = time.monotonic) -> None:
        """Asks `dashboard` once; `clock` in seconds.

        Raises:
            StudyError: it does not answer, or not to this token.
        """
        self._dashboard = dashboard
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: tuple[float, dict[str, Job]] = (self._clock(), _latest(dashboard))
        self._seen: dict[str, _Seen] = {}
        self._trials: OrderedDict[tuple[str, float], Packed] = OrderedDict()
        self._reading = threading.Lock()

    def names(self) -> list[str]:
        """The studies there are now."""
        return sorted(self._known())

    def status(self, name: str) -> dict[str, Any]:
        """How a study stands; the same object while there is no news."""
        return self._look(name).status

    def trials(self, name: str) -> list[dict[str, Any]]:
        """Every trial, by index.

        Raises:
            ElsewhereError: they are not told, or there are too many.
        """
        seen = self._look(name)
        key = seen.job.id, (seen.page or {}).get("at", 0.0)
        with self._reading:  # several who ask share one answer
            found = self._trials.pop(key, None)
            if found is None:
                found = Packed.of(self._told(seen, TRIALS, "its trials")["trials"])
                for old in [kept for kept in self._trials if kept[0] == key[0]]:
                    del self._trials[old]
            self._trials[key] = found
            while len(self._trials) > KEPT:
                self._trials.popitem(last=False)
        return found.unpacked()

    def trial(self, name: str, number: int) -> dict[str, Any]:
        """One trial with its curve.

        Raises:
            UnknownError: there is none of that number.
            ElsewhereError: it is not told.
        """
        seen = self._look(name)
        count = (seen.page or {}).get("trials", number + 1)
        if number >= count:
            there = f"has trials 0 to {count - 1}" if count else "has no trials yet"
            raise UnknownError(f"trial {number}: the study {there}")
        rows = self._told(seen, file_of(number), f"trial {number}")["trials"]
        found = next((row for row in rows if row["trial"] == number), None)
        return found if found is not None else self._elsewhere(seen.job, f"trial {number}")

    def rounds(self, name: str) -> list[dict[str, Any]]:
        """The rounds of the search with their boxes.

        Raises:
            ElsewhereError: they are not told.
        """
        return self._told(self._look(name), ROUNDS, "its rounds")["rounds"]

    def report(self, name: str) -> tuple[str, str]:
        """Refused: it is made of the journal."""
        self._elsewhere(self._job(name), "its report")

    def change(self, name: str, wish: Wish) -> list[dict[str, Any]]:
        """Asks for changes where the study is; ends the job where the whole study is to stop.

        Raises:
            StudyError: why not.
        """
        job = self._job(name)
        try:
            if isinstance(wish, Stop) and wish.trial is None:
                jobs.stop(self._dashboard, job)
                line = f"{job.id}: asked to stop; submit the study again to go on with it"
                return [{"taken": True, "line": line}]
            lines = change_there(self._dashboard, job, words_of(wish))
            return [{"taken": line.startswith("taken"), "line": line} for line in lines]
        finally:
            with self._lock:
                self._seen.pop(name, None)
                self._jobs = (-EVERY_S, self._jobs[1])

    def _look(self, name: str) -> _Seen:
        job = self._job(name)
        with self._lock:
            old = self._seen.get(name)
        if old is not None and old.job.id == job.id:
            if old.final or self._clock() - old.asked_at < EVERY_S:
                return old
        else:
            old = None
        found = self._ask(name, job, old)
        with self._lock:
            self._seen[name] = found
        return found

    def _ask(self, name: str, job: Job, old: _Seen | None) -> _Seen:
        told, page = told_of(self._dashboard, job), None
        page_at = told.get("page_at")
        if page_at and old is not None and old.page and old.page["at"] == page_at:
            page = old.page
        elif page_at:
            try:
                page = read(self._dashboard, job, PAGE)
            except StudyError as error:
                told["note"] = told["note"] or str(error)
        status = joined(name, told, page)
        # The same news is the same object: that is how others see that there is none.
        if old is not None and {**status, "at": 0} == {**old.status, "at": 0}:
            status = old.status
        final = job.is_over and not told["note"]
        return _Seen(job, self._clock(), page, status, final)

    def _told(self, seen: _Seen, file: str, what: str) -> dict[str, Any]:
        try:
            found = read(self._dashboard, seen.job, file) if seen.page else None
        except OddError as error:
            raise ElsewhereError(str(error)) from None
        return found if found is not None else self._elsewhere(seen.job, what)

    def _known(self) -> dict[str, Job]:
        with self._lock:
            asked_at, known = self._jobs
        if self._clock() - asked_at >= EVERY_S:
            known = _latest(self._dashboard)
            with self._lock:
                self._jobs = self._clock(), known
                self._seen = {name: one for name, one in self._seen.items() if name in known}
        return known

    def _job(self, name: str) -> Job:
        job = self._known().get(name)
        if job is None:
            raise UnknownError(f"{one_line(name)}: the cluster has no such study")
        return job

    def _elsewhere(self, job: Job, what: str) -> NoReturn:
        told = "is" if what.startswith("trial ") or what == "its report" else "are"
        bring = f"bring the study here with: caviar fetch {job.id} DIR"
        raise ElsewhereError(f"{job.study}: {what} {told} not told through the dashboard; {bring}")


def _latest(dashboard: Dashboard) -> dict[str, Job]:
    """By study its latest job."""
    found: dict[str, Job] = {}
    for job in jobs.all_jobs(dashboard):
        if len(found) < MOST:
            found.setdefault(job.study, job)
    return found
