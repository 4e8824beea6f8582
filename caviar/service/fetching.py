"""Copying a study to this machine: from its driver's node, or from where it is backed up.

On the node a helper job prints it; what came is checked and unpacked here. Of a study whose node
or disk is gone the storage has the journals, the winner and the checkpoints still.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from caviar.errors import StudyError
from caviar.service import sending
from caviar.service.dashboard import Dashboard
from caviar.service.helper import Helper, Say, helping, node_is_gone
from caviar.service.jobs import Job
from caviar.service.places import check_places, on_cluster
from caviar.service.receiving import NoStudyError, mb, receive
from caviar.service.stored import add_checkpoints, copy_stored, folder_of
from caviar.service.submission import send
from caviar.service.unpacking import check_target, install, refuse_other, unpack
from caviar.study.wording import one_line


def fetch(
    dashboard: Dashboard, job: Job, directory: Path, say: Say, *, checkpoints: bool = False
) -> str:
    """Copies a submitted study into `directory`.

    Args:
        dashboard: of the cluster.
        job: the study's.
        directory: new, empty, or an older copy of the same study.
        say: is told what goes on when it takes longer.
        checkpoints: whether they come along.

    Returns:
        What came, in a line.

    Raises:
        StudyError: there is no study yet, it is gone and no storage has it, it came damaged, or
            `directory` holds something else.
    """
    check_target(directory)
    why = "" if job.node else f"it is {job.state}, and no study was begun"
    if not why and node_is_gone(dashboard, job):
        why = "the node that has the study is gone" + ", and it had no --storage" * (
            not job.storage
        )
    if why:
        return _instead(job, directory, say, why, checkpoints)
    try:
        with _placed(directory) as copy:
            came = _from_node(dashboard, job, copy, say, checkpoints)
    except NoStudyError as error:
        if not job.storage:
            raise
        return _instead(job, directory, say, str(error).removeprefix("fetch: "), checkpoints)
    return f"{came}, in {directory}"


def fetch_stored(
    uri: str, directory: Path, say: Say, *, checkpoints: bool = False, study: str = ""
) -> str:
    """Copies a study from its storage into `directory`.

    Args:
        uri: of the storage: a folder, `s3://...` or `gs://...`; this machine's credentials.
        directory: new, empty, or an older copy of the same study.
        say: is told what goes on when it takes longer.
        checkpoints: whether they come along.
        study: the name that it must have, if any.

    Returns:
        What came, in a line.

    Raises:
        StudyError: there is no study, it is damaged, the storage does not answer, or `directory`
            holds something else.
    """
    check_target(directory)
    try:
        with _placed(directory) as copy:
            came = copy_stored(uri, copy, say, checkpoints=checkpoints, study=study)
    except StudyError as error:  # nobody typed that option
        told = str(error).removeprefix("--storage ")
        raise StudyError(told.replace("--storage:", "fetch:", 1)) from None
    return f"{came}, in {directory}"


@contextmanager
def _placed(directory: Path) -> Iterator[Path]:
    """Where to put a study that is then moved to its place, if it belongs there."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".caviar-fetch-", dir=directory.parent) as beside:
            copy = Path(beside) / "study"
            yield copy
            refuse_other(directory, copy)
            install(copy, directory)
    except OSError as error:
        reason = one_line(error.strerror or str(error))
        raise StudyError(f"{directory}: cannot be written: {reason}") from None


def _from_node(dashboard: Dashboard, job: Job, copy: Path, say: Say, checkpoints: bool) -> str:
    """Fills a new directory with what a helper prints."""
    with TemporaryFile(dir=copy.parent) as archive:
        with _helper(dashboard, job, checkpoints) as helper:
            helper.ended(say, "the cluster packs the study")
            size = receive(helper.lines(), archive, say)
        files = unpack(archive, copy)
    more = add_checkpoints(copy, say) if checkpoints else ""
    return f"{files} file{'s' * (files != 1)}, {mb(size)} compressed{more}"


@contextmanager
def _helper(dashboard: Dashboard, job: Job, checkpoints: bool) -> Iterator[Helper]:
    """A job that prints the study, submitted to the driver's node; deleted afterwards."""
    words = ["--checkpoints"] if checkpoints else []
    if checkpoints and job.storage and (stored := folder_of(job.storage)):
        words.append(stored)
    with TemporaryDirectory(prefix="caviar-fetch-") as folder:
        script = Path(sending.__file__)
        shutil.copyfile(script, Path(folder) / script.name)
        command = f"python {script.name} {on_cluster(job.directory)} {shlex.join(words)}".strip()
        environment = {"working_dir": folder}
        with helping(
            dashboard, job, "fetch", send, entrypoint=command, runtime_env=environment
        ) as helper:
            yield helper


def _instead(job: Job, directory: Path, say: Say, why: str, checkpoints: bool) -> str:
    """The same from the job's storage, if it has one that is to be had from here."""
    if not job.storage:
        raise StudyError(f"{job.id}: {why}")
    check_places(None, job.storage)  # nobody vouches for a job's metadata
    folder = folder_of(job.storage)
    if folder and not Path(folder).is_dir():
        raise StudyError(
            f"{job.id}: {why}; its storage is a folder that only machines of the cluster have: on "
            f"one of them: caviar fetch {shlex.quote(folder)} DIR"
        )
    say(f"{job.id}: {why}; it comes from its storage {job.storage}")
    return fetch_stored(job.storage, directory, say, checkpoints=checkpoints, study=job.study)


def report_line(directory: Path) -> str:
    """Writes the report of what was fetched; trouble with it is no failed fetch.

    Returns:
        Where it is, or why there is none.
    """
    from caviar.report.page.writing import write_report

    try:
        return f"report: {write_report(directory)}"
    except StudyError as error:
        return f"no report: {error}"
