"""Helper jobs: small jobs of caviar's own on the node of a study's driver, gone soon afterwards.

A dashboard starts jobs and hands out their logs, and that is all it does for somebody outside. So
what is to be done where a study lies is done by a job there, and its log is the answer.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from caviar.errors import StudyError
from caviar.service.dashboard import Dashboard
from caviar.service.jobs import Job
from caviar.service.logs import log_lines
from caviar.service.room import living_nodes
from caviar.study.wording import one_line

POLL_S: Final = 0.3
START_S: Final = 120.0
"""Seconds that the cluster may take to start a helper."""
STOP_S: Final = 10.0
"""Seconds that a stopped one may take to end."""
SAY_AFTER_S: Final = 2.0
"""Seconds before a person is told what is waited for; then ever more seldom."""
DONE_S: Final = 5.0
"""Seconds in which Ray sees that a helper's process is gone: it looks every second, and may take
three looks. One that is deleted before it enters anew, as failed."""


class NotStartedError(StudyError):
    """The cluster did not start a helper in time, so that it has done nothing."""


_OVER: Final = {"SUCCEEDED", "FAILED", "STOPPED"}
Say = Callable[[str], Any]


@dataclass(frozen=True)
class Helper:
    """A helper that was submitted.

    Attributes:
        dashboard: of its cluster.
        id: its submission id.
        node: the id of the node it is to run on.
    """

    dashboard: Dashboard
    id: str
    node: str

    @property
    def place(self) -> str:
        """Its path at the dashboard."""
        return f"/api/jobs/{self.id}"

    def ended(self, say: Say, doing: str, most_s: float = math.inf) -> Ended:
        """Waits for its end.

        Args:
            say: is told now and then how long that takes.
            doing: what it does, for that.
            most_s: how long it may take to do it.

        Raises:
            NotStartedError: the cluster does not start it.
            StudyError: it takes longer, or the dashboard no longer answers.
        """
        began, quiet_s = time.monotonic(), SAY_AFTER_S
        while not (known := self.known()).over:
            waited_s = time.monotonic() - began
            if known.state == "PENDING" and waited_s > START_S:
                why = f"the cluster did not start it within {START_S:.0f} s"
                raise NotStartedError(f"{self.id}: {why}")
            if waited_s > START_S + most_s:
                raise StudyError(f"{self.id}: did not end within {most_s:.0f} s")
            if waited_s > quiet_s:
                quiet_s = 2 * waited_s
                what = doing if known.state == "RUNNING" else "the cluster starts a helper"
                say(f"{what}, {waited_s:.0f} s")
            time.sleep(POLL_S)
        return known

    def known(self) -> Ended:
        """How it stands, in the dashboard's words."""
        told = self.dashboard.get(self.place)
        told = told if isinstance(told, dict) else {}
        code = told.get("driver_exit_code")
        return Ended(
            state=str(told.get("status")),
            status=code if isinstance(code, int) else None,
            message=one_line(str(told.get("message") or "")[-300:]),
        )

    def lines(self) -> Iterator[str]:
        """What it has printed, and Ray before it."""
        return log_lines(self.dashboard, self.node, self.id)


@dataclass(frozen=True)
class Ended:
    """How a helper stands.

    Attributes:
        state: in the dashboard's words.
        status: what its program left with, or None.
        message: what Ray says of it.
    """

    state: str
    status: int | None
    message: str

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in _OVER


def node_is_gone(dashboard: Dashboard, job: Job) -> bool:
    """Whether the node of a study's driver is known to be gone: a helper would wait for ever.

    Raises:
        StudyError: no Ray dashboard answers.
    """
    alive = living_nodes(dashboard)
    return alive is not None and job.node not in alive


@contextmanager
def helping(
    dashboard: Dashboard, job: Job, purpose: str, submit: Callable[..., Any], **body: Any
) -> Iterator[Helper]:
    """A helper on the node of a study's driver; whatever happens, none is left behind.

    Args:
        dashboard: of the cluster.
        job: the study's, which has a node.
        purpose: a word for the helper's id and metadata.
        submit: takes what Ray's jobs take, by name: `submitted`, or one that uploads files.
        body: the rest of it: `entrypoint` and `runtime_env`.

    Raises:
        StudyError: the cluster refuses it.
    """
    helper = Helper(dashboard, f"caviar-{purpose}-{uuid4().hex[:12]}", job.node)
    try:
        submit(
            dashboard,
            submission_id=helper.id,
            metadata={f"caviar.{purpose}": job.id},
            entrypoint_label_selector={"ray.io/node-id": job.node},
            **body,
        )
        yield helper
    finally:
        words = [sys.executable, "-m", __name__, dashboard.url, helper.id, str(DONE_S)]
        with suppress(OSError):
            in_background(words)


def submitted(dashboard: Dashboard, **job: Any) -> None:
    """Submits a job whose files the cluster has already, without Ray's client.

    Raises:
        StudyError: the cluster refuses it.
    """
    dashboard.post("/api/jobs/", job)


def in_background(words: Sequence[str]) -> None:
    """Starts a program that nobody waits for and that no Ctrl-C or closed terminal ends.

    The token is in its environment, as in ours, or in a file; never among its words.

    Raises:
        OSError: it cannot be started.
    """
    # A shell in between leaves it to the system: what we start ourselves we would have to reap.
    subprocess.run(  # noqa: S603 - words of ours
        ["/bin/sh", "-c", '"$@" &', "sh", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
    )


def take_away(url: str, name: str, done_s: float) -> None:
    """Stops a helper that is at work, waits for that, but not for ever, and deletes it.

    Args:
        url: of the dashboard.
        name: the helper's id.
        done_s: how long Ray needs to be done with one that has ended.
    """
    with suppress(StudyError):
        helper = Helper(Dashboard(url), name, "")
        if not helper.known().over:
            helper.dashboard.post(f"{helper.place}/stop")
            deadline = time.monotonic() + STOP_S
            while not helper.known().over and time.monotonic() < deadline:
                time.sleep(POLL_S)
        time.sleep(done_s)
        helper.dashboard.delete(helper.place)


if __name__ == "__main__":
    take_away(sys.argv[1], sys.argv[2], float(sys.argv[3]))
