"""Commands that change a study while it runs, or before its next run: add, stop, pause, narrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caviar.cli_target import Target, Url, ask, is_job, job_of
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
    target: Target,
    trials: Annotated[int | None, typer.Option("--trials", help="So many more trials.")] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(
            "--point",
            metavar="NAME=VALUE,...",
            help="One more trial of these; the search gives what is not named. Repeatable.",
        ),
    ] = None,
    dashboard: Url = None,
) -> None:
    """Add trials to a study: so many more of the search's, or your own."""
    if trials is None and not point:
        raise StudyError("add: give --trials or --point")
    if trials is not None and not 1 <= trials <= MOST_TRIALS:
        raise StudyError(f"--trials: must be from 1 to {MOST_TRIALS}, got {trials}")
    words = ["add", *(f"--point={text}" for text in point or [])]
    words += [f"--trials={trials}"] if trials is not None else []
    ask(target, dashboard, words, lambda directory: _added(directory, trials, point or []))


def _added(directory: Path, trials: int | None, points: list[str]) -> list[Change]:
    from caviar.study.records import Change, ChangeKind
    from caviar.study.requests import read_point
    from caviar.tuning.asking import spec_of

    spec = spec_of(directory)
    found = [read_point(text, spec) for text in points]
    changes = [Change(ChangeKind.ADD_POINT, {"hyperparameters": point}) for point in found]
    more = [Change(ChangeKind.ADD_TRIALS, {"trials": trials})] if trials is not None else []
    return [*changes, *more]


def stop(
    target: Target,
    trial: Annotated[int | None, typer.Option("--trial", help="End only this trial.")] = None,
    dashboard: Url = None,
) -> None:
    """Stop a study, or one of its trials; what was trained is kept, `continue` takes a study back.

    Slices end what they are at with their next report, within seconds. A job that was submitted
    is ended in order; submitting the study again goes on with it. A name that is a directory here
    and a job that runs stops neither: say which, by ./NAME or the job's id.
    """
    from caviar.study.records import Change, ChangeKind

    if trial is not None:
        change = Change(ChangeKind.STOP_TRIAL, {"trial": trial})
        ask(target, dashboard, ["stop", f"--trial={trial}"], lambda _: [change])
    elif is_job(target, dashboard):
        _stop_job(target, dashboard)
    else:
        ask(target, dashboard, ["stop"], lambda _: [Change(ChangeKind.STOP)])


def _stop_job(name: str, url: str | None) -> None:
    """Ends a submitted job in order, and says what became of it."""
    from caviar.service import jobs

    dashboard, job = job_of(name, url)
    jobs.stop(dashboard, job)
    typer.echo(f"{job.id}: asked to stop")
    ended = jobs.await_end(dashboard, job)
    if ended.is_over:
        typer.echo(f"{job.id}: {ended.state}; submit the study again to go on with it")
    else:
        see = f"caviar status {job.id}" + (f" --dashboard {url}" if url else "")
        typer.echo(f"{job.id}: still stopping; see: {see}")


def pause(target: Target, dashboard: Url = None) -> None:
    """Start nothing new; what runs is finished, and the driver waits for `continue`."""
    from caviar.study.records import Change, ChangeKind

    ask(target, dashboard, ["pause"], lambda _: [Change(ChangeKind.PAUSE)])


def go_on(target: Target, dashboard: Url = None) -> None:
    """Let a paused or stopped study go on; a stopped one needs its `run` as well."""
    from caviar.study.records import Change, ChangeKind

    ask(target, dashboard, ["continue"], lambda _: [Change(ChangeKind.CONTINUE)])


def narrow(
    target: Target,
    wishes: Annotated[
        list[str],
        typer.Argument(metavar="NAME=LOW..HIGH", help="Or NAME=CHOICE|CHOICE; several may follow."),
    ],
    dashboard: Url = None,
) -> None:
    """Draw new trials from a part of the space only; the last word on a hyperparameter stands."""
    ask(target, dashboard, ["narrow", *wishes], lambda directory: _narrowed(directory, wishes))


def _narrowed(directory: Path, wishes: list[str]) -> list[Change]:
    from caviar.study.requests import read_narrow
    from caviar.tuning.asking import spec_of

    spec = spec_of(directory)
    return [read_narrow(wish, spec) for wish in wishes]
