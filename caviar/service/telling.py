"""How a submitted study stands, in words: its job, and what its driver last told of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from threading import Thread
from typing import Any, Final

from caviar.errors import StudyError
from caviar.service.board_news import OddError, standing
from caviar.service.dashboard import Dashboard
from caviar.service.jobs import Job, tail
from caviar.study.metric_words import metric_name, metric_value
from caviar.study.wording import duration, one_line
from caviar.tuning.forecast import left_words
from caviar.tuning.job_words import PREFIX, standing_lines

OLD_S: Final = 10.0
"""From when on it is told how old the news is: drivers tell every second or two, if they can."""
SOON_S: Final = 2.0
"""Seconds that a list waits for what its jobs say."""
MOST_ASKED: Final = 32
"""Jobs of a list that are asked, the latest."""
ENDED: Final = ("completed", "stopped", "diverged", "failed")
"""States of a trial that is over."""
LAST_LINES: Final = 10
"""Of a failed job's log."""


def told_of(dashboard: Dashboard, job: Job) -> dict[str, Any]:
    """How it stands, as plain data.

    Returns:
        What its driver last told, and under `job` the job; `age_s` of that, `log` (the last lines
        of a failed one's) and `note` (why there is no more).
    """
    told, lines, note = {}, [], ""
    try:
        told = standing(dashboard, job)
        lines = tail(dashboard, job) if job.state == "failed" else []
    except OddError as error:
        note = str(error)
    except StudyError as error:
        note = f"how it stands cannot be read, its node may be gone: {error}"
    about: dict[str, Any] = {
        "id": job.id,
        "state": job.state,
        "study": job.study,
        "directory": told.pop("dir", "") or job.directory,
        "storage": job.storage,
        "searched": list(job.searched),
        "version": job.version,
        "entrypoint": job.entrypoint,
        "began_at": job.began_s or None,
        "ended_at": job.ended_s or None,
        "page": dashboard.page(job.id),
    }
    found = {"study": job.study, **told, "job": about, "note": note, "log": [], "age_s": None}
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
    lines = [f"study {one_line(told['study'])}: {_state(told)}"]
    if told.get("counts") is not None:
        lines += [f"  {line}" for line in _standing(told)]
    if told.get("trouble"):
        lines.append(f"  trouble: {one_line(str(told['trouble']))}")
    if (told["age_s"] or 0) > OLD_S and job["state"] == "running":
        lines.append(f"  as of {duration(told['age_s'])} ago")
    if told["note"]:
        lines.append(f"  {told['note']}")
    lines.append(f"  job {job['id']}, {_times(job)}; {job['page']}")
    lines.append(f"  directory {one_line(str(job['directory']))} on the cluster")
    if job["storage"]:
        lines.append(f"  storage {one_line(str(job['storage']))}")
    if told["log"] and not told.get("trouble"):
        lines += ["the last lines of its log:", *(f"  {line}" for line in told["log"])]
    return lines


def _left(told: Mapping[str, Any]) -> str:
    """How long it still takes, in words, if that was told just now."""
    fresh = told["job"]["state"] == "running" and (told["age_s"] or 0) <= OLD_S
    return left_words(told.get("eta_s")) if fresh else ""


def _standing(told: Mapping[str, Any]) -> list[str]:
    return standing_lines(told, _left(told), told["job"]["searched"])


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


def standings(dashboard: Dashboard, jobs: Iterable[Job]) -> dict[str, Mapping[str, Any]]:
    """How studies stand, or stood at last, by the ids of their jobs, all asked for at once.

    One that does not answer soon is left out, and so are those beyond `MOST_ASKED`.
    """
    asked = [job for job in jobs if job.node][:MOST_ASKED]
    found: dict[str, Mapping[str, Any]] = {}

    def look(job: Job) -> None:
        with suppress(StudyError):
            found[job.id] = standing(dashboard, job, SOON_S)

    # Of a thread that is still waiting nothing is wanted any more: it ends with the program.
    threads = [Thread(target=look, args=(job,), daemon=True) for job in asked]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + SOON_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(found)


def job_rows(
    jobs: Iterable[Job], standing: Mapping[str, Mapping[str, Any]] | None = None
) -> list[tuple[str, ...]]:
    """A table of jobs with its headings.

    Args:
        jobs: its rows.
        standing: how they stand, by their ids.
    """
    headings = ("job", "study", "state", "began", "took", "trials ended", "best", "caviar")
    rows: list[tuple[str, ...]] = [headings]
    for job in jobs:
        took = duration(max(0.0, (job.ended_s or time.time()) - job.began_s if job.began_s else 0))
        began = _clock(job.began_s) if job.began_s else "-"
        ended, best = _in_short((standing or {}).get(job.id, {}))
        rows.append((job.id, job.study, job.state, began, took, ended, best, job.version))
    return rows


def _in_short(told: Mapping[str, Any]) -> tuple[str, str]:
    """How many trials have ended, and the best of them; "-" where that is not told."""
    counts, best, metric = told.get("counts"), told.get("best"), told.get("metric")
    ended = score = "-"
    with suppress(TypeError, ValueError, AttributeError):  # one odd log shall not hide the others
        if counts:
            over = sum(counts.get(state, 0) for state in ENDED)
            stage = told.get("stage")
            ended = f"{over} of {sum(counts.values())}" + (f", {one_line(stage)}" if stage else "")
        if best and metric:
            score = one_line(f"{metric_name(metric)} {metric_value(metric, best.get(metric))}")
    return ended, score


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s).strftime("%Y-%m-%d %H:%M")
