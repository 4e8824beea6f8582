"""Rounds of a search on a terminal: one line each, and the last one's box in full.

What a line has no room for is in `caviar show --json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from caviar.study.metric_words import metric_value
from caviar.study.wording import number, one_line

MOST_CHOICES: Final = 4
"""Choices of a box that are named."""


def print_rounds(console: Console, told: dict[str, Any]) -> None:
    """Every round in a line, then where the last one searches.

    Args:
        console: where to.
        told: as `caviar.report.account.account` tells it.
    """
    found = told["rounds"]
    if not found:
        _line(console, f"no rounds: {_why_none(told['searcher'])}")
        return
    metric = told["metric"]
    headings = ("round", "stands on", "in the box", "best", "controls", "best", "width", "why")
    console.print(_table(headings, [_cells(row, metric) for row in found], overflow="ellipsis"))
    _line(console, _origins(told))
    _print_box(console, found[-1])


def _why_none(searcher: str) -> str:
    """Why a search has no rounds, or none yet; pandas have no searcher."""
    if not searcher:
        return "pandas do not search"
    only = f'only searcher = "zoom" narrows, and this one is "{searcher}"'
    return "the search has not begun to narrow" if searcher == "zoom" else only


def _print_box(console: Console, row: dict[str, Any]) -> None:
    """Where a round draws from."""
    trials = f"{row['stands_on']} trial{'s' * (row['stands_on'] != 1)}"
    why = f": {one_line(row['why'])}" if row["why"] else ""
    _line(console, f"round {row['number']} stands on {trials}{why}")
    rows = [
        (axis["name"], _stretch(axis), _range(axis), _share(axis), one_line(axis["why"]))
        for axis in row["axes"]
    ]
    headings = ("hyperparameter", "box", "of", "share", "why")
    console.print(_table(headings, rows, overflow="fold"))


def _cells(row: dict[str, Any], metric: str) -> tuple[str, ...]:
    """A round's line."""
    box, control = row["drawn"]["box"], row["drawn"]["control"]
    return (
        str(row["number"]),
        str(row["stands_on"]),
        str(box["trials"]),
        _best(box, metric),
        str(control["trials"]),
        _best(control, metric),
        f"{100 * _width(row):.0f} %",
        one_line(row["why"]),
    )


def _origins(told: dict[str, Any]) -> str:
    """How many trials came from where, the cover among them, which is no round."""
    parts = (
        f"{tally['trials']} {one_line(origin)} (best {_best(tally, told['metric'])})"
        for origin, tally in told["origins"].items()
    )
    return f"trials by origin: {', '.join(parts) or 'none'}"


def _width(row: dict[str, Any]) -> float:
    """How wide a box is: the mean share of its hyperparameters' ranges."""
    shares = [axis["share"] for axis in row["axes"]]
    return float(sum(shares) / max(1, len(shares)))


def _stretch(axis: dict[str, Any]) -> str:
    if "values" not in axis:
        return _from_to(axis["low"], axis["high"])
    values = axis["values"]
    shown = " ".join(map(number, values[:MOST_CHOICES]))
    left = len(values) - MOST_CHOICES
    return one_line(shown if left <= 0 else f"{shown} and {left} more")


def _range(axis: dict[str, Any]) -> str:
    """What the share is of; choices are too many to be told twice."""
    if "values" in axis:
        return f"{round(len(axis['values']) / axis['share'])} choices"
    return _from_to(*axis["bounds"]) + (" (grown)" if axis["grown"] else "")


def _from_to(low: Any, high: Any) -> str:
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def _share(axis: dict[str, Any]) -> str:
    percent = 100 * axis["share"]
    return f"{percent:.0f} %" if percent >= 1 else f"{percent:.1g} %"


def _best(tally: dict[str, Any], metric: str) -> str:
    best = tally["best"]
    if best is None:
        return "-"
    return metric_value(metric, best[metric])


def _table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], overflow: Literal["fold", "ellipsis"]
) -> Table:
    """A table whose last column alone gives way on a narrow terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, *cells in list(zip(headings, *rows, strict=True))[:-1]:
        table.add_column(heading, no_wrap=True, min_width=max(map(len, (heading, *cells))))
    table.add_column(headings[-1], no_wrap=overflow == "ellipsis", overflow=overflow)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False)
