"""The command `diagnose`: bias or variance, and what to try."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from caviar.cli_live import Directory
from caviar.errors import StudyError

if TYPE_CHECKING:
    from pathlib import Path


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
    sizes: Annotated[
        bool,
        typer.Option(
            "--sizes",
            help="First train the winner on an eighth, a quarter, half and all of the training "
            "part, which tells whether more data would pay.",
        ),
    ] = False,
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="HOST:PORT", help="Of a Ray cluster, for --sizes."),
    ] = None,
) -> None:
    """Tell whether bias or variance makes the error, and what to try against it."""
    from caviar.report.diagnosis import diagnose as diagnosed
    from caviar.report.evidence import evidence

    known = evidence(directory)
    told = diagnosed(known, trial)
    if sizes:
        _train_sizes(directory, address)
        known = evidence(directory)
        told = diagnosed(known, trial)
    if json:
        import json as codec

        typer.echo(codec.dumps(told.to_json(), indent=2, allow_nan=False))
        return
    from rich.console import Console

    from caviar.report.checks import checks, print_checks
    from caviar.report.diagnosis_text import print_diagnosis

    # A log or a file has no width to fit into.
    width = None if sys.stdout.isatty() else 200
    console = Console(highlight=False, width=width)
    print_diagnosis(console, told)
    if trial is None:
        print_checks(console, checks(known))


def _train_sizes(directory: Path, address: str | None) -> None:
    """Trains on parts of the data; its progress goes to stderr, beside what is printed at the end.

    Raises:
        typer.Exit: a signal stopped it.
    """
    from caviar.api import load
    from caviar.tuning.driver import run_study
    from caviar.tuning.messages import Extra
    from caviar.tuning.progress import PlainView

    def write(line: str) -> None:
        typer.echo(line, err=True)

    spec = load(directory).spec
    if spec.is_raised:
        raise StudyError("--sizes: a panda's way cannot be repeated on less data")
    if not spec.winner.top:
        raise StudyError("--sizes: winner.top: must be > 0 for anything to be trained, got 0")
    outcome = run_study(spec, directory, PlainView(write), address=address, finals=Extra.SIZES)
    if outcome.signal:
        write(f"stopped; to go on: caviar diagnose {directory} --sizes")
        raise typer.Exit(128 + outcome.signal)
