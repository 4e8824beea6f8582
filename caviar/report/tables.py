"""Tables for a terminal: a study before it runs, and how it stands."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from caviar.data.known import known_sizes
from caviar.report.diary import print_days_to_come, print_diary
from caviar.report.layers import print_layers
from caviar.search.successive_halving import DIRECTION
from caviar.study import expenses
from caviar.study.cost import Cost
from caviar.study.describe import Description, HyperparameterRow, describe
from caviar.study.ladders import numbers
from caviar.study.metric_words import difference, metric_name, metric_value
from caviar.study.records import Value
from caviar.study.remarks import remarks
from caviar.study.spec import StudySpec
from caviar.study.wording import configuration, number, one_line, states

LEADERS = 10
"""Trials in the leaderboard."""
EPOCHS = 40
"""Epochs of a trial that are printed."""
ENDED = 5
"""Trials of which is said why they ended."""
_ENDS = ("diverged", "stopped", "failed")
_METRICS = ("dev_accuracy", "dev_loss")
_LEADER_KEYS = ("trial", "state", "epochs", "origin")
_GAP = 2
"""Characters between columns."""


def print_description(console: Console, spec: StudySpec) -> None:
    """What a study amounts to: the space, the rungs, the cost at most."""
    sizes = known_sizes(spec.data.name)
    told = describe(spec, *sizes) if sizes else describe(spec)
    source = spec.data.name or spec.data.path
    count = "pandas" if spec.is_raised else _trials(told.cost)
    _line(console, f"study {spec.name}: {count} on {source}{_how(spec)}")
    _print_space(console, told.rows)
    _print_constraints(console, told)
    if spec.is_raised:
        print_days_to_come(console, spec)
    else:
        _print_rungs_at_most(console, told.cost)
    if told.weights:
        least, most = told.weights
        from_to = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        _line(console, f"networks of {from_to} weights")
    else:
        _line(console, "the networks' sizes depend on the data, which have not been read")
    most = told.most_compiled_steps
    steps = f"up to {most} compiled step{'s' * (most != 1)} on each slice"
    _line(console, steps if spec.is_raised else f"{_cost(told.cost)}; {steps}")
    for remark in remarks(spec):
        _line(console, f"note: {remark}")


def _how(spec: StudySpec) -> str:
    """Who suggests the trials, and what else may come of it."""
    if spec.is_raised:
        return ""
    auto = "; pandas, if it affords too few trials for a search"
    return f", suggested by {spec.search.searcher}{auto * (spec.search.strategy == 'auto')}"


def _trials(cost: Cost) -> str:
    """How many trials, as far as that is known before."""
    if cost.trials is None:
        return f"as many trials as {cost.budget} allow"
    about = "about " if cost.trial_epochs == cost.most_trial_epochs and cost.budget else ""
    return f"{about}{cost.trials} trial{'s' * (cost.trials != 1)}"


def _print_rungs_at_most(console: Console, cost: Cost) -> None:
    """The rungs, and how many trials come to each at most; the bracket where there are several."""
    brackets = numbers(cost.rungs)
    several = max(brackets) > 1
    columns = (["bracket"] if several else []) + ["rung (epochs)"]
    table = _table(*columns, *(["trials at most"] if cost.trials_at_rung else []))
    counts = cost.trials_at_rung or [None] * len(cost.rungs)
    for bracket, epochs, trials in zip(brackets, cost.rungs, counts, strict=True):
        row = ([bracket] if several else []) + [epochs] + ([] if trials is None else [trials])
        table.add_row(*map(str, row))
    console.print(table)


def _cost(cost: Cost) -> str:
    """The cost in words."""
    if cost.trial_epochs is None:
        return f"it ends after {cost.budget}"
    if cost.trial_epochs == cost.most_trial_epochs:
        return f"the budget of {cost.budget} is spent"
    most = f"at most {cost.most_trial_epochs} if the best of every rung comes last"
    within = f", within {cost.budget}" if cost.budget else ""
    return f"{cost.trial_epochs} trial-epochs, {most}{within}"


def _print_space(console: Console, rows: Iterable[HyperparameterRow]) -> None:
    """What is searched as a table, what is fixed in a line; of either, where it plays."""
    table = _table("hyperparameter", "scale", "low", "high", "at 0.1, 0.3, 0.5, 0.7, 0.9")
    fixed = []
    for row in rows:
        where = f"where {row.when}" if row.when else ""
        if row.scale == "fixed":
            fixed.append(f"{row.name} {number(row.low)}" + (f" ({where})" if where else ""))
            continue
        grows = "may grow to {} and {}".format(*map(number, row.grows)) if row.grows else ""
        told = "; ".join(filter(None, (", ".join(map(number, row.samples)), where, grows)))
        bounds = (number(row.low), number(row.high))
        table.add_row(*map(Text, (row.name, row.scale, *bounds, told)))
    if table.rows:
        console.print(table)
    if fixed:
        _line(console, f"fixed: {', '.join(fixed)}")


def _print_constraints(console: Console, told: Description) -> None:
    """What points must fulfil, and how many of them do."""
    for constraint in told.constraints:
        _line(console, f"where: {constraint}")
    if told.constraints:
        share = f"about {100 * told.feasible:.3g}" if told.feasible else "less than 0.1"
        _line(console, f"  {share} % of the space is feasible")


def print_account(console: Console, told: dict[str, Any], trial: int | None) -> None:
    """How a study stands: states, rungs, the leaderboard, and one trial's curve if asked."""
    status, ending = told["status"], one_line(told["ending"])
    if ending:  # "stopped by a person" says that it is stopped
        status = ending if ending.startswith(status) else f"{status}, {ending}"
    _line(console, f"study {told['study']}: {status}; {states(told['counts'])}")
    _line(console, expenses.told(told["cost"]))
    for asked in told["asked"]:
        _line(console, f"asked for, not taken yet: {one_line(asked)}")
    if told["choice"]:
        _line(console, one_line(told["choice"]))
    if told["diary"]:
        print_diary(console, told)
    else:
        _print_rungs(console, told)
        _print_leaders(console, told)
        _print_ended(console, told["trials"])
    if told["best"]:
        best = told["best"]
        scores = ", ".join(
            f"{metric_name(key)} {_metric(key, best[key])}" for key in _metrics(told)
        )
        _line(console, f"best: trial {best['trial']} at epoch {best['epoch']}, {scores}")
        _line(console, f"  {configuration(best['hyperparameters'])}")
    if told["noise"]:
        noise = difference(told["metric"], told["noise"])
        _line(console, f"differences of {metric_name(told['metric'])} up to {noise} are noise")
    for edge in told["edges"]:
        _line(console, edge["line"])
    if trial is not None:
        _print_trial(console, told["trials"][trial])
        curve = _thinned(told["curve"])
        _print_curve(console, curve)
        print_layers(console, curve)
        if len(curve) < len(told["curve"]):
            shown = f"{len(curve)} of {len(told['curve'])} epochs"
            _line(console, f"{shown}, evenly spaced; --json has all")
        for sentence in told["findings"]:
            _line(console, sentence)


