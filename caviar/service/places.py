"""Where a study is on the cluster, and where it is backed up: as a person says, or as it was."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from caviar.errors import StudyError
from caviar.service.dashboard import Dashboard
from caviar.service.jobs import all_jobs
from caviar.study.storage import Storage
from caviar.study.wording import one_line, show

HOME: Final = '"${CAVIAR_HOME:-$HOME/caviar}"'
"""Where studies live on the cluster, in words of the shell that starts the job."""


def on_cluster(directory: str) -> str:
    """A directory on the cluster in words of the shell there: relative to $CAVIAR_HOME."""
    if PurePosixPath(directory).is_absolute():
        return shlex.quote(directory)
    return f"{HOME}/{shlex.quote(directory)}"


def check_places(directory: str | None, storage: str | None) -> None:
    """Checks what a person says of places on the cluster; both are shown on the dashboard.

    Args:
        directory: the study directory, or None.
        storage: where it is to be backed up, or None.

    Raises:
        StudyError: the directory is neither absolute nor plainly relative, the storage is none,
            relative or holds a password, or one of them cannot be written in a line.
    """
    for option, value in (("--dir", directory), ("--storage", storage)):
        if value is not None and not (value and value.isprintable()):
            raise StudyError(f"{option}: must be a path or an address, got {show(value)}")
    parts = PurePosixPath(directory or "").parts
    if ".." in parts or (directory or "").startswith("~"):
        rule = "must be absolute, or relative to $CAVIAR_HOME on the cluster, without ~ and .."
        raise StudyError(f"--dir: {rule}, got {show(directory)}")
    # Whatever comes before an @, and pyarrow's `access_key=`, would stand on the job's page.
    address = urlsplit(storage or "")
    if "@" in address.netloc or "key=" in address.query:
        raise StudyError(
            "--storage: must hold no password, the dashboard shows it: give the nodes theirs by "
            "environment or role"
        )
    if storage is not None:
        Storage(storage)
        if not (address.scheme or PurePosixPath(storage).is_absolute()):  # the job's folder goes
            rule = "a folder must be absolute, it is one of the cluster's machines"
            raise StudyError(f"--storage: {rule}, got {show(storage)}")


def places(
    dashboard: Dashboard, study: str, directory: str | None, storage: str | None
) -> tuple[str, str, str]:
    """Where a study is to be: as it is said, else where its last job had it.

    Args:
        dashboard: of the cluster.
        study: the study's name.
        directory: on the cluster, or None.
        storage: where it is backed up; "" or None if nobody says.

    Returns:
        The directory, the storage or "", and what to tell of them or "".

    Raises:
        StudyError: no Ray dashboard answers.
    """
    usual = f"studies/{study}"
    last = next((job for job in all_jobs(dashboard) if job.study == study), None)
    if last is None:
        return directory or usual, storage or "", ""
    where = directory or last.directory or usual
    # Elsewhere it is another study: its backup is none of this one's.
    same = where == (last.directory or usual)
    backup = storage or (last.storage if same else "")
    taken = [f"--dir {shlex.quote(where)}"] * (directory is None and where != usual)
    taken += [f"--storage {shlex.quote(backup)}"] * (not storage and bool(backup))
    check_places(where, backup or None)  # nobody vouches for a job's metadata
    note = f"note: as {last.id} had it: {' '.join(taken)}" if taken else ""
    if directory is not None and not same:
        before = one_line(last.directory or usual)
        note = f"note: {last.id} had it in {before}: this is another study"
    return where, backup, note
