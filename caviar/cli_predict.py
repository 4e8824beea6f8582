"""The command for those who use what was found: predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_MOST = 10
"""Classes that a line tells of."""
_LEAST = 5e-5
"""A less likely class would read 0.0000 and is left out."""


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
    """Ask a study's winner about new examples: a line each, the likeliest class first.

    Examples are given as they lie in the study's data; nothing is scaled beforehand. A table's
    columns are found by their names, and what was filled in for training is filled in here.
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
    wide = len(str(len(found.probabilities) - 1))
    for row in range(len(found.probabilities)):
        (name, most), *others = found.likeliest(row, _MOST)
        told = "".join(f"  {one_line(other)} {p:.4f}" for other, p in others if p >= _LEAST)
        typer.echo(f"{row:>{wide}}: {one_line(name)} {most:.4f}{' ' * bool(told)}{told}")
