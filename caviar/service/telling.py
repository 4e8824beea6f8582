"""How a submitted study stands, in words: its job, and what the last line of its log says."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from caviar.errors import StudyError
from caviar.service.dashboard import Dashboard
from caviar.service.jobs import Job, last_status, tail
from caviar.study.wording import duration, one_line
from caviar.tuning.job_words import PREFIX, standing_lines

OLD_S: Final = 10.0
"""From when on it is told how old the news is: drivers tell every half a minute, later less."""
LAST_LINES: Final = 10
"""Of a failed job's log."""


def told_of(dashboard: Dashboard, job: Job) -> dict[str, Any]:
    """How it stands, as plain data.

    Returns:
        What the last status line says, and under `job` the job; `age_s` of that line, `log` (the
        last lines of a failed one's) and `note` (why there is no more) where there is any.
    """
    lines, note = [], ""
    try:
        lines = tail(dashboard, job)
    except StudyError as error:
        note = f"its log cannot be read, its node may be gone: {error}"
    told = last_status(lines) or {}
    about: dict[str, Any] = {
        "id": job.id,
        "state": job.state,
        "study": job.study,
        "directory": told.get("dir") or job.directory,
        "storage": job.storage,
        "version": job.version,
        "entrypoint": job.entrypoint,
        "began_at": job.began_s or None,
        "ended_at": job.ended_s or None,
        "page": dashboard.page(job.id),
    }
    found = {"study": job.study, **told, "job": about, "note": note}
    if told.get("at"):
        found["age_s"] = round(max(0.0, time.time() - told["at"]), 1)
    if job.state == "failed":
        plain = [line for line in lines or job.message.splitlines() if line]
        shown = [one_line(line.expandtabs()) for line in plain if not line.startswith(PREFIX)]
        found["log"] = shown[-LAST_LINES:]
    return found


def status_lines(told: Mapping[str, Any]) -> list[str]:
    """What `told_of` found, for a person."""
    job = told["job"]
    lines = [f"study {told['study']}: {_state(told)}"]
    if told.get("counts") is not None:
        lines += [f"  {line}" for line in standing_lines(told)]
    if told.get("trouble"):
        lines.append(f"  trouble: {one_line(str(told['trouble']))}")
    if told.get("age_s", 0) > OLD_S and job["state"] == "running":
        lines.append(f"  as of {duration(told['age_s'])} ago")
    if told["note"]:
        lines.append(f"  {told['note']}")
    lines.append(f"  job {job['id']}, {_times(job)}; {job['page']}")
    lines.append(f"  directory {one_line(str(job['directory']))} on the cluster")
    if job["storage"]:
        lines.append(f"  storage {one_line(str(job['storage']))}")
    if told.get("log") and not told.get("trouble"):
        lines += ["the last lines of its log:", *(f"  {line}" for line in told["log"])]
    return lines


def _state(told: Mapping[str, Any]) -> str:
    state, ending = told["job"]["state"], told.get("ending")
    if state == "pending":
        return "pending: the cluster has not started it yet"
    return f"{state}, {one_line(str(ending))}" if ending and state != "running" else str(state)


def _times(job: Mapping[str, Any]) -> str:
    if not job["began_at"]:
        return "not begun"
    until = job["ended_at"] or time.time()
    took = duration(max(0.0, until - job["began_at"]))
    return f"since {_clock(job['began_at'])}, {took}"


def job_rows(jobs: Iterable[Job]) -> list[tuple[str, ...]]:
    """A table of jobs with its headings."""
    rows: list[tuple[str, ...]] = [("job", "study", "state", "began", "took", "caviar")]
    for job in jobs:
        took = (job.ended_s or time.time()) - job.began_s if job.began_s else 0.0
        began = _clock(job.began_s) if job.began_s else "-"
        rows.append((job.id, job.study, job.state, began, duration(max(0.0, took)), job.version))
    return rows


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s).strftime("%Y-%m-%d %H:%M")
