"""A comparison of studies as tables for a terminal, a column a study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from caviar.study.expenses import epochs_told, slice_hours_told
from caviar.study.metric_words import metric_value, span
from caviar.study.wording import configuration, duration, one_line, show, states

Told = dict[str, Any]

_TEST: Final = "test_accuracy"
NONE: Final = "-"
"""What stands where a study has no such thing."""


def print_comparison(console: Console, told: Told) -> None:
    """Prints what `caviar.report.compare.comparison` found."""
    studies = told["studies"]
    labels = [study["label"] for study in studies]
    rows = [(name, [cell(study) for study in studies]) for name, cell in _ROWS.items()]
    _print_table(console, ["", *labels], rows)
    for title, key in (("space", "space"), ("setting", "settings")):
        differing = [(row["name"], [*map(_shown, row["values"])]) for row in told[key]]
        console.print()
        if differing:
            _print_table(console, [title, *labels], differing)
        else:
            console.print(f"{title}s are the same" if key == "settings" else "same space")
    if told["remarks"]:
        console.print()
    for remark in told["remarks"]:
        console.print(f"note: {one_line(remark)}", markup=False)


def _print_table(
    console: Console, heads: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]
) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(Text(one_line(head)), no_wrap=number == 0, overflow="fold")
    for name, cells in rows:
        table.add_row(Text(one_line(name)), *(Text(one_line(cell)) for cell in cells))
    console.print(table)


def _shown(value: object) -> str:
    """A setting as in the study file; the words of an axis as they are."""
    return NONE if value is None else value if isinstance(value, str) else show(value)


def _data(study: Told) -> str:
    data = study["data"]
    if not data:
        return NONE
    parts = ", ".join(f"{part} {data[part]}" for part in ("train", "dev", "test") if part in data)
    name = f"{data.get('name') or ''} {data.get('version') or ''}".strip()
    return f"{name} ({parts})" if parts else name


def _fingerprint(study: Told) -> str:
    return str(study["data"].get("fingerprint", NONE))[:12]


def _best(study: Told) -> str:
    best = study["best"]
    if best is None:
        return NONE
    value = _metric(study["metric"], best.get(study["metric"]))
    return f"{value} (trial {best['trial']}, epoch {best['epoch']})"


def _winner(study: Told) -> str:
    winner = study["winner"]
    if winner is None:
        return NONE
    seeds = len(winner["values"])
    over = f" over {seeds} seed{'s' * (seeds != 1)}" if seeds else ""
    return f"{winner['name']}: {_interval(study['metric'], winner)}{over}"


def _with(study: Told) -> str:
    """The hyperparameters of the winner, or of the best trial."""
    found = study["winner"] or study["best"]
    return configuration(found["hyperparameters"]) if found else NONE


def _baseline(study: Told) -> str:
    beats = (study["winner"] or {}).get("beats_baseline")
    return NONE if beats is None else "yes" if beats else "not shown"


def _test(study: Told) -> str:
    test = (study["winner"] or {}).get("test")
    if not test:
        return NONE
    ends = span(_TEST, test.get("sampling") or {})
    by_chance = f", which alone leave {ends}" if ends else ""
    return f"{_interval(_TEST, test)} on {test['examples']} examples{by_chance}"


def _interval(metric: str, found: Told) -> str:
    ends = span(metric, found)
    return _metric(metric, found.get("mean")) + (f" ({ends})" if ends else "")


def _metric(metric: str, value: float | None) -> str:
    return NONE if value is None else metric_value(metric, value)


_ROWS: Final[dict[str, Callable[[Told], str]]] = {
    "directory": lambda study: study["directory"],
    "status": lambda study: study["status"],
    "strategy": lambda study: study["strategy"],
    "data": _data,
    "fingerprint": _fingerprint,
    "metric": lambda study: study["metric"],
    "trials": lambda study: states(study["trials"]) or NONE,
    "trial-epochs": lambda study: epochs_told(study["cost"]).replace(" trial-epochs", "", 1),
    "slice-hours": lambda study: slice_hours_told(study["cost"]).replace(" slice-hours", "", 1),
    "time": lambda study: duration(study["cost"]["elapsed_s"]),
    "best trial": _best,
    "winner": _winner,
    "with": _with,
    "beats its baseline": _baseline,
    "test accuracy": _test,
}
"""What is told of every study."""
