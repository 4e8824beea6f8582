"""Studies that are jobs of a Ray cluster, as far as their logs tell: the latest job of each.

The dashboard has no way to a study's journal, so trials, rounds and the report are where the study
is, or where `caviar fetch` brings it. Of the changes only the one that Ray itself can make is made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, NoReturn

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from caviar.errors import StudyError
from caviar.service import jobs
from caviar.service.dashboard import Dashboard
from caviar.service.jobs import Job
from caviar.service.telling import told_of
from caviar.service.web.source import ElsewhereError, UnknownError
from caviar.service.web.wishes import Stop, Wish
from caviar.study.wording import one_line

EVERY_S: Final = 3.0
"""Between two questions to the dashboard about the same thing."""


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
        self._jobs: tuple[float, dict[str, Job]] = (0.0, _latest(dashboard))
        self._told: dict[str, tuple[float, dict[str, Any]]] = {}

    def names(self) -> list[str]:
        """The studies there are now."""
        return sorted(self._known())

    def status(self, name: str) -> dict[str, Any]:
        """How a study stands by the last status line of its job's log."""
        job = self._job(name)
        with self._lock:
            asked_at, told = self._told.get(name, (-EVERY_S, {}))
        if self._clock() - asked_at >= EVERY_S:
            found = _status(name, _sound(name, partial(told_of, self._dashboard, job)))
            # The same news is the same object: that is how others see that there is none.
            told = told if {**found, "at": 0} == {**told, "at": 0} else found
            with self._lock:
                self._told[name] = self._clock(), told
        return told

    def trials(self, name: str) -> list[dict[str, Any]]:
        """Refused: no dashboard tells them."""
        self._elsewhere(name, "its trials")

    def trial(self, name: str, number: int) -> dict[str, Any]:
        """Refused: no dashboard tells them."""
        self._elsewhere(name, "its trials")

    def rounds(self, name: str) -> list[dict[str, Any]]:
        """Refused: no dashboard tells them."""
        self._elsewhere(name, "its rounds")

    def report(self, name: str) -> tuple[str, str]:
        """Refused: no dashboard tells it."""
        self._elsewhere(name, "its report")

    def change(self, name: str, wish: Wish) -> list[dict[str, Any]]:
        """Ends the job, as `caviar stop ID`; whatever else is asked for is refused."""
        job = self._job(name)
        if not isinstance(wish, Stop) or wish.trial is not None:
            raise ElsewhereError(
                f"{wish.kind}: no dashboard passes it on; ask on the cluster's head, as:"
                f" caviar {wish.kind} {one_line(job.directory)}"
            )
        jobs.stop(self._dashboard, job)
        with self._lock:
            self._told.pop(name, None)
            self._jobs = (-EVERY_S, self._jobs[1])
        line = f"{job.id}: asked to stop; submit the study again to go on with it"
        return [{"taken": True, "line": line}]

    def _known(self) -> dict[str, Job]:
        with self._lock:
            asked_at, known = self._jobs
        if self._clock() - asked_at >= EVERY_S:
            known = _latest(self._dashboard)
            with self._lock:
                self._jobs = self._clock(), known
        return known

    def _job(self, name: str) -> Job:
        job = self._known().get(name)
        if job is None:
            raise UnknownError(f"{one_line(name)}: the cluster has no such study")
        return job

    def _elsewhere(self, name: str, what: str) -> NoReturn:
        job = self._job(name)
        told = f"{what} are not known to the dashboard; bring the study here with"
        raise ElsewhereError(f"{name}: {told}: caviar fetch {job.id} DIR")


def _latest(dashboard: Dashboard) -> dict[str, Job]:
    """By study its latest job."""
    return {job.study: job for job in reversed(jobs.all_jobs(dashboard))}


class _Best(BaseModel):
    """The best of a status line; the metrics are the other keys."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, FiniteFloat | None] = Field(init=False)

    trial: int
    epoch: int
    hyperparameters: dict[str, bool | int | FiniteFloat | str | None]


class _Line(BaseModel):
    """What may be shown of a status line: any job may write what it likes into its log."""

    model_config = ConfigDict(strict=True, extra="ignore")

    study: str
    stage: str | None = None
    trouble: str | None = None
    ending: str | None = None
    counts: dict[str, int] | None = None
    rungs: list[Annotated[list[int], Field(min_length=3, max_length=3)]] | None = None
    trial_epochs: int | None = None
    trial_epochs_per_s: FiniteFloat | None = None
    elapsed_s: FiniteFloat | None = None
    metric: str | None = None
    best: _Best | None = None
    best_name: str = ""
    slices: dict[str, str] | None = None
    planned: int | None = None
    at: FiniteFloat | None = None
    note: str = ""
    log: list[str] | None = None
    job: dict[str, str | float | list[str] | None]


def _sound(name: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is told of a job, if it is what caviar tells.

    Raises:
        StudyError: it is not, or the dashboard does not answer.
    """
    try:
        return _Line.model_validate(ask()).model_dump(exclude_none=True)
    except (ValueError, TypeError, AttributeError) as error:
        raise StudyError(f"{one_line(name)}: its status line is none of caviar's") from error


def _status(name: str, told: dict[str, Any]) -> dict[str, Any]:
    """What is told of a job in the shape of every other status."""
    job, state = told["job"], told["job"]["state"]
    ending = told.get("trouble") or told.get("ending") or ""
    if state == "failed" and not ending:
        ending = (told.get("log") or ["its job failed"])[-1]
    empty: dict[str, Any] = {
        "counts": {}, "rungs": [], "trial_epochs": 0, "trial_epochs_per_s": 0.0, "elapsed_s": 0.0,
        "metric": "dev_accuracy", "best": None, "slices": {}, "stage": "",
    }  # fmt: skip
    known = {key: told[key] for key in empty if told.get(key) is not None}
    if told.get("best_name") and known.get("best"):
        known["best"] = known["best"] | {"name": told["best_name"]}
    counts = told.get("counts") or {}
    running = state == "running"
    return {
        "name": name, "study": told["study"], "directory": job["directory"],
        "at": told.get("at") or round(time.time(), 1), "every_s": EVERY_S,
        "status": state, "ending": ending, "finished": state == "finished",
        **empty, **known, **({} if running else {"slices": {}}),
        "planned": told.get("planned") or 0, "asked": [], "choice": "", "rounds": 0,
        "trials": sum(count for word, count in counts.items() if word != "waiting"),
        "retraining": None, "winner": None, "leaders": [], "curves": {},
        "note": told.get("note") or "", "job": job, "can": ["stop"] if running else [],
    }  # fmt: skip
