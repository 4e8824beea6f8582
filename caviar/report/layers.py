"""What was watched of a trial's layers, as tables that fit 80 columns however deep the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

SHOWN: Final = 8
"""Columns beside the epoch: of deeper networks so many layers are shown, evenly spaced."""

_Column = tuple[str, str, int, Callable[[float | None], str]]
"""Heading, key of the numbers, place among them, wording."""


def print_layers(console: Console, curve: list[dict[str, Any]]) -> None:
    """Gradient norm, weight norm and idle share of each layer, an epoch a line.

    Args:
        console: where to.
        curve: a trial's epochs as `caviar.report.account.course` tells them.
    """
    watched = [row for row in curve if row["watch"]]
    if not watched:
        return
    layers = len(watched[-1]["watch"]["weight_norm"])
    left_out = f"; {SHOWN} of {layers} (--json: all)" if layers > SHOWN else ""
    head = f"layer by layer: gradient norm, weight norm, idle units{left_out}"
    console.print(head, markup=False)
    for columns in _tables(layers):
        console.print(_table(watched, columns))


def _tables(layers: int) -> list[list[_Column]]:
    """What goes side by side: all three where they fit."""
    groups = [
        _columns("grad", "gradient_norm", layers, layers, _norm),
        _columns("weights", "weight_norm", layers, layers, _norm),
        _columns("idle", "idle", layers - 1, layers, _share),
    ]
    tables: list[list[_Column]] = [[]]
    for group in groups:
        if len(tables[-1]) + len(group) > SHOWN:
            tables.append([])
        tables[-1] += group
    return [table for table in tables if table]


def _columns(
    word: str, key: str, count: int, layers: int, worded: Callable[[float | None], str]
) -> list[_Column]:
    """A column a layer, or `SHOWN` of them; the first and the last are always among them."""
    steps = min(count, SHOWN)
    places = [round(step * (count - 1) / max(1, steps - 1)) for step in range(steps)]
    names = ["out" if place == layers - 1 else str(place + 1) for place in places]
    return [
        (f"{word}\n{name}", key, place, worded) for name, place in zip(names, places, strict=True)
    ]


def _table(watched: Sequence[dict[str, Any]], columns: Sequence[_Column]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("\nepoch", no_wrap=True)
    for heading, *_ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in watched:
        cells = [worded(row["watch"][key][place]) for _, key, place, worded in columns]
        table.add_row(str(row["epoch"]), *cells)
    return table


def _norm(value: float | None) -> str:
    """A norm in at most 7 characters."""
    if value is None:
        return "inf/nan"
    plain = value == 0 or 1e-3 <= value < 999.5
    return f"{value:.3g}" if plain else f"{value:.1e}"


def _share(value: float | None) -> str:
    return "inf/nan" if value is None else f"{100 * value:.0f} %"
