"""Commands for studies on a Ray cluster, by its dashboard: submit, jobs, status, logs, fetch."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caviar import cli_fetch
from caviar.cli_target import ClusterUrl

if TYPE_CHECKING:
    from caviar.service.dashboard import Dashboard
    from caviar.service.jobs import Job

RAYS = re.compile(r"^[\d-]+ [\d:,]+\tINFO job_manager\.py:\d+ -- Runtime env is setting up\.$")
"""What Ray writes into every job's log, and tells nobody anything."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""Ray colours the prefix of what its workers print."""

Id = Annotated[
    str, typer.Argument(metavar="ID", help="A submission id, or a study's name: its latest job.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    for command in (submit, jobs, status, logs, cli_fetch.fetch):
        app.command(name=command.__name__)(command)


def submit(
    study: Annotated[
        Path | None,
        typer.Argument(metavar="[STUDY.toml]", help="The study file; without one, digits."),
    ] = None,
    dashboard: ClusterUrl = None,
    name: Annotated[str | None, typer.Option("--name", help="Call the study this.")] = None,
    dir: Annotated[
        str | None,
        typer.Option(
            "--dir",
            metavar="DIR",
            help="The study directory on the cluster, in $CAVIAR_HOME; default: its last job's, or "
            "studies/NAME.",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option("--storage", metavar="URI", help="Back the study up there, as s3://..."),
    ] = None,
    trials: Annotated[int | None, typer.Option("--trials", help="How many trials.")] = None,
    max_epochs: Annotated[
        int | None, typer.Option("--max-epochs", help="Epochs of the trials that get furthest.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="The study's seed.")] = None,
    no_winner: Annotated[bool, typer.Option("--no-winner", help="Search only.")] = False,
    no_package: Annotated[
        bool, typer.Option("--no-package", help="Use the caviar that the cluster has.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow its log; status 1 if it does not finish.")
    ] = False,
) -> None:
    """Submit a study to a Ray cluster as a job; the same command goes on with one that stopped."""
    from caviar.service import places, submission
    from caviar.service.dashboard import Dashboard
    from caviar.service.data_check import check_data
    from caviar.service.package import packed
    from caviar.service.room import check_room

    places.check_places(dir, storage)
    there, option = Dashboard(dashboard), _option(dashboard)
    instead = {"trials": trials, "max_epochs": max_epochs, "seed": seed}
    with packed(study, name, with_caviar=not no_package, instead=instead) as package:
        check_data(package)
        submission.check_cluster(there)
        submission.refuse_second(there, package.study, option)
        directory, backup, taken = places.places(there, package.study, dir, storage)
        for note in (*package.notes, check_room(there, package.spec), taken):
            if note:
                typer.echo(note)
        asked = submission.Submission(
            study=package.study,
            directory=directory,
            storage=backup,
            options=(*_words(instead), *("--no-winner",) * no_winner),
            searched=tuple(package.spec.space.domains),
        )
        number = submission.submit(there, asked, package)
    typer.echo(f"submitted {number}")
    typer.echo(f"  directory  {_home(asked.directory)} on the cluster")
    typer.echo(f"  page       {there.page(number)}")
    for command in ("status", "logs -f", "stop"):
        typer.echo(f"  {command.split()[0]:9}  caviar {command} {number}{option}")
    typer.echo(f"  fetch      caviar fetch {number} my-{package.study}{option}")
    if wait:
        from caviar.service.jobs import find

        raise typer.Exit(_follow(there, find(there, number), _for_a_person, option))


def jobs(dashboard: ClusterUrl = None) -> None:
    """List the studies that were submitted to a cluster, the latest first."""
    from caviar.service.dashboard import Dashboard
    from caviar.service.jobs import all_jobs

    there = Dashboard(dashboard)
    found = all_jobs(there)
    if not found:
        typer.echo("no study was submitted to this cluster")
        return
    from caviar.service.telling import job_rows, standings
    from caviar.tuning.job_words import table

    for line in table(job_rows(found, standings(there, found)), left=True):
        typer.echo(line)


def status(
    id: Id,
    dashboard: ClusterUrl = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell how a submitted study stands."""
    from caviar.service.dashboard import Dashboard
    from caviar.service.jobs import find
    from caviar.service.telling import status_lines, told_of

    there = Dashboard(dashboard)
    told = told_of(there, find(there, id))
    if json:
        import json as codec

        typer.echo(codec.dumps(told, indent=2, allow_nan=False))
    else:
        for line in status_lines(told):
            typer.echo(line)


def logs(
    id: Id,
    dashboard: ClusterUrl = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on printing until the job ends.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="As it came, with Ray's line and those for programs.")
    ] = False,
) -> None:
    """Print a job's log; with -f until it ends. Ctrl-C leaves the job alone."""
    from caviar.service.dashboard import Dashboard
    from caviar.service.jobs import find
    from caviar.service.logs import whole

    there = Dashboard(dashboard)
    job = find(there, id)
    write = _write if raw else _for_a_person
    if follow:
        raise typer.Exit(_follow(there, job, write, _option(dashboard)))
    for line in whole(there, job):
        write(line)


def _follow(there: Dashboard, job: Job, write: Callable[[str], None], option: str) -> int:
    """Prints a job's log until it ends; Ctrl-C ends the printing alone.

    Returns:
        The status to leave with: 0 if it finished.
    """
    from caviar.service.logs import followed

    try:
        ended = followed(there, job, write)
    except KeyboardInterrupt:
        _write(f"\n{job.id} goes on without you; to stop it: caviar stop {job.id}{option}")
        return 130
    _write(f"{job.id}: {ended.state}")
    return 0 if ended.state == "finished" else 1


def _words(options: Mapping[str, int | None]) -> tuple[str, ...]:
    """Options with numbers, those that were given, as words of a command."""
    given = {name: value for name, value in options.items() if value is not None}
    return tuple(f"--{name.replace('_', '-')}={value}" for name, value in given.items())


def _option(dashboard: str | None) -> str:
    """How the next command finds the dashboard that this one was given."""
    return f" --dashboard {shlex.quote(dashboard)}" if dashboard else ""


def _home(directory: str) -> str:
    """A directory on the cluster for a person."""
    return directory if directory.startswith("/") else f"~/caviar/{directory} ($CAVIAR_HOME)"


def _for_a_person(line: str) -> None:
    """Writes a line of a log but for those that are read by machines, and Ray's own first one.

    Any job may print what it likes: what would steer a terminal is shown, not sent.
    """
    from caviar.study.wording import one_line
    from caviar.tuning.job_words import PREFIX

    if not line.startswith(PREFIX) and not RAYS.search(line):
        _write(one_line(COLOUR.sub("", line).expandtabs()))


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