def _print_rungs(console: Console, told: dict[str, Any]) -> None:
    several = any(rung["bracket"] > 1 for rung in told["rungs"])
    rungs = _table(*["bracket"] * several, "rung (epochs)", "reached", "promoted")
    for rung in told["rungs"]:
        cells = [rung["bracket"]] * several + [rung[k] for k in ("epoch", "reached", "promoted")]
        rungs.add_row(*map(str, cells))
    console.print(rungs)


def _print_leaders(console: Console, told: dict[str, Any]) -> None:
    """The trials that came furthest, and the best of those first."""
    trained = [row for row in told["trials"] if row["epochs"] and row["state"] != "diverged"]
    trained.sort(key=lambda row: (-row["epochs"], *_order(row, told["metric"])))
    if not trained:
        return
    keys = _LEADER_KEYS if len(told["origins"]) > 1 else _LEADER_KEYS[:-1]
    columns = [_leader_column(told, trained[:LEADERS], key) for key in keys]
    columns += [_leader_column(told, trained[:LEADERS], key) for key in _metrics(told)]
    varied = _varied(told["trials"])
    columns += [_leader_column(told, trained[:LEADERS], name) for name in varied]
    shown = _fitting(columns, console.width, at_least=len(columns) - len(varied))
    table = _table(*(heading for heading, *_ in columns[:shown]))
    for cells in zip(*(cells for _, *cells in columns[:shown]), strict=True):
        table.add_row(*map(Text, cells))
    console.print(table)
    if shown < len(columns):
        hidden = ", ".join(heading for heading, *_ in columns[shown:])
        _line(console, f"no room for {hidden}; --trial N tells all of a trial, --json of every one")


def _leader_column(told: dict[str, Any], rows: list[dict[str, Any]], key: str) -> list[str]:
    """A column of the leaderboard: its heading, and what stands below."""
    if key in _LEADER_KEYS:
        return [key, *(str(row[key]) for row in rows)]
    if key in _metrics(told):
        return [metric_name(key), *(_metric(key, row[key]) for row in rows)]
    return [key, *(_value(row["hyperparameters"].get(key)) for row in rows)]


def _fitting(columns: list[list[str]], width: int, at_least: int) -> int:
    """How many columns stand side by side in so many characters; so many are needed anyway."""
    ends = list(accumulate(max(map(len, column)) + _GAP for column in columns))
    return max(at_least, sum(end - _GAP <= width for end in ends))


def _varied(trials: list[dict[str, Any]]) -> list[str]:
    """Hyperparameters that are not the same wherever they play."""
    names = dict.fromkeys(name for row in trials for name in row["hyperparameters"])
    found = {n: {row["hyperparameters"].get(n) for row in trials} - {None} for n in names}
    return [name for name in names if len(found[name]) > 1]


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


def _print_trial(console: Console, row: dict[str, Any]) -> None:
    """What a trial is, and how far it came."""
    epochs = f"{row['epochs']} epoch{'s' * (row['epochs'] != 1)}"
    _line(console, f"trial {row['trial']}: {row['state']}, {epochs} trained")
    _line(console, f"  {configuration(row['hyperparameters'])}")


def _thinned(curve: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most `EPOCHS` of a curve's epochs, the first and the last among them."""
    steps = min(len(curve), EPOCHS)
    return [curve[round(step * (len(curve) - 1) / max(1, steps - 1))] for step in range(steps)]


def _print_curve(console: Console, curve: list[dict[str, Any]]) -> None:
    if not curve:
        return
    keys = ("train_loss", "train_accuracy", "dev_loss", "dev_accuracy")
    table = _table("epoch", *map(metric_name, keys))
    for row in curve:
        table.add_row(str(row["epoch"]), *(_metric(key, row[key]) for key in keys))
    console.print(table)


def _metric(metric: str, value: float | None) -> str:
    return "not finite" if value is None else metric_value(metric, value)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")  # on a narrow terminal the last one gives way
    return table


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False)
