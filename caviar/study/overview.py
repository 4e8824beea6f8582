"""All trials at a glance: what the command line shows, from few queries whatever their number."""

# The SQL here is put together from names of columns; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

import json
from typing import Any

from caviar.study import details, rows
from caviar.study.database import Database
from caviar.study.facts import TrialSummary
from caviar.study.records import Measurement


def summary(database: Database) -> tuple[TrialSummary, ...]:
    """Every trial at a glance, by index."""
    found = database.rows(
        "SELECT trial, error FROM trials LEFT JOIN failures USING (trial) ORDER BY trial"
    )
    values = _hyperparameters(database)
    last = _last(database)
    running = {trial for (trial,) in database.rows(
        "SELECT trial FROM unfinished JOIN attempts USING (assignment) WHERE ended_at IS NULL"
    )}  # fmt: skip
    return tuple(
        TrialSummary(trial, values[place], last.get(trial), error, trial in running)
        for place, (trial, error) in enumerate(found)
    )


def _hyperparameters(database: Database) -> list[Any]:
    """The trials' hyperparameters, by index: one JSON text parses faster than ten thousand."""
    found = database.rows("SELECT hyperparameters FROM trials ORDER BY trial")
    values = list(json.loads(f"[{','.join(text for (text,) in found)}]"))
    for trial, one in enumerate(values):
        details.check_values(one, trial)
    return values


def _last(database: Database) -> dict[int, Measurement]:
    """The latest measurement of each trial."""
    # SQLite takes the other columns from the row of the lone max()
    # (https://sqlite.org/lang_select.html#bareagg).
    columns = rows.columns(rows.MEASUREMENT, database.version)
    found = database.rows(
        f"SELECT {columns}, max(epoch) FROM measurements"
        " INDEXED BY measurements_by_trial GROUP BY trial"
    )
    return {row[0]: rows.measurement(row[:-1]) for row in found}
