"""What a gradient check found, for a terminal."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from caviar.study.wording import configuration

if TYPE_CHECKING:
    from caviar.train.gradcheck import Checked


def print_checked(console: Console, checked: Checked, searched: Collection[str]) -> None:
    """One trial's check: every array, and all of them together.

    Args:
        console: where to.
        checked: what was found.
        searched: the hyperparameters that tell trials apart.
    """
    check, layers = checked.check, 1 + max(array.layer for array in checked.check.arrays)
    values = {n: v for n, v in checked.trial.hyperparameters.items() if n in searched}
    _line(console, f"trial {checked.trial.index}: {configuration(values)}")
    if checked.off:
        _line(console, f"  switched off, since they draw at random: {', '.join(checked.off)}")
    if checked.broken:
        layer, name = checked.broken
        _line(console, f"  planted: {_place(layer, layers)} {name} a thousandth too large")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "gradient", "relative difference", "entries", "kinks left out", "verdict"):
        table.add_column(column, no_wrap=True)
    for array in check.arrays:
        numbers = (f"{array.gradient:.3g}", f"{array.relative:.1e}")
        counts = (str(array.checked), str(array.kinks))
        place = f"  {_place(array.layer, layers)} {array.name}"
        table.add_row(*map(Text, (place, *numbers, *counts, str(array.verdict))))
    console.print(table)
    _line(console, f"  all together: {check.relative:.1e}: {check.verdict}")


def _place(layer: int, layers: int) -> str:
    return "output" if layer == layers - 1 else f"layer {layer + 1}"


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False)
