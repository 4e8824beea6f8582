"""Commands that hand a study to other tools, and that lay studies side by side."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caviar.cli_live import Directory
from caviar.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from caviar.report.exports.material import Material, Tick

    Writer = Callable[..., str]

QUIET_S = 2.0
"""Seconds between two lines of progress, and before the first."""


class Kind(StrEnum):
    """What a study is written as."""

    OPTUNA = "optuna"
    TENSORBOARD = "tensorboard"
    MLFLOW = "mlflow"
    CSV = "csv"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command("export")(export)
    app.command("compare")(compare)


def export(
    directory: Directory,
    kind: Annotated[Kind, typer.Argument(help="What to write it as.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="PATH", help="Where; default: in DIR/exports."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what an earlier export wrote there.")
    ] = False,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="TensorBoard only: go on writing while the study runs."),
    ] = False,
) -> None:
    """Write a study for Optuna's dashboard, TensorBoard, MLflow, or as tables.

    Whole or not at all; the study itself is only read, and may run meanwhile.
    """
    from caviar.report.exports.material import material

    if follow and kind is not Kind.TENSORBOARD:
        raise StudyError(f"--follow: is for tensorboard, got {kind}")
    writer, name = _writer(kind)
    place = output if output is not None else directory / "exports" / name
    if follow:
        _follow(directory, place, force=force)
        return
    found: Material = material(directory)
    opening = writer(found, place, _ticker(kind), force=force)
    trials = len(found.lives)
    typer.echo(f"wrote {trials} trial{'s' * (trials != 1)} to {place}")
    typer.echo(f"see: {opening}")


def compare(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR DIR ...", help="Study directories, two or more.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Lay studies side by side: spaces, settings, costs, the best trials and the winners."""
    from caviar.report.compare import comparison

    if len(directories) < 2:
        raise StudyError("compare: give two study directories or more, got 1")
    told = comparison(directories)
    if json:
        import json as codec

        typer.echo(codec.dumps(told, indent=2, allow_nan=False))
        return
    from rich.console import Console

    from caviar.report.compare_tables import print_comparison

    width = None if sys.stdout.isatty() else 200
    print_comparison(Console(highlight=False, width=width), told)


def _writer(kind: Kind) -> tuple[Writer, str]:
    """What writes a study as that, and what the file or folder is called by default."""
    from caviar.report.exports import mlflow_runs, optuna_storage, table, tensorboard

    return {
        Kind.OPTUNA: (optuna_storage.write, optuna_storage.FILE),
        Kind.TENSORBOARD: (tensorboard.write, tensorboard.FOLDER),
        Kind.MLFLOW: (mlflow_runs.write, mlflow_runs.FILE),
        Kind.CSV: (table.write_csv, "csv"),
        Kind.PARQUET: (table.write_parquet, "parquet"),
    }[kind]


def _follow(directory: Path, place: Path, *, force: bool) -> None:
    """Writes on until the study ends, or Ctrl-C."""
    from caviar.report.exports import tensorboard
    from caviar.report.exports.following import follow

    typer.echo(f"following into {place}; Ctrl-C ends it")
    typer.echo(f"see: {tensorboard.command(place)}")
    try:
        trials = follow(directory, place, force=force)
    except KeyboardInterrupt:
        typer.echo("left off; what was written stays")
    else:
        typer.echo(f"the study is over: {trials} trial{'s' * (trials != 1)} written")


def _ticker(kind: Kind) -> Tick:
    """Says how far it is, on standard error, every two seconds."""
    last = [time.monotonic()]

    def tick(done: int, of: int) -> None:
        now = time.monotonic()
        if now - last[0] >= QUIET_S:
            last[0] = now
            sys.stderr.write(f"{kind}: {done} of {of} trials\n")
            sys.stderr.flush()

    return tick
