"""Everything a journal can be asked: typed, read-only, in SQL that stays fast at 10,000 trials."""

# The SQL here is put together from names of columns and tables; values are always bound.
# ruff: noqa: S608

from __future__ import annotations

import heapq
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from operator import itemgetter
from types import TracebackType
from typing import Any, Final, Self

from caviar.study import lease, overview, rows
from caviar.study.checkpoints import CheckpointStore
from caviar.study.database import Database, sound_rows
from caviar.study.facts import (
    Attempt,
    CheckpointRecord,
    Event,
    OpenAssignment,
    Request,
    TrialSummary,
)
from caviar.study.records import (
    Assignment,
    Change,
    Entry,
    Measurement,
    Round,
    Settled,
    Signature,
    Trial,
)

_Ordered = tuple[int, Callable[[], Entry]]

_ANY_EPOCH: Final = 2**62


class Reads:
    """What a journal knows. `Journal` adds how it is written.

    Attributes:
        directory: the study's.
        spec_json: the study as asked.
        fingerprint: what a study file must agree with to go on with this study.
        created_at: seconds since 1970.
    """

    def __init__(self, database: Database, store: CheckpointStore) -> None:
        self._db = database
        self._store = store
        self.directory = database.path.parent
        meta = database.row("SELECT spec, fingerprint, created_at FROM meta")
        self.spec_json: str = meta[0]
        self.fingerprint: str = meta[1]
        self.created_at: float = meta[2]

    def close(self) -> None:
        """Closes the file; a lease stays as it is."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def snapshot(self) -> AbstractContextManager[None]:
        """Around questions that are to be answered of one and the same state."""
        return self._db.snapshot()

    def entries(self) -> Iterator[Entry]:
        """What a strategy is rebuilt from, in commit order; without what splits made.

        Measurements come with what was watched only where pandas may be raised: no other decision
        asks for it.
        """
        with sound_rows(self._db.path):
            strategy = json.loads(self.spec_json).get("search", {}).get("strategy", "caviar")
        measured = rows.MEASUREMENT if strategy == "caviar" else rows.WATCHED
        with self._db.snapshot():
            tables = (
                self._ordered(rows.trial, self._columns(rows.TRIAL), "trials"),
                self._ordered_assignments(),
                self._ordered(rows.measurement, self._columns(measured), "measurements"),
                self._ordered(rows.failure, self._columns(rows.FAILURE), "failures"),
                self._ordered_decisions(),
            )
        return self._made(heapq.merge(*tables, key=itemgetter(0)))

    def trials(self) -> tuple[Trial, ...]:
        """Every trial, by index."""
        return self._all(rows.trial, self._columns(rows.TRIAL), "trials ORDER BY trial")

    def measurements(self, trial: int | None = None) -> tuple[Measurement, ...]:
        """Measurements of one trial or of all, by trial and epoch."""
        where, values = _of_trial(trial)
        return self._all(
            rows.measurement,
            self._columns(rows.WATCHED),
            f"measurements {where} ORDER BY trial, epoch",
            values,
        )

    def epochs_of(self, trial: int) -> int:
        """The epoch of a trial's last measurement; 0 if there is none."""
        found = self._db.row(
            "SELECT ifnull(max(epoch), 0) FROM measurements WHERE trial = ?", (trial,)
        )
        return int(found[0])

    def recorded_at(self) -> dict[tuple[int, int], float]:
        """By trial and epoch, when the measurement was committed; of epoch 0, when it was drawn.

        In seconds since 1970.
        """
        found = self._db.rows(
            "SELECT trial, 0, recorded_at FROM trials"
            " UNION ALL SELECT trial, epoch, recorded_at FROM measurements"
        )
        return {(trial, epoch): when for trial, epoch, when in found}

    def values(self, metric: str) -> dict[tuple[int, int], float]:
        """A metric of every measurement by trial and epoch, without making records of them."""
        found = self._db.rows(f"SELECT trial, epoch, {metric} FROM measurements")
        return {(trial, epoch): math.nan if v is None else v for trial, epoch, v in found}

    def best(self, trial: int, metric: str) -> tuple[int, float] | None:
        """The epoch and the value of a trial's best metric so far, the earliest of equals.

        Args:
            trial: its index.
            metric: a column of numbers, as "dev_loss"; losses are better lower, others higher.

        Returns:
            None if it was never measured, or never as more than NaN or the worst of infinities.
        """
        lower = metric.endswith("_loss")
        extreme, worst = ("min", math.inf) if lower else ("max", -math.inf)
        # SQLite takes the epoch from the row where the lone min() or max() is attained, and the
        # index hands rows over by epoch (https://sqlite.org/lang_select.html#bareagg).
        epoch, value = self._db.row(
            f"SELECT epoch, {extreme}({metric}) FROM measurements INDEXED BY measurements_by_trial"
            f" WHERE trial = ? AND {metric} != ?",
            (trial, worst),
        )
        return None if value is None else (epoch, value)

    def open_assignments(self) -> tuple[OpenAssignment, ...]:
        """Assignments that still have trials to train, by number."""
        with self._db.snapshot():
            found = self._db.rows(
                f"SELECT assignment, parent, {rows.ASSIGNMENT} FROM assignments"
                " WHERE closed_at IS NULL ORDER BY assignment"
            )
            lanes = self._lanes("closed_at IS NULL")
            attempts = self._open_attempts()
            unfinished = self._grouped("SELECT assignment, trial FROM unfinished ORDER BY 1, lane")
        with sound_rows(self._db.path):
            return tuple(
                OpenAssignment(
                    number,
                    rows.assignment(columns, lanes[number]),
                    parent,
                    attempts.get(number, ()),
                    unfinished[number],
                )
                for number, parent, *columns in found
                if number in unfinished
            )

    def assignments(self) -> dict[int, Assignment]:
        """Every assignment by its number, those that splits made included."""
        with self._db.snapshot():
            found = self._db.rows(f"SELECT assignment, {rows.ASSIGNMENT} FROM assignments")
            lanes = self._grouped("SELECT assignment, trial FROM lanes ORDER BY assignment, lane")
        return {number: rows.assignment(columns, lanes[number]) for number, *columns in found}

    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt, by assignment and number."""
        return self._all(rows.attempt, rows.ATTEMPT, "attempts ORDER BY assignment, attempt")

    def latest_checkpoint(
        self, trial: int, most_epochs: int | None = None
    ) -> CheckpointRecord | None:
        """Where a trial can go on, or None if it has to start anew.

        Args:
            trial: its index.
            most_epochs: look no further than this epoch.
        """
        found = self._all(
            rows.checkpoint,
            rows.CHECKPOINT,
            "checkpoints WHERE trial = ? AND epoch <= ? ORDER BY epoch DESC LIMIT 1",
            (trial, _ANY_EPOCH if most_epochs is None else most_epochs),
        )
        return found[0] if found else None

    def checkpoints(self, trial: int | None = None) -> tuple[CheckpointRecord, ...]:
        """Checkpoints of one trial or of all, by trial and epoch."""
        where, values = _of_trial(trial)
        return self._all(
            rows.checkpoint, rows.CHECKPOINT, f"checkpoints {where} ORDER BY trial, epoch", values
        )

    def read_checkpoint(self, record: CheckpointRecord) -> bytes:
        """A checkpoint's bytes.

        Raises:
            StudyError: the file is gone, or its SHA-256 is another.
        """
        return self._store.read(record)

    def settled(self) -> dict[Signature, Settled]:
        """Every signature's width and precision that was settled so far."""
        found = self._db.rows("SELECT signature, width, evidence FROM widths ORDER BY signature")
        with sound_rows(self._db.path):
            return dict(map(rows.width, found))

    def events(self, kind: str | None = None) -> tuple[Event, ...]:
        """Events of one kind or all, in the order they happened."""
        where, values = ("", ()) if kind is None else ("WHERE kind = ?", (kind,))
        return self._all(rows.event, rows.EVENT, f"events {where} ORDER BY entry", values)

    def rounds(self) -> tuple[Round, ...]:
        """The rounds of the search, in order."""
        with sound_rows(self._db.path):
            found = map(rows.entry_of, self.events(rows.ROUND))
            return tuple(entry for entry in found if isinstance(entry, Round))

    def changes(self) -> tuple[Change, ...]:
        """What was changed about the study since it began, in order."""
        with sound_rows(self._db.path):
            found = map(rows.entry_of, self.events(rows.CHANGE))
            return tuple(entry for entry in found if isinstance(entry, Change))

    def requests(self, *, unanswered: bool = False) -> tuple[Request, ...]:
        """What was asked of the study, in order."""
        if self._db.version < 3:
            return ()
        where = "WHERE answered_at IS NULL" if unanswered else ""
        return self._all(rows.request, rows.REQUEST, f"requests {where} ORDER BY request")

    def lease(self) -> lease.Lease | None:
        """The latest driver, and whether it let go; `Lease.held(now)` tells whether it lives."""
        return lease.read(self._db)

    def storage_used(self) -> tuple[str, str] | None:
        """The storage that checkpoints are carried to, and the part of the study; or None."""
        with sound_rows(self._db.path):
            found = self.events(rows.STORAGE)
            return (found[-1].detail["uri"], found[-1].detail["part"]) if found else None

    @property
    def trained_epochs(self) -> int:
        """Lane-epochs that slices reported, the refused ones included."""
        return int(self._db.row("SELECT ifnull(sum(trained_epochs), 0) FROM attempts")[0])

    @property
    def measured_epochs(self) -> int:
        """Measurements that stand: one a trial and epoch."""
        return int(self._db.row("SELECT count(*) FROM measurements")[0])

    def summary(self) -> tuple[TrialSummary, ...]:
        """Every trial at a glance, by index."""
        with self._db.snapshot(), sound_rows(self._db.path):
            return overview.summary(self._db)

    def _columns(self, wanted: str) -> str:
        return rows.columns(wanted, self._db.version)

    def _all(
        self, make: Callable[[rows.Row], Any], columns: str, rest: str, values: rows.Row = ()
    ) -> tuple[Any, ...]:
        found = self._db.rows(f"SELECT {columns} FROM {rest}", values)
        with sound_rows(self._db.path):
            return tuple(map(make, found))

    def _made(self, ordered: Iterator[_Ordered]) -> Iterator[Entry]:
        with sound_rows(self._db.path):
            for _, make in ordered:
                yield make()

    def _ordered(
        self, make: Callable[[rows.Row], Entry], columns: str, table: str
    ) -> Iterator[_Ordered]:
        found = self._db.rows(f"SELECT entry, {columns} FROM {table} ORDER BY entry")
        return ((row[0], partial(make, row[1:])) for row in found)

    def _ordered_assignments(self) -> Iterator[_Ordered]:
        lanes = self._lanes("parent IS NULL")
        found = self._db.rows(
            f"SELECT entry, assignment, {rows.ASSIGNMENT} FROM assignments"
            " WHERE parent IS NULL ORDER BY entry"
        )
        return ((row[0], partial(rows.assignment, row[2:], lanes[row[1]])) for row in found)

    def _ordered_decisions(self) -> Iterator[_Ordered]:
        found = self._db.rows(
            f"SELECT {rows.EVENT} FROM events WHERE kind IN (?, ?) ORDER BY entry",
            (rows.ROUND, rows.CHANGE),
        )
        return ((row[0], partial(_decision, row)) for row in found)

    def _lanes(self, which: str) -> dict[int, tuple[int, ...]]:
        return self._grouped(
            "SELECT assignment, trial FROM assignments JOIN lanes USING (assignment)"
            f" WHERE {which} ORDER BY assignment, lane"
        )

    def _grouped(self, sql: str) -> dict[int, tuple[int, ...]]:
        groups: defaultdict[int, list[int]] = defaultdict(list)
        for key, value in self._db.rows(sql):
            groups[key].append(value)
        return {key: tuple(values) for key, values in groups.items()}

    def _open_attempts(self) -> dict[int, tuple[Attempt, ...]]:
        groups: defaultdict[int, tuple[Attempt, ...]] = defaultdict(tuple)
        for attempt in self._all(
            rows.attempt,
            rows.ATTEMPT,
            "attempts WHERE assignment IN"
            " (SELECT assignment FROM assignments WHERE closed_at IS NULL) ORDER BY 1, 2",
        ):
            groups[attempt.assignment] += (attempt,)
        return groups


def _decision(row: rows.Row) -> Entry:
    return rows.entry_of(rows.event(row))


def _of_trial(trial: int | None) -> tuple[str, rows.Row]:
    return ("", ()) if trial is None else ("WHERE trial = ?", (trial,))
