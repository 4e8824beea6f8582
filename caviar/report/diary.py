"""The diary of pandas: day by day what was changed, why, and what came of it, as plain data.

It comes from the journal's entries alone. The verdicts are those that the strategy went by.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from caviar.search.choosing import pandas_of
from caviar.search.days import COPY, ROLLBACK, Day, Days
from caviar.search.standing import Standing
from caviar.study.metric_words import metric_value
from caviar.study.records import Change, ChangeKind, Entry, TrialState, Value
from caviar.study.spec import StudySpec
from caviar.study.wording import number, one_line

LINES: Final = 60
"""Days that are printed; of more the latest."""
LEAST_ROOM: Final = 40
"""Columns of the screen that what was changed needs; where fewer are left it goes below."""
INDENT: Final = 6
"""Columns by which it is set in there."""


def is_raised(spec: StudySpec, changes: Iterable[Change]) -> bool:
    """Whether a study raises pandas, by its file or by the choice of the strategy "auto"."""
    if spec.search.strategy != "auto":
        return spec.is_raised
    choice = choice_of(changes)
    return choice is not None and choice.detail["strategy"] == "panda"


def choice_of(changes: Iterable[Change]) -> Change | None:
    """What the strategy "auto" came to, or None."""
    return next((change for change in changes if change.kind is ChangeKind.CHOOSE), None)


def days_of(spec: StudySpec, entries: Iterable[Entry]) -> Days:
    """The days of a study's pandas, as its strategy knows them."""
    days = Days(spec.metric)
    for entry in entries:
        days.take(entry)
    return days


def standing_of_days(days: Days, running: Collection[int] | None = None) -> Standing:
    """How a study of pandas stands.

    Args:
        days: from `days_of`.
        running: trials some slice is at work on; others that were begun are shown as waiting, or
            as paused where they have epochs behind them. None takes all of them for running.
    """
    states = [days.state(trial) for trial in range(len(days.days))]
    if running is not None:
        for trial in days.running - set(running):
            states[trial] = TrialState.PAUSED if days.days[trial].curve else TrialState.WAITING
    return Standing(tuple(states), (), days.best, bests=tuple(day.best for day in days.days))


def wanted_days(spec: StudySpec, days: Days, changes: Iterable[Change]) -> int:
    """How many trials there are to be if every panda has all its days."""
    choice = choice_of(changes)
    pandas = pandas_of(spec)
    if choice is not None:
        pandas = spec.panda.pandas or int(choice.detail["pandas"])
    others = sum(not day.number for day in days.days)
    return others + pandas * spec.panda.days


def diary(days: Days, running: Collection[int] | None = None) -> list[dict[str, Any]]:
    """A row a day, by panda and day.

    Args:
        days: from `days_of`.
        running: trials some slice is at work on; None takes all that were begun for running.

    Returns:
        Of each day `panda`, `day`, `trial`, `from` (the day it went on from; 0: its panda's
        beginning; of a copy the other panda's), `copied_from` (that panda, or None), `rolled_back`,
        `first_epoch` and `last_epoch` (those trained), `changed` (by name the value before and
        after), `why`, `train_loss`, `dev_loss`, `dev_accuracy` (at its last epoch) and `verdict`
        ("running" before there is one, or "waiting" while no slice is at work on it).
    """
    at_work = days.running if running is None else running
    return [
        _row(panda.number, day, panda.days[place - 1] if place else None)
        | {"verdict": str(day.verdict or ("running" if day.trial.index in at_work else "waiting"))}
        for panda in days.pandas
        for place, day in enumerate(panda.days)
    ]


def print_days_to_come(console: Console, spec: StudySpec) -> None:
    """What a study of pandas amounts to before it runs."""
    pandas, days, epochs = pandas_of(spec), spec.panda.days, spec.panda.day_epochs
    each = f"{days} day{'s' * (days != 1)} of {epochs} epoch{'s' * (epochs != 1)}"
    count = f"{pandas} panda{'s' * (pandas != 1)}, {each}" + ", each" * (pandas != 1)
    console.print(f"{count}: at most {pandas * days * epochs} trial-epochs", markup=False)


