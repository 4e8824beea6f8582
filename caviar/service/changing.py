"""Changing a study where its driver is: the command, typed there by a helper job.

The helper has the very files of the study's job, caviar among them, so the driver and who asks it
are of one version; nothing is uploaded.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from caviar.errors import StudyError
from caviar.service.dashboard import Dashboard
from caviar.service.helper import (
    Ended,
    Helper,
    NotStartedError,
    Say,
    helping,
    node_is_gone,
    submitted,
)
from caviar.service.jobs import DIRECTORY, Job
from caviar.service.places import on_cluster
from caviar.study.wording import one_line
from caviar.tuning.job_view import JOB

BEGIN: Final = "caviar-answer"
"""What the helper prints before its command: lines above are Ray's."""
MOST_LINES: Final = 10_000
LONGEST: Final = 2_000
"""Characters of a line that are shown: any job may print what it likes."""
ANSWER_S: Final = 180.0
"""Seconds for a command whose own patience is of seconds: a page has no Ctrl-C."""
_REFUSED: Final = 2
_COMPLAINT: Final = "caviar: "
_NONE: Final = "it has no journal.sqlite3"


@dataclass(frozen=True)
class Answer:
    """What a command that was typed on the cluster answered.

    Attributes:
        lines: what it printed.
        refusal: its complaint, or "".
    """

    lines: tuple[str, ...]
    refusal: str = ""


def change_there(dashboard: Dashboard, job: Job, words: Sequence[str]) -> list[str]:
    """Asks for a change of a study that a job is at work on.

    Args:
        dashboard: of the cluster.
        job: the study's.
        words: as typed after `caviar`, without the directory: `["add", "--trials", "20"]`.

    Returns:
        The lines it answered.

    Raises:
        StudyError: a change was refused, or could not be asked for, in one line; it tells of those
            that were made before.
    """
    answer = ask_there(dashboard, job, words)
    if answer.refusal:
        raise StudyError("; then ".join([*answer.lines, answer.refusal]))
    return list(answer.lines)


def ask_there(
    dashboard: Dashboard, job: Job, words: Sequence[str], say: Say = lambda line: None
) -> Answer:
    """The same, of which a part may have been taken before the rest was refused.

    Args:
        dashboard: of the cluster.
        job: the study's.
        words: as typed after `caviar`, without the directory.
        say: is told what goes on when it takes longer.

    Raises:
        StudyError: it could not be asked for.
    """
    _check_at_work(job, words[0])
    if node_is_gone(dashboard, job):
        raise StudyError(f"{job.id}: the node of its driver is gone; submit the study again")
    typed, environment = _command(job, words), _environment(dashboard, job)
    with helping(
        dashboard, job, "ask", submitted, entrypoint=typed, runtime_env=environment
    ) as helper:
        ended = _ended(helper, say)
        printed = helper.lines() if ended.status is not None else ()
        return _answer(job, ended, _own(printed, typed))


def _ended(helper: Helper, say: Say) -> Ended:
    """The helper's end; without it nobody knows what it did, and twenty trials come twice."""
    try:
        return helper.ended(say, "asked there, not answered yet", ANSWER_S)
    except NotStartedError:
        raise
    except StudyError as error:
        raise StudyError(f"{error}; it may have been taken all the same") from None


def _check_at_work(job: Job, command: str) -> None:
    """Refuses a job whose driver would never hear of it, before anything is submitted."""
    if job.is_over:
        more = " with a larger --trials" if command == "add" or job.state == "finished" else ""
        again = f"submit the study again{more} to go on with it"
        raise StudyError(f"{job.id}: it is {job.state} already; nothing was asked; {again}")
    if not job.node:
        raise StudyError(f"{job.id}: it is {job.state}, and no study was begun; ask again later")
    if not job.directory:
        raise StudyError(f"{job.id}: it does not tell its study directory ({DIRECTORY})")


def _command(job: Job, words: Sequence[str]) -> str:
    """The command in words of the shell there, its own lines marked off from Ray's."""
    command, *rest = words
    asked = f"python -m caviar {shlex.quote(command)} {on_cluster(job.directory)}"
    return f"echo {BEGIN}; exec {asked} {shlex.join(rest)}".strip()


def _environment(dashboard: Dashboard, job: Job) -> dict[str, Any]:
    """The job's own files and variables, but for what makes it the study's job."""
    told = dashboard.get(f"/api/jobs/{job.id}")
    found = told.get("runtime_env") if isinstance(told, dict) else None
    environment = dict(found) if isinstance(found, dict) else {}
    variables = dict(environment.pop("env_vars", None) or {})
    variables.pop(JOB, None)
    return environment | ({"env_vars": variables} if variables else {})


def _own(lines: Iterable[str], entrypoint: str) -> list[str]:
    """What the command itself printed; Ray's line of it comes before or after its first."""
    own: list[str] | None = None
    for line in lines:
        if own is None:
            own = [] if line == BEGIN else None
        elif len(own) < MOST_LINES and not line.endswith(f": {entrypoint}"):
            own.append(one_line(line[:LONGEST]))
    return own or []


def _answer(job: Job, ended: Ended, lines: list[str]) -> Answer:
    if ended.status == 0:
        return Answer(tuple(lines))
    if ended.status == _REFUSED and lines and lines[-1].endswith(_NONE):
        raise StudyError(f"{job.id}: no study was begun yet; ask again later")
    if ended.status == _REFUSED and lines and lines[-1].startswith(_COMPLAINT):
        return Answer(tuple(lines[:-1]), lines[-1].removeprefix(_COMPLAINT))
    why = lines[-1] if lines else ended.message or ended.state.lower()
    raise StudyError(f"{job.id}: it could not be asked there: {why}")
