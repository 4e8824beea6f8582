"""Copying a study from the cluster: a helper job prints it, here it is checked and unpacked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any, Final
from uuid import uuid4

from caviar.errors import StudyError
from caviar.service import sending
from caviar.service.dashboard import Dashboard
from caviar.service.jobs import Job
from caviar.service.logs import log_lines
from caviar.service.room import living_nodes
from caviar.service.submission import on_cluster, send
from caviar.service.unpacking import check_target, install, refuse_other, unpack
from caviar.study.wording import one_line

POLL_S: Final = 0.3
START_S: Final = 120.0
"""Seconds that the cluster may take to start the helper job."""
STOP_S: Final = 10.0
"""Seconds that a stopped one may take to end."""
SAY_EVERY_S: Final = 2.0

_OVER: Final = {"SUCCEEDED", "FAILED", "STOPPED"}
Say = Callable[[str], Any]


def fetch(
    dashboard: Dashboard, job: Job, directory: Path, say: Say, *, checkpoints: bool = False
) -> str:
    """Copies a submitted study into `directory`, and writes its report there.

    Args:
        dashboard: of the cluster.
        job: the study's.
        directory: new, empty, or an older copy of the same study.
        say: is told what goes on when it takes longer.
        checkpoints: whether they come along.

    Returns:
        What came, in a line.

    Raises:
        StudyError: there is no study yet, its node is gone, it came damaged, or `directory` holds
            something else.
    """
    check_target(directory)
    if not job.node:
        raise StudyError(f"{job.id}: it is {job.state}, and no study was begun")
    _check_node(dashboard, job)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".caviar-fetch-", dir=directory.parent) as beside:
            copy = Path(beside) / "study"
            with TemporaryFile(dir=beside) as archive:
                with _helper(dashboard, job, checkpoints) as helper:
                    _await(dashboard, helper, say)
                    size = receive(log_lines(dashboard, job.node, helper), archive, say)
                files = unpack(archive, copy)
            refuse_other(directory, copy)
            install(copy, directory)
    except OSError as error:
        reason = one_line(error.strerror or str(error))
        raise StudyError(f"{directory}: cannot be written: {reason}") from None
    report = _report(directory, say)
    return f"{files} files, {_mb(size)} compressed, in {directory}{report}"


def _check_node(dashboard: Dashboard, job: Job) -> None:
    """Raises StudyError if the node that has the study is gone: the helper would wait for ever."""
    alive = living_nodes(dashboard)
    if alive is not None and job.node not in alive:
        where = one_line(job.storage)
        more = f"; a run with --storage {where} restores it elsewhere" if where else ""
        raise StudyError(f"{job.id}: the node that has the study is gone{more}")


@contextmanager
def _helper(dashboard: Dashboard, job: Job, checkpoints: bool) -> Iterator[str]:
    """The id of a job that prints the study, submitted to the driver's node; deleted afterwards."""
    name = f"caviar-fetch-{uuid4().hex[:12]}"
    with TemporaryDirectory(prefix="caviar-fetch-") as folder:
        script = Path(sending.__file__)
        shutil.copyfile(script, Path(folder) / script.name)
        option = " --checkpoints" * checkpoints
        send(
            dashboard,
            entrypoint=f"python {script.name} {on_cluster(job.directory)}{option}",
            submission_id=name,
            metadata={"caviar.fetch": job.id},
            runtime_env={"working_dir": folder},
            entrypoint_label_selector={"ray.io/node-id": job.node},
        )
    try:
        yield name
    finally:
        with suppress(StudyError):
            if _state(dashboard, name) not in _OVER:
                dashboard.post(f"/api/jobs/{name}/stop")
                _await_stop(dashboard, name)
            dashboard.delete(f"/api/jobs/{name}")


def _await_stop(dashboard: Dashboard, helper: str) -> None:
    """Waits for the end of a helper that was stopped, but not for ever."""
    deadline = time.monotonic() + STOP_S
    while _state(dashboard, helper) not in _OVER and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _await(dashboard: Dashboard, helper: str, say: Say) -> None:
    state = _wait(dashboard, helper, say, START_S)
    if state not in _OVER:
        raise StudyError(f"{helper}: the cluster did not start it within {START_S:.0f} s")


def _wait(dashboard: Dashboard, helper: str, say: Say, patience_s: float) -> str:
    """Waits for the end of a job, or for its beginning no longer than `patience_s`."""
    began = told = time.monotonic()
    while (state := _state(dashboard, helper)) not in _OVER:
        now = time.monotonic()
        if state == "PENDING" and now - began > patience_s:
            break
        if now - told > SAY_EVERY_S:
            told = now
            doing = "the cluster packs the study" if state == "RUNNING" else "the cluster starts"
            say(f"{doing}, {now - began:.0f} s")
        time.sleep(POLL_S)
    return state


def _state(dashboard: Dashboard, helper: str) -> str:
    told = dashboard.get(f"/api/jobs/{helper}")
    return str(told.get("status")) if isinstance(told, dict) else ""


def receive(lines: Iterable[str], archive: IO[bytes], say: Say) -> int:
    """Writes what the helper printed into `archive`.

    Returns:
        Its bytes.

    Raises:
        StudyError: there is no study, or not all of it came as it was sent.
    """
    header: dict[str, Any] = {}
    digest, came, told = hashlib.sha256(), 0, time.monotonic()
    last = ""
    for line in lines:
        if line.startswith(sending.BEGIN):
            header = _header(line)
        elif line.startswith(sending.DATA) and header:
            piece = _piece(line)
            came += len(piece)
            if came > header["bytes"]:
                break
            digest.update(piece)
            archive.write(piece)
            if time.monotonic() - told > SAY_EVERY_S:
                told = time.monotonic()
                say(f"{_mb(came)} of {_mb(header['bytes'])}")
        last = line or last
    if not header:
        raise StudyError(f"fetch: the helper job printed no study: {one_line(last[:300])}")
    if came != header["bytes"] or digest.hexdigest() != header["sha256"]:
        raise StudyError(f"fetch: {came} of {header['bytes']} bytes came, or others; try again")
    return came


def _header(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line.removeprefix(sending.BEGIN))
        if "error" in told:
            raise StudyError(f"fetch: {one_line(str(told['error'])[:300])}")
        return {"bytes": int(told["bytes"]), "sha256": str(told["sha256"])}
    except (ValueError, KeyError, TypeError):
        raise StudyError("fetch: what the helper job printed cannot be read; try again") from None


def _piece(line: str) -> bytes:
    try:
        return base64.b64decode(line.removeprefix(sending.DATA), validate=True)
    except binascii.Error:
        raise StudyError("fetch: what the helper job printed came damaged; try again") from None


def _report(directory: Path, say: Say) -> str:
    """Writes the report from what was fetched; trouble with it is no failed fetch."""
    from caviar.report.page.writing import write_report

    try:
        return f"; report: {write_report(directory)}"
    except StudyError as error:
        say(f"no report: {error}")
        return ""


def _mb(size: int) -> str:
    return f"{size / 2**20:.1f} MB"
