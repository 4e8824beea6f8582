"""A job's log, whole or as it grows."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from caviar.errors import StudyError
from caviar.service.dashboard import Dashboard
from caviar.service.jobs import Job, find, log_of
from caviar.study.wording import one_line

POLL_S: Final = 1.0
"""Seconds between two questions whether a job has ended."""
_ALL: Final = -1
_SAID: Final = 400
"""Characters of what Ray says; the reason is its last line."""
_PATIENCE_S: Final = 60.0
_TRANSFER_S: Final = 3600
_SILENT_S: Final = 900.0
"""From when a stream is taken for broken: a study prints every five minutes at least."""


def whole(dashboard: Dashboard, job: Job) -> Iterator[str]:
    """Every line of a job's log so far.

    Raises:
        StudyError: it has none (and what Ray says of that), or its node does not answer.
    """
    if not job.node:
        said = [line.strip() for line in job.message.splitlines() if any(map(str.isalnum, line))]
        why = f": {one_line(said[-1][:_SAID])}" if said and job.is_over else ""
        raise StudyError(f"{job.id}: it is {job.state} and has no log{why}")
    return log_lines(dashboard, job.node, job.id)


def log_lines(dashboard: Dashboard, node: str, job: str) -> Iterator[str]:
    """Every line that a job on a node has printed so far, by its submission id."""
    return dashboard.lines(
        "/api/v0/logs/file",
        patience_s=_PATIENCE_S,
        node_id=node,
        filename=log_of(job),
        lines=_ALL,
        timeout=_TRANSFER_S,
    )


def followed(dashboard: Dashboard, job: Job, write: Callable[[str], None]) -> Job:
    """Writes a job's log as it grows, each line once, until the job has ended.

    Returns:
        The job as it ended.

    Raises:
        StudyError: the dashboard no longer answers.
    """
    while not job.node and not job.is_over:
        time.sleep(POLL_S)
        job = find(dashboard, job.id)
    written = 0
    if not job.is_over:
        job, written = _while_it_runs(dashboard, job, write)
    # Whatever the stream had not brought when the job ended.
    for number, line in enumerate(whole(dashboard, job)):
        if number >= written:
            write(line)
    return job


def _while_it_runs(dashboard: Dashboard, job: Job, write: Callable[[str], None]) -> tuple[Job, int]:
    """Writes what comes while the job runs.

    Returns:
        The job as it ended, and how many lines were written.
    """
    came: queue.SimpleQueue[str] = queue.SimpleQueue()
    over = threading.Event()
    threading.Thread(target=_stream, args=(dashboard, job, came, over), daemon=True).start()
    written, asked = 0, time.monotonic()
    try:
        while not job.is_over:
            try:
                write(came.get(timeout=POLL_S))
                written += 1
            except queue.Empty:
                pass
            if time.monotonic() - asked >= POLL_S:
                job, asked = find(dashboard, job.id), time.monotonic()
    finally:
        over.set()
    return job, written


def _stream(
    dashboard: Dashboard, job: Job, came: queue.SimpleQueue[str], over: threading.Event
) -> None:
    """Puts the lines of a growing log into a queue, each once; begins again when it breaks off.

    Gateways between here and a dashboard end what was silent for a minute.
    """
    count = 0
    while not over.is_set():
        with suppress(StudyError):
            for number, line in enumerate(_streamed(dashboard, job)):
                if number >= count:
                    came.put(line)
                    count += 1
        over.wait(POLL_S)


def _streamed(dashboard: Dashboard, job: Job) -> Iterator[str]:
    return dashboard.lines(
        "/api/v0/logs/stream",
        patience_s=_SILENT_S,
        node_id=job.node,
        filename=log_of(job.id),
        lines=_ALL,
        interval="0.5",
    )
