"""Commands that change a study while it runs, or before its next run: add, stop, pause, narrow."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caviar.errors import StudyError

if TYPE_CHECKING:
    from caviar.study.records import Change

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The study directory.")]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Attach to this Ray cluster (or `auto`); default: start Ray on this machine.",
    ),
]

MOST_TRIALS = 1_000_000
"""As many as a study may have, and so as many as may be added."""


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    for name, command in (
        ("add", add),
        ("stop", stop),
        ("pause", pause),
        ("continue", go_on),
        ("narrow", narrow),
    ):
        app.command(name)(command)


def add(
    directory: Directory,
    trials: Annotated[int | None, typer.Option("--trials", help="So many more trials.")] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(
            "--point",
            metavar="NAME=VALUE,...",
            help="One more trial of these; the search gives what is not named. Repeatable.",
        ),
    ] = None,
) -> None:
    """Add trials to a study: so many more of the search's, or your own."""
    from caviar.study.records import Change, ChangeKind
    from caviar.study.requests import read_point
    from caviar.tuning.asking import spec_of

    if trials is None and not point:
        raise StudyError("add: give --trials or --point")
    if trials is not None and not 1 <= trials <= MOST_TRIALS:
        raise StudyError(f"--trials: must be from 1 to {MOST_TRIALS}, got {trials}")
    spec = spec_of(directory)
    points = [read_point(text, spec) for text in point or []]
    changes = [Change(ChangeKind.ADD_POINT, {"hyperparameters": found}) for found in points]
    more = [Change(ChangeKind.ADD_TRIALS, {"trials": trials})] if trials is not None else []
    ask_all(directory, [*changes, *more])


def stop(
    target: Annotated[
        str, typer.Argument(metavar="DIR|ID", help="A study directory, or a submitted job.")
    ],
    trial: Annotated[int | None, typer.Option("--trial", help="End only this trial.")] = None,
    dashboard: Annotated[
        str | None, typer.Option("--dashboard", metavar="URL", help="Of a submitted job's cluster.")
    ] = None,
) -> None:
    """Stop a study, or one of its trials; what was trained is kept, `continue` takes a study back.

    Slices end what they are at with their next report, within seconds. A job that was submitted
    is ended in order; submitting the study again goes on with it. A name that is a directory here
    and a job that runs stops neither: say which, by ./NAME or the job's id.
    """
    from caviar.study.records import Change, ChangeKind

    if _is_job(target, dashboard):
        if trial is not None:
            raise StudyError(f"--trial {trial}: is for a study directory, not for a job")
        _stop_job(target, dashboard)
        return
    one = trial is not None
    if not one:  # a job has no such option
        _refuse_both(target)
    kind = ChangeKind.STOP_TRIAL if one else ChangeKind.STOP
    ask_all(Path(target), [Change(kind, {"trial": trial} if one else {})])


def _is_job(target: str, dashboard: str | None) -> bool:
    """Whether a job is meant: a directory that is there goes first, and so does a path."""
    there = Path(target)
    return dashboard is not None or not (there.exists() or there.name != target)


def _refuse_both(target: str) -> None:
    """Refuses a name that is a directory here and a study that runs on the cluster.

    It may be a fetched copy. Its lease tells nothing, being the driver's on the cluster; and a stop
    that went into the copy would let the job run on.
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
            f"which: caviar stop ./{target}, or caviar stop {job.id}"
        )


def _stop_job(name: str, url: str | None) -> None:
    """Ends a submitted job in order, and says what became of it."""
    from caviar.service import jobs
    from caviar.service.dashboard import Dashboard

    dashboard = Dashboard(url)
    job = jobs.find(dashboard, name)
    jobs.stop(dashboard, job)
    typer.echo(f"{job.id}: asked to stop")
    ended = jobs.await_end(dashboard, job)
    if ended.is_over:
        typer.echo(f"{job.id}: {ended.state}; submit the study again to go on with it")
    else:
        see = f"caviar status {job.id}" + (f" --dashboard {url}" if url else "")
        typer.echo(f"{job.id}: still stopping; see: {see}")


def pause(directory: Directory) -> None:
    """Start nothing new; what runs is finished, and the driver waits for `continue`."""
    from caviar.study.records import Change, ChangeKind

    ask_all(directory, [Change(ChangeKind.PAUSE)])


def go_on(directory: Directory) -> None:
    """Let a paused or stopped study go on; a stopped one needs its `run` as well."""
    from caviar.study.records import Change, ChangeKind

    ask_all(directory, [Change(ChangeKind.CONTINUE)])


def narrow(
    directory: Directory,
    wishes: Annotated[
        list[str],
        typer.Argument(metavar="NAME=LOW..HIGH", help="Or NAME=CHOICE|CHOICE; several may follow."),
    ],
) -> None:
    """Draw new trials from a part of the space only; the last word on a hyperparameter stands."""
    from caviar.study.requests import read_narrow
    from caviar.tuning.asking import spec_of

    spec = spec_of(directory)
    ask_all(directory, [read_narrow(wish, spec) for wish in wishes])


def ask_all(directory: Path, changes: Iterable[Change]) -> None:
    """Asks for one change after the other and prints what came of each.

    Raises:
        StudyError: why one cannot be made; those before it are asked for.
    """
    from caviar.tuning.asking import ask

    for change in changes:
        typer.echo(ask(directory, change).line)
