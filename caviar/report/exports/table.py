"""A study as plain tables, CSV or Parquet: a row a trial, and a row a measurement.

A hyperparameter that a trial does not have is an empty cell, a loss that is not a number is `nan`.
Parquet keeps the kinds: a column of whole numbers, of numbers, of booleans or of text.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from caviar.report.exports.material import METRICS, Life, Material, Tick
from caviar.report.exports.placing import placed_folder

Table = Mapping[str, Sequence[Any]]
"""By column, its cells; None is an empty one."""

TRIALS: Final = "trials"
MEASUREMENTS: Final = "measurements"
"""What the two files are called, but for how they end."""
_ORDERS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes text that begins with one of these for a formula."""
_GREATEST: Final = 2**63
"""Whole numbers beyond have no column of their own in Parquet."""


def write_csv(material: Material, place: Path, tick: Tick, *, force: bool = False) -> str:
    """Writes the folder with both tables; returns what is in it.

    Raises:
        StudyError: something stands in the way, or the disk said no.
    """
    return _write(material, place, tick, _write_csv, "csv", force=force)


def write_parquet(material: Material, place: Path, tick: Tick, *, force: bool = False) -> str:
    """As `write_csv`."""
    return _write(material, place, tick, _write_parquet, "parquet", force=force)


def trials_table(material: Material) -> dict[str, list[Any]]:
    """A row a trial: where it stands, its best and last measurement, its hyperparameters."""
    evidence = material.evidence
    rows = [_trial_row(life, evidence.metric) for life in material.lives]
    table = _columns(rows)
    names = dict.fromkeys(name for life in material.lives for name in life.trial.hyperparameters)
    for name in [*material.varied, *(name for name in names if name in material.shared)]:
        cells = [life.trial.hyperparameters.get(name) for life in material.lives]
        table[name if name not in table else f"hyperparameter_{name}"] = cells
    return table


def measurements_table(material: Material) -> dict[str, list[Any]]:
    """A row a trial and epoch: losses, accuracies, seconds, and how it ended if it did."""
    return _columns([row for life in material.lives for row in _measurement_rows(life)])


def _trial_row(life: Life, metric: str) -> dict[str, Any]:
    best = life.best
    last = life.curve[-1] if life.curve else None
    trial = life.trial
    return {
        "trial": trial.index,
        "state": str(life.state),
        "epochs": last.epoch if last else trial.first_epoch,
        "best_epoch": best.epoch if best else None,
        f"best_{metric}": getattr(best, metric) if best else None,
        **{f"last_{name}": getattr(last, name) if last else None for name in METRICS},
        "drawn_at": _time(life.times[0]),
        "ended_at": _time(life.times[-1]) if last else None,
        "trained_s": sum((found.elapsed_s for found in life.curve), 0.0),
        "origin": trial.origin,
        "why": trial.why,
        "parent_trial": trial.parent[0] if trial.parent else None,
        "reason": life.reason,
    }


def _measurement_rows(life: Life) -> Iterable[dict[str, Any]]:
    for found, when in zip(life.curve, life.times[1:], strict=True):
        yield {
            "trial": found.trial,
            "epoch": found.epoch,
            **{name: getattr(found, name) for name in METRICS},
            "elapsed_s": found.elapsed_s,
            "committed_at": _time(when),
            "diverged": found.diverged,
            "stopped": found.stopped,
            "reason": found.reason,
        }


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}


def _time(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds")


def _write(
    material: Material,
    place: Path,
    tick: Tick,
    writer: Callable[[Path, Table], None],
    ending: str,
    *,
    force: bool,
) -> str:
    tables = {TRIALS: trials_table(material), MEASUREMENTS: measurements_table(material)}
    with placed_folder(place, force=force) as draft:
        for name, table in tables.items():
            writer(draft / f"{name}.{ending}", table)
    tick(len(material.lives), len(material.lives))
    return f"{place / TRIALS}.{ending} and {place / MEASUREMENTS}.{ending}"


def _write_csv(file: Path, table: Table) -> None:
    with file.open("x", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(map(_cell, table))
        writer.writerows(map(_cell, row) for row in zip(*table.values(), strict=True))


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet runs, and that is one line."""
    if not isinstance(value, str):
        return value
    text = value.replace("\r", " ").replace("\n", " ").replace("\0", " ")
    return f"'{text}" if text.startswith(_ORDERS) else text


def _write_parquet(file: Path, table: Table) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: pa.array(*_typed(cells)) for name, cells in table.items()}
    pq.write_table(pa.table(columns), file)


def _typed(cells: Sequence[Any]) -> tuple[list[Any], Any]:
    """The cells as values of one kind, and the kind."""
    import pyarrow as pa

    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, bool) for cell in known):
        return list(cells), pa.bool_()
    if not known or any(isinstance(cell, bool | str) for cell in known):
        return [None if cell is None else str(cell) for cell in cells], pa.string()
    if all(isinstance(cell, int) and abs(cell) < _GREATEST for cell in known):
        return list(cells), pa.int64()
    return [None if cell is None else float(cell) for cell in cells], pa.float64()
