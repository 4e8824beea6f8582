"""Tables for a terminal: a study before it runs, and how it stands."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from caviar.data.known import known_sizes
from caviar.study.describe import describe
from caviar.study.spec import StudySpec
from caviar.study.wording import configuration, duration, number, states

LEADERS = 10
"""Trials in the leaderboard."""


def print_description(console: Console, spec: StudySpec) -> None:
    """What a study amounts to: the space, the rungs, the cost at most."""
    sizes = known_sizes(spec.data.name)
    told = describe(spec, *sizes) if sizes else describe(spec)
    _line(console, f"study {spec.name}: {spec.search.trials} trials on {spec.data.name}")
    table = _table("hyperparameter", "scale", "low", "high", "at 0.1, 0.3, 0.5, 0.7, 0.9")
    for row in told.rows:
        fixed = row.scale == "fixed"
        high = "" if fixed else number(row.high)
        samples = ", ".join(map(number, row.samples))
        table.add_row(*map(Text, (row.name, row.scale, number(row.low), high, samples)))
    console.print(table)
    rungs = _table("rung (epochs)", "trials at most")
    for epochs, trials in zip(told.rungs, told.trials_at_rung, strict=True):
        rungs.add_row(str(epochs), str(trials))
    console.print(rungs)
    if told.weights:
        least, most = told.weights
        _line(console, f"networks of {least:,} to {most:,} weights")
    else:
        _line(console, "the networks' sizes depend on the data, which have not been read")
    _line(
        console,
        f"{told.trial_epochs} trial-epochs, at most {told.most_trial_epochs} if the best of every "
        f"rung comes last; up to {told.most_compiled_steps} compiled steps on each slice",
    )


def print_account(console: Console, told: dict[str, Any], trial: int | None) -> None:
    """How a study stands: states, rungs, the leaderboard, and one trial's curve if asked."""
    _line(console, f"study {told['study']}: {told['status']}; {states(told['counts'])}")
    pace = f"{told['trial_epochs']} trial-epochs in {duration(told['elapsed_s'])}"
    _line(console, pace)
    rungs = _table("rung (epochs)", "reached", "promoted")
    for rung in told["rungs"]:
        rungs.add_row(str(rung["epoch"]), str(rung["reached"]), str(rung["promoted"]))
    console.print(rungs)
    _print_leaders(console, told)
    if told["best"]:
        best = told["best"]
        _line(
            console,
            f"best: trial {best['trial']} at epoch {best['epoch']}, dev accuracy "
            f"{_metric(best['dev_accuracy'])}, dev loss {_metric(best['dev_loss'])}",
        )
        _line(console, f"  {configuration(best['hyperparameters'])}")
    if trial is not None:
        _print_curve(console, trial, told["curve"])


def _print_leaders(console: Console, told: dict[str, Any]) -> None:
    """The trials that came furthest, and the best of those first."""
    trained = [row for row in told["trials"] if row["epochs"] and row["state"] != "diverged"]
    trained.sort(key=lambda row: (-row["epochs"], -(row["dev_accuracy"] or 0.0), row["trial"]))
    if not trained:
        return
    varied = _varied(told["trials"])
    table = _table("trial", "state", "epochs", "dev accuracy", "dev loss", *varied)
    for row in trained[:LEADERS]:
        scores = (_metric(row["dev_accuracy"]), _metric(row["dev_loss"]))
        values = [number(row["hyperparameters"][name]) for name in varied]
        cells = (str(row["trial"]), row["state"], str(row["epochs"]), *scores, *values)
        table.add_row(*map(Text, cells))
    console.print(table)


def _varied(trials: list[dict[str, Any]]) -> list[str]:
    """Hyperparameters that are not the same everywhere."""
    names = trials[0]["hyperparameters"]
    return [n for n in names if len({row["hyperparameters"][n] for row in trials}) > 1]


def _print_curve(console: Console, trial: int, curve: list[dict[str, Any]]) -> None:
    _line(console, f"trial {trial}")
    table = _table("epoch", "train loss", "train accuracy", "dev loss", "dev accuracy")
    for row in curve:
        table.add_row(str(row["epoch"]), *(_metric(row[key]) for key in list(row)[1:]))
    console.print(table)


def _metric(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4f}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")  # on a narrow terminal the last one gives way
    return table


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False)
