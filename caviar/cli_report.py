"""The command that writes a study's report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caviar.cli_live import Directory


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("report")(report)


def report(
    directory: Directory,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="Where to write it; default: DIR/report.html."
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    png: Annotated[
        Path | None,
        typer.Option("--png", metavar="FOLDER", help="Write the main plots there as PNG as well."),
    ] = None,
) -> None:
    """Write the report: one HTML file that opens without a network, also while a study runs."""
    from caviar.report.page.writing import write_report

    path = write_report(directory, output)
    typer.echo(f"wrote {path}")
    if png is not None:
        from caviar.report.page.png import write_pictures

        count = write_pictures(directory, png)
        typer.echo(f"wrote {count} plots to {png}")
    if open_:
        import webbrowser

        if not webbrowser.open(path.resolve().as_uri()):
            typer.echo("no browser was found; open the file yourself")