def print_diary(console: Console, told: Mapping[str, Any]) -> None:
    """The diary of an account as a table."""
    rows: Sequence[Mapping[str, Any]] = told["diary"]
    if not rows:
        return
    shown = sorted(sorted(rows, key=lambda row: row["trial"])[-LINES:], key=_order)
    several = len({row["panda"] for row in rows}) > 1
    heads = ["panda"] * several + ["day", "from", "trial", "epochs", "train loss"]
    heads += ["dev accuracy", "verdict", "what was changed, and why"]
    table = [heads, *([str(row["panda"])] * several + _cells(row) for row in shown)]
    _print_table(console, table)
    if len(shown) < len(rows):
        console.print(f"the last {len(shown)} of {len(rows)} days; --json has all", markup=False)


def _print_table(console: Console, table: Sequence[Sequence[str]]) -> None:
    """Rows of cells, the heads first; the last cell below the others where it has no room."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)][:-1]
    room = console.width - sum(widths) - 2 * len(widths)
    for place, (*cells, last) in enumerate(table):
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        style = "bold" if place == 0 else ""
        if room >= LEAST_ROOM:
            row = Table.grid(padding=(0, 2, 0, 0))
            row.add_column(no_wrap=True)
            row.add_column(overflow="fold")
            row.add_row(Text(line, style), Text(last, style))
            console.print(row)
            continue
        console.print(Text(line.rstrip(), style, no_wrap=True))
        console.print(Padding(Text(last, style), (0, 0, 0, INDENT)))


def _order(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["panda"], row["day"]


def _cells(row: Mapping[str, Any]) -> list[str]:
    changed = ", ".join(
        f"{name} {_told(before)} -> {_told(after)}"
        for name, (before, after) in row["changed"].items()
    )
    why = one_line(row["why"]) + (f" ({changed})" if changed else "")
    source = str(row["from"])
    if row["copied_from"] is not None:
        source = f"{row['copied_from']}:{source}"
    return [
        str(row["day"]),
        source,
        str(row["trial"]),
        *_numbers(row),
        row["verdict"],
        why,
    ]


def _numbers(row: Mapping[str, Any]) -> list[str]:
    """The epochs of a day, its training loss and dev accuracy."""
    first, last = row["first_epoch"], row["last_epoch"]
    if last < first:  # it has only just begun
        return [f"{first}-", "-", "-"]
    metrics = ("train_loss", "dev_accuracy")
    return [f"{first}-{last}", *(_metric(name, row[name]) for name in metrics)]


def _row(panda: int, day: Day, previous: Day | None) -> dict[str, Any]:
    last = day.curve[-1] if day.curve else None
    is_copy = day.trial.origin == COPY
    compared = day.before if is_copy or previous is None else previous
    first = day.trial.first_epoch + 1
    return {
        "panda": panda,
        "day": day.number,
        "trial": day.trial.index,
        "from": day.before.number if day.before is not None else 0,
        "copied_from": day.before.trial.draw if is_copy and day.before is not None else None,
        "rolled_back": day.trial.origin == ROLLBACK,
        "first_epoch": first,
        "last_epoch": last.epoch if last is not None else first - 1,
        "changed": _changes(compared, day),
        "why": day.trial.why,
        "train_loss": _finite(last.train_loss) if last is not None else None,
        "dev_loss": _finite(last.dev_loss) if last is not None else None,
        "dev_accuracy": _finite(last.dev_accuracy) if last is not None else None,
    }


def _changes(before: Day | None, day: Day) -> dict[str, list[Value | None]]:
    if before is None:
        return {}
    one, other = before.trial.hyperparameters, day.trial.hyperparameters
    names = dict.fromkeys([*one, *other])
    return {n: [one.get(n), other.get(n)] for n in names if one.get(n) != other.get(n)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _told(value: Value | None) -> str:
    return "-" if value is None else number(value)


def _metric(name: str, value: float | None) -> str:
    return "not finite" if value is None else metric_value(name, value)
