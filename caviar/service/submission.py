"""Submitting a study as a Ray job, after everything that would make it fail there was asked for."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from caviar.errors import StudyError
from caviar.service.dashboard import Dashboard, NotThereError
from caviar.service.jobs import DIRECTORY, SEARCHED, STORAGE, STUDY, VERSION, running
from caviar.service.package import STUDY_FILE, Package
from caviar.service.places import on_cluster
from caviar.study.wording import one_line
from caviar.tuning.job_view import JOB

RAY: Final = (2, 60)
"""The Ray that pyproject.toml allows: what a driver and a cluster say to each other is private to
a version."""
STOP_WAIT_S: Final = 20
"""Seconds that Ray lets a stopped driver go in order, before it kills it; usual are 3."""


@dataclass(frozen=True)
class Submission:
    """What is asked of the cluster.

    Attributes:
        study: the study's name.
        directory: on the cluster; relative to $CAVIAR_HOME there.
        storage: where it is backed up, or "".
        options: more words for `caviar run`.
        searched: the hyperparameters that are searched.
    """

    study: str
    directory: str
    storage: str = ""
    options: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()

    @property
    def entrypoint(self) -> str:
        """The command of the job; as `caviar run`, by whichever caviar is on Python's path."""
        words = ["python", "-m", "caviar", "run", STUDY_FILE, "--dir"]
        more = ["--storage", self.storage] if self.storage else []
        where = on_cluster(self.directory)
        return f"{shlex.join(words)} {where} {shlex.join([*more, *self.options])}".strip()

    @property
    def metadata(self) -> dict[str, str]:
        """What the dashboard shows beside the job, and what caviar knows it by."""
        return {
            STUDY: self.study,
            VERSION: version("caviar"),
            DIRECTORY: self.directory,
            STORAGE: self.storage,
            SEARCHED: " ".join(self.searched),
        }


def check_cluster(dashboard: Dashboard) -> None:
    """Refuses a cluster that would not take a job of this caviar, or that anybody may use.

    Raises:
        StudyError: its Ray or Python is another, or it asks for no token though it can be reached
            from elsewhere.
    """
    answer = dashboard.get("/api/v0/cluster_metadata")
    told = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(told, dict):
        raise dashboard.another()
    ray, python = (one_line(str(told.get(key) or "")) for key in ("rayVersion", "pythonVersion"))
    place = f"--dashboard {dashboard.url}"
    if _parts(ray)[:2] != RAY:
        wanted = ".".join(map(str, RAY))
        raise StudyError(f"{place}: the cluster's Ray must be {wanted}, it is {ray or 'unknown'}")
    here = sys.version_info[:2]
    if _parts(python)[:2] != here:
        wanted = ".".join(map(str, here))
        raise StudyError(
            f"{place}: the cluster's Python must be {wanted} as here, it is {python or 'unknown'}"
        )
    if not dashboard.on_loopback and not asks_for_token(dashboard):
        raise StudyError(
            f"{place}: whoever reaches it may run anything there: turn token authentication on, "
            "with RAY_AUTH_MODE=token and RAY_AUTH_TOKEN on every node, and start it again"
        )


def asks_for_token(dashboard: Dashboard) -> bool:
    """Whether token authentication is on."""
    try:
        told = dashboard.get("/api/authentication_mode")
    except NotThereError:
        return False
    return isinstance(told, dict) and told.get("authentication_mode") == "token"


def refuse_second(dashboard: Dashboard, study: str, option: str = "") -> None:
    """Refuses a study that is at work already: it would be one journal and one broker for two.

    Args:
        dashboard: of the cluster.
        study: the study's name.
        option: how a command names this dashboard, for the advice.

    Raises:
        StudyError: the study runs on this cluster, or is about to.
    """
    job = running(dashboard, study)
    if job is not None:
        what = "runs there" if job.state == "running" else "waits there"
        raise StudyError(
            f"name: a study named {study} {what} as {job.id}; see: caviar status {job.id}{option}"
        )


def free_id(dashboard: Dashboard, study: str) -> str:
    """`caviar-NAME-N` with the smallest N that no job of the cluster has."""
    taken = {one.get("submission_id") for one in dashboard.get("/api/jobs/")}
    number = 1
    while f"caviar-{study}-{number}" in taken:
        number += 1
    return f"caviar-{study}-{number}"


def submit(dashboard: Dashboard, submission: Submission, package: Package) -> str:
    """Submits the study; the cluster was checked.

    Returns:
        The submission id.

    Raises:
        StudyError: the cluster takes no such job.
    """
    name = free_id(dashboard, submission.study)
    environment = {
        "working_dir": str(package.folder),
        "env_vars": {JOB: name, "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S)},
    }
    if package.modules:
        environment["py_modules"] = [str(module) for module in package.modules]
    try:
        send(
            dashboard,
            entrypoint=submission.entrypoint,
            submission_id=name,
            metadata=submission.metadata,
            runtime_env=environment,
        )
    except StudyError:
        # Another shell may have been quicker: Ray takes an id once, and so one of the two.
        refuse_second(dashboard, submission.study)
        raise
    return name


def send(dashboard: Dashboard, **job: Any) -> None:
    """Uploads a job's files and submits it, by Ray's own client.

    Raises:
        StudyError: in one line why not, without the token.
    """
    from ray.job_submission import JobSubmissionClient

    # It tells of each upload, and of packages that grow large.
    for name in ("ray.dashboard.modules.dashboard_sdk", "ray._private.runtime_env.packaging"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with _no_proxy(dashboard):
            client = JobSubmissionClient(dashboard.url, headers=dashboard.headers)
            client.submit_job(**job)
    except (RuntimeError, ConnectionError, ValueError, OSError) as error:
        reason = _last(str(error).splitlines())
        raise StudyError(f"--dashboard {dashboard.url}: the job was refused: {reason}") from None


@contextmanager
def _no_proxy(dashboard: Dashboard) -> Iterator[None]:
    """Keeps Ray's client from asking a proxy of the outside world for a loopback address."""
    before = {name: os.environ.get(name) for name in ("no_proxy", "NO_PROXY")}
    if dashboard.on_loopback:
        os.environ |= dict.fromkeys(before, "*")
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _last(lines: Iterable[str]) -> str:
    # Ray ends what the other side said with a full stop, now and then on a line of its own.
    found = [line.strip() for line in lines if any(map(str.isalnum, line))]
    return one_line(found[-1][:300]) if found else "it says no more"


def _parts(number: str) -> tuple[int, ...]:
    """What numbers a version begins with."""
    found: list[int] = []
    for part in number.split("."):
        if not part.isdigit():
            break
        found.append(int(part))
    return tuple(found)
