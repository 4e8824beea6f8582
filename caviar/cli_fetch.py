"""The command that brings a study to this machine: from the cluster, or from its storage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caviar.cli_target import ClusterUrl
from caviar.errors import StudyError


def fetch(
    id: Annotated[
        str,
        typer.Argument(
            metavar="ID|URI",
            help="A submission id, a study's name, or a storage: s3://..., a folder.",
        ),
    ],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put it here.")],
    dashboard: ClusterUrl = None,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="The checkpoints as well.")
    ] = False,
) -> None:
    """Copy a submitted study's journal, winner and report to this machine, also while it runs.

    From the driver's node; where that is gone, or a storage is named, from the storage, with the
    credentials that this machine has for it.
    """
    from caviar.service import fetching
    from caviar.service.dashboard import Dashboard
    from caviar.service.jobs import find

    if "/" in id:
        if dashboard is not None:
            raise StudyError("--dashboard: is for a submitted study, and a storage is named")
        said = fetching.fetch_stored(id, directory, typer.echo, checkpoints=checkpoints)
    else:
        there = Dashboard(dashboard)
        job = find(there, id)
        said = fetching.fetch(there, job, directory, typer.echo, checkpoints=checkpoints)
    typer.echo(said)
    typer.echo(fetching.report_line(directory))
