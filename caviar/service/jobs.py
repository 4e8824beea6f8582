"""The jobs that caviar submitted to a cluster, as its dashboard tells them; without Ray."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from caviar.errors import StudyError
from caviar.service.board_files import STATUS, decoded
from caviar.service.dashboard import PATIENCE_S, Dashboard, NotThereError
from caviar.study.wording import one_line
from caviar.tuning.job_words import PREFIX

TAIL: Final = 1000
"""Lines at a log's end among which the last status line is."""
MOST: Final = 2**23
"""Bytes of them."""
END_S: Final = 25.0
"""Seconds to wait for a job that was asked to stop."""
POLL_S: Final = 0.3
STUDY, DIRECTORY, STORAGE, VERSION, SEARCHED = (
    f"caviar.{name}" for name in ("study", "dir", "storage", "version", "searched")
)
"""Keys of a job's metadata."""

_STATES: Final = {"SUCCEEDED": "finished"}


@dataclass(frozen=True)
class Job:
    """A study that was submitted.

    Attributes:
        id: the submission's.
        study: the study's name.
        directory: on the cluster; relative to $CAVIAR_HOME there.
        storage: where its backup is, or "".
        version: of the caviar that submitted it.
        state: `pending`, `running`, `stopped`, `failed` or `finished`.
        entrypoint: what it runs.
        message: what Ray says of it.
        node: the id of the node its driver is on, or "".
        began_s: seconds since 1970, or 0.
        ended_s: the same.
        searched: the hyperparameters that are searched; () where that is not told.
    """

    id: str
    study: str
    directory: str
    storage: str
    version: str
    state: str
    entrypoint: str
    message: str
    node: str
    began_s: float
    ended_s: float
    searched: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state not in {"pending", "running"}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Job | None:
        """What the dashboard tells of a job; None if it is none of caviar's."""
        about = told.get("metadata") or {}
        name = told.get("submission_id")
        if not is_name(str(name or "")) or STUDY not in about:  # it becomes a part of addresses
            return None
        status = str(told.get("status") or "")
        return cls(
            id=one_line(str(name)),
            study=one_line(str(about[STUDY])),
            directory=str(about.get(DIRECTORY, "")),
            storage=str(about.get(STORAGE, "")),
            version=one_line(str(about.get(VERSION, ""))),
            state=_STATES.get(status, status.lower()),
            entrypoint=one_line(str(told.get("entrypoint") or "")),
            message=str(told.get("message") or ""),
            node=str(told.get("driver_node_id") or ""),
            began_s=(told.get("start_time") or 0) / 1000,
            ended_s=(told.get("end_time") or 0) / 1000,
            searched=tuple(str(about.get(SEARCHED) or "").split()),
        )


def log_of(job: str) -> str:
    """The name of a job's log on its node, by its submission id."""
    return f"job-driver-{job}.log"


def all_jobs(dashboard: Dashboard) -> list[Job]:
    """Every job of caviar's that the cluster remembers, the latest first.

    Raises:
        StudyError: no Ray dashboard answers.
    """
    try:
        told = dashboard.get("/api/jobs/")
    except NotThereError:
        raise dashboard.another() from None
    if not isinstance(told, list):
        raise dashboard.another()
    found = [Job.of(one) for one in told if isinstance(one, Mapping)]
    return sorted(filter(None, found), key=lambda job: job.began_s, reverse=True)


def is_name(text: str) -> bool:
    """Whether it may be a submission id or a study's name."""
    return re.fullmatch(r"[A-Za-z0-9_-]{1,128}", text) is not None


def find(dashboard: Dashboard, name: str) -> Job:
    """A job by its submission id, or a study's latest by the study's name.

    Raises:
        StudyError: there is none.
    """
    if not is_name(name):
        raise StudyError(f"{one_line(name)}: must be a submission id or the name of a study")
    try:
        told = dashboard.get(f"/api/jobs/{name}")
        job = Job.of(told) if isinstance(told, Mapping) else None
    except NotThereError:
        job = None
    if job is not None:
        return job
    jobs = all_jobs(dashboard)
    job = next((one for one in jobs if one.study == name), None)
    if job is None:
        known = ", ".join(one.id for one in jobs[:5]) or "none"
        raise StudyError(
            f"{name}: {dashboard.url} knows no such job or study of caviar's ({known})"
        )
    return job


def running(dashboard: Dashboard, name: str) -> Job | None:
    """The job that is at work on a study now, or is about to be; by the study's name or its id."""
    found = (job for job in all_jobs(dashboard) if name in {job.study, job.id} and not job.is_over)
    return next(found, None)


def tail(
    dashboard: Dashboard, job: Job, lines: int = TAIL, patience_s: float = PATIENCE_S
) -> list[str]:
    """The last lines of a job's log; [] while it has none.

    Args:
        dashboard: of the cluster.
        job: the job.
        lines: how many.
        patience_s: how long to wait for the next of them.

    Raises:
        StudyError: its node does not answer, or they are too long.
    """
    if not job.node:
        return []
    path = "/api/v0/logs/file"
    name = log_of(job.id)
    raw = dashboard.text(path, MOST, patience_s, node_id=job.node, filename=name, lines=lines)
    found = raw.decode("utf-8", errors="replace").split("\n")
    return [line.rstrip("\r") for line in found[: -1 if not found[-1] else None]]


def last_status(lines: Sequence[str]) -> dict[str, Any] | None:
    """What the last whole and sound status line among these says."""
    told = (
        decoded(STATUS, line.removeprefix(PREFIX))  # it may be cut off, or written over
        for line in reversed(lines)
        if line.startswith(PREFIX)
    )
    return next((one for one in told if one is not None), None)


def stop(dashboard: Dashboard, job: Job) -> None:
    """Asks Ray to end a job: SIGTERM, which caviar's driver answers in order.

    Raises:
        StudyError: it is over already.
    """
    if job.is_over:
        raise StudyError(f"{job.id}: it is {job.state} already; nothing was stopped")
    dashboard.post(f"/api/jobs/{job.id}/stop")


def await_end(dashboard: Dashboard, job: Job, patience_s: float = END_S) -> Job:
    """The job once it is over, or as it is when that takes too long."""
    deadline = time.monotonic() + patience_s
    while not job.is_over and time.monotonic() < deadline:
        time.sleep(POLL_S)
        job = find(dashboard, job.id)
    return job
