"""The command for those who use what was found: predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_ALL = 10
"""Up to so many classes a line tells of all."""
_SOME = 5
"""Of more classes, how many."""


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("predict")(predict)


def predict(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The study directory, with a winner in it.")
    ],
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A .npz with an array x, a .csv, or an image."),
    ],
    json: Annotated[bool, typer.Option("--json", help="As JSON, all probabilities.")] = False,
) -> None:
    """Ask a study's winner about new examples: a line each, its class and the probabilities.

    Examples are given as they lie in the study's data: nothing is scaled beforehand. Of a table
    the columns are found by their names; missing values must be filled in first.
    """
    from caviar.study.wording import one_line
    from caviar.winner.predict import Winner

    found = Winner.load(directory).of_file(file)
    if found.remark:
        typer.echo(found.remark, err=True)
    if json:
        import json as writer

        typer.echo(writer.dumps(found.to_json()))
        return
    most = len(found.classes) if len(found.classes) <= _ALL else _SOME
    wide = len(str(len(found.names) - 1))
    for row, name in enumerate(found.names):
        told = "  ".join(f"{one_line(a)} {p:.4f}" for a, p in found.likeliest(row, most))
        typer.echo(f"{row:>{wide}}: {one_line(name)}   {told}")
