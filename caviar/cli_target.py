"""DIR or ID: which study a command means, and asking for a change where that study is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caviar.errors import StudyError

if TYPE_CHECKING:
    from caviar.service.dashboard import Dashboard
    from caviar.service.jobs import Job
    from caviar.study.records import Change

Target = Annotated[
    str, typer.Argument(metavar="DIR|ID", help="A study directory, or a submitted job.")
]
Url = Annotated[
    str | None,
    typer.Option("--dashboard", metavar="URL", help="Of a submitted job's cluster."),
]

ClusterUrl = Annotated[
    str | None,
    typer.Option(
        "--dashboard",
        metavar="URL",
        help="Of the cluster's dashboard; default: RAY_API_SERVER_ADDRESS, or this machine's.",
    ),
]
"""The same of a command that is about a cluster's jobs alone."""

_INTERRUPTED = 130


def is_job(target: str, url: str | None) -> bool:
    """Whether a job is meant: a directory that is there goes first, and so does a path."""
    there = Path(target)
    return url is not None or not (there.exists() or there.name != target)


def job_of(target: str, url: str | None) -> tuple[Dashboard, Job]:
    """The job that is meant, and where to ask for it.

    Raises:
        StudyError: there is none, or no dashboard answers.
    """
    from caviar.service import jobs
    from caviar.service.dashboard import Dashboard

    try:
        dashboard = Dashboard(url)
        return dashboard, jobs.find(dashboard, target)
    except StudyError as error:
        if url is not None:
            raise
        told = str(error).removeprefix(f"{target}: ")
        raise StudyError(f"{target}: no directory here; {told}") from None


def refuse_both(target: str, words: Sequence[str]) -> None:
    """Refuses a name that is a directory here and a study that runs on the cluster.

    It may be a fetched copy. Its lease tells nothing, being the driver's on the cluster; and what
    went into the copy would not reach the job.
    """
    from caviar.service import jobs
    from caviar.service.dashboard import Dashboard

    if Path(target).name != target or not jobs.is_name(target):
        return
    try:
        job = jobs.running(Dashboard(), target)
    except StudyError:  # no cluster, then it is the directory
        return
    if job is not None:
        raise StudyError(
            f"{target}: is a directory here, and {job.id} is at work on a study of that name; say "
            f"which: caviar {words[0]} ./{target}, or caviar {words[0]} {job.id}"
        )


def ask(
    target: str,
    url: str | None,
    words: Sequence[str],
    changes: Callable[[Path], Iterable[Change]],
) -> None:
    """Asks for changes of a study, here or where its job is, and prints what came of each.

    Args:
        target: a directory, a job's id or a study's name.
        url: of the dashboard, if one was given.
        words: the command as it was typed, without the target.
        changes: what it comes to for a directory.

    Raises:
        StudyError: why one cannot be made; those before it are asked for.
    """
    if is_job(target, url):
        ask_there(*job_of(target, url), words)
        return
    refuse_both(target, words)
    ask_all(Path(target), changes(Path(target)))


def ask_there(dashboard: Dashboard, job: Job, words: Sequence[str]) -> None:
    """Asks for changes where a job's driver is, and prints what came of each.

    Raises:
        StudyError: why one cannot be made; those before it are asked for.
    """
    from caviar.service import changing

    try:
        answer = changing.ask_there(dashboard, job, words, say=_aside)
    except KeyboardInterrupt:
        _aside("\nnot waited for; it may have been taken all the same")
        raise typer.Exit(_INTERRUPTED) from None
    for line in answer.lines:
        typer.echo(line)
    if answer.refusal:
        raise StudyError(answer.refusal)


def ask_all(directory: Path, changes: Iterable[Change]) -> None:
    """Asks for one change after the other and prints what came of each.

    Raises:
        StudyError: why one cannot be made; those before it are asked for.
    """
    from caviar.tuning import asking

    for change in changes:
        typer.echo(asking.ask(directory, change).line)


def _aside(line: str) -> None:
    """Progress, apart from what was answered."""
    typer.echo(line, err=True)
