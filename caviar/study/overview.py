"""All trials at a glance: what the command line shows, from few queries whatever their number."""

# The SQL here is put together from names of columns; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from caviar.study import rows
from caviar.study.database import Database
from caviar.study.facts import RungCount, TrialSummary
from caviar.study.records import Measurement


def rungs(database: Database) -> tuple[RungCount, ...]:
    """How many trials were sent to each last epoch, and got there; splits counted once."""
    found = database.rows(
        "SELECT last_epoch, count(*), count(epoch) FROM assignments a"
        " JOIN lanes l USING (assignment)"
        " LEFT JOIN measurements m ON m.trial = l.trial AND m.epoch = a.last_epoch"
        " WHERE parent IS NULL GROUP BY last_epoch ORDER BY last_epoch"
    )
    return tuple(RungCount(*row) for row in found)


def summary(database: Database) -> tuple[TrialSummary, ...]:
    """Every trial at a glance, by index."""
    found = database.rows(
        "SELECT trial, error FROM trials LEFT JOIN failures USING (trial) ORDER BY trial"
    )
    values = _hyperparameters(database)
    last = _extremes(database, "max(epoch)", {})
    accurate = _extremes(database, "max(dev_accuracy)", last)
    low = _extremes(database, "min(dev_loss)", last)
    running = dict(
        database.rows(
            "SELECT trial, max(attempt IS NOT NULL) FROM unfinished u LEFT JOIN attempts t"
            " ON t.assignment = u.assignment AND ended_at IS NULL GROUP BY trial"
        )
    )
    return tuple(
        TrialSummary(
            trial=trial,
            hyperparameters=values[place],
            last=last.get(trial),
            best_accuracy=accurate.get(trial),
            best_loss=low.get(trial),
            diverged=trial in last and last[trial].diverged,
            error=error,
            assigned=trial in running,
            running=bool(running.get(trial)),
        )
        for place, (trial, error) in enumerate(found)
    )


def _hyperparameters(database: Database) -> list[Any]:
    """The trials' hyperparameters, by index: one JSON text parses faster than ten thousand."""
    found = database.rows("SELECT hyperparameters FROM trials ORDER BY trial")
    return list(json.loads(f"[{','.join(text for (text,) in found)}]"))


def _extremes(
    database: Database, extreme: str, known: Mapping[int, Measurement]
) -> dict[int, Measurement]:
    """The measurement of each trial where `extreme` is attained; the earliest of equals.

    Those that are among `known` are shared with it.
    """
    # SQLite takes the other columns from the row of the lone max() or min(), the first of equals
    # as rows come in the index's order (https://sqlite.org/lang_select.html#bareagg).
    found = database.rows(
        f"SELECT {rows.MEASUREMENT}, {extreme} AS extreme FROM measurements"
        " INDEXED BY measurements_by_trial GROUP BY trial HAVING extreme IS NOT NULL"
    )
    return {
        row[0]: known[row[0]]
        if row[0] in known and known[row[0]].epoch == row[1]
        else rows.measurement(row[:-1])
        for row in found
    }
