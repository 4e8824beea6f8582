"""Tables for a terminal: a study before it runs, and how it stands."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from caviar.data.known import known_sizes
from caviar.report.layers import print_layers
from caviar.search.successive_halving import DIRECTION
from caviar.study.describe import HyperparameterRow, describe
from caviar.study.records import Value
from caviar.study.spec import StudySpec
from caviar.study.wording import configuration, duration, number, one_line, states

LEADERS = 10
"""Trials in the leaderboard."""
ENDED = 5
"""Trials of which is said why they ended."""
_ENDS = ("diverged", "stopped", "failed")
_METRICS = ("dev_accuracy", "dev_loss")


def print_description(console: Console, spec: StudySpec) -> None:
    """What a study amounts to: the space, the rungs, the cost at most."""
    sizes = known_sizes(spec.data.name)
    told = describe(spec, *sizes) if sizes else describe(spec)
    source = spec.data.name or spec.data.path
    _line(console, f"study {spec.name}: {spec.search.trials} trials on {source}")
    _print_space(console, told.rows)
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


def _print_space(console: Console, rows: Iterable[HyperparameterRow]) -> None:
    """What is searched as a table, what is fixed in a line; of either, where it plays."""
    table = _table("hyperparameter", "scale", "low", "high", "at 0.1, 0.3, 0.5, 0.7, 0.9")
    fixed = []
    for row in rows:
        where = f"where {row.when}" if row.when else ""
        if row.scale == "fixed":
            fixed.append(f"{row.name} {number(row.low)}" + (f" ({where})" if where else ""))
            continue
        told = "; ".join(filter(None, (", ".join(map(number, row.samples)), where)))
        bounds = (number(row.low), number(row.high))
        table.add_row(*map(Text, (row.name, row.scale, *bounds, told)))
    if table.rows:
        console.print(table)
    if fixed:
        _line(console, f"fixed: {', '.join(fixed)}")


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
    _print_ended(console, told["trials"])
    if told["best"]:
        best = told["best"]
        scores = ", ".join(f"{_spaced(key)} {_metric(best[key])}" for key in _metrics(told))
        _line(console, f"best: trial {best['trial']} at epoch {best['epoch']}, {scores}")
        _line(console, f"  {configuration(best['hyperparameters'])}")
    if trial is not None:
        _print_curve(console, trial, told["curve"])
        print_layers(console, told["curve"])
        for sentence in told["findings"]:
            _line(console, sentence)


def _print_leaders(console: Console, told: dict[str, Any]) -> None:
    """The trials that came furthest, and the best of those first."""
    trained = [row for row in told["trials"] if row["epochs"] and row["state"] != "diverged"]
    trained.sort(key=lambda row: (-row["epochs"], *_order(row, told["metric"])))
    if not trained:
        return
    varied = _varied(told["trials"])
    table = _table("trial", "state", "epochs", *map(_spaced, _metrics(told)), *varied)
    for row in trained[:LEADERS]:
        scores = [_metric(row[key]) for key in _metrics(told)]
        values = [_value(row["hyperparameters"].get(name)) for name in varied]
        cells = (str(row["trial"]), row["state"], str(row["epochs"]), *scores, *values)
        table.add_row(*map(Text, cells))
    console.print(table)


def _varied(trials: list[dict[str, Any]]) -> list[str]:
    """Hyperparameters that are not the same everywhere."""
    names = dict.fromkeys(name for row in trials for name in row["hyperparameters"])
    return [n for n in names if len({row["hyperparameters"].get(n) for row in trials}) > 1]


def _value(value: Value | None) -> str:
    """A hyperparameter's value; one that a condition leaves out has none."""
    return "-" if value is None else number(value)


def _metrics(told: dict[str, Any]) -> list[str]:
    """The dev metrics, and whatever else trials are compared by."""
    return list(dict.fromkeys([*_METRICS, told["metric"]]))


def _order(row: dict[str, Any], metric: str) -> tuple[float, int]:
    """Sorts rows, best first."""
    value = row[metric]
    return (math.inf if value is None else DIRECTION[metric] * value, row["trial"])


def _print_ended(console: Console, trials: list[dict[str, Any]]) -> None:
    """Why trials came to an early end, of the first few that did."""
    ended = [row for row in trials if row["state"] in _ENDS and row["reason"]]
    if not ended:
        return
    table = _table("trial", "state", "epochs", "why")
    for row in ended[:ENDED]:
        cells = (str(row["trial"]), row["state"], str(row["epochs"]), one_line(row["reason"]))
        table.add_row(*map(Text, cells))
    console.print(table)
    if len(ended) > ENDED:
        _line(console, f"and {len(ended) - ENDED} more; --json tells of all")


def _print_curve(console: Console, trial: int, curve: list[dict[str, Any]]) -> None:
    _line(console, f"trial {trial}")
    keys = ("train_loss", "train_accuracy", "dev_loss", "dev_accuracy")
    table = _table("epoch", *map(_spaced, keys))
    for row in curve:
        table.add_row(str(row["epoch"]), *(_metric(row[key]) for key in keys))
    console.print(table)


def _spaced(key: str) -> str:
    return key.replace("_", " ")


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
