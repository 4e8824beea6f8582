"""The command `diagnose`: bias or variance, and what to try."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from caviar.cli_live import Directory


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("diagnose")(diagnose)


def diagnose(
    directory: Directory,
    trial: Annotated[
        int | None,
        typer.Option("--trial", help="This trial; default: the winner, else the best trial."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell whether bias or variance makes the error, and what to try against it."""
    from caviar.report.diagnosis import diagnose as diagnosed
    from caviar.report.evidence import evidence

    told = diagnosed(evidence(directory), trial)
    if json:
        import json as codec

        typer.echo(codec.dumps(told.to_json(), indent=2, allow_nan=False))
        return
    from rich.console import Console

    from caviar.report.diagnosis_text import print_diagnosis

    # A log or a file has no width to fit into.
    width = None if sys.stdout.isatty() else 200
    print_diagnosis(Console(highlight=False, width=width), told)
