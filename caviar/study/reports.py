"""How a slice's report becomes part of the journal: what is current, what stands, what is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from caviar.study.checkpoints import CheckpointStore
from caviar.study.database import Database
from caviar.study.facts import Outcome, Receipt
from caviar.study.records import Measurement
from caviar.study.rows import watch_text


def is_current(database: Database, assignment: int, attempt: int) -> bool:
    """Whether results of this attempt count: it is the assignment's latest and has not ended.

    Raises:
        ValueError: there never was such an attempt.
    """
    row = database.row(
        "SELECT ended_at IS NULL FROM attempts WHERE assignment = ? AND attempt = ?",
        (assignment, attempt),
    )
    if row is None:
        raise ValueError(f"assignment {assignment} has no attempt {attempt}")
    return bool(row[0])


def unfinished(database: Database, assignment: int) -> list[int]:
    """The assignment's trials that are short of its last epoch and came to no other end."""
    rows = database.rows(
        "SELECT trial FROM unfinished WHERE assignment = ? ORDER BY lane", (assignment,)
    )
    return [row[0] for row in rows]


def take(
    database: Database, assignment: int, attempt: int, measurements: Sequence[Measurement]
) -> Receipt:
    """Inserts what is new of a report and counts what was trained for it.

    Raises:
        ValueError: a measurement of a trial or an epoch that was not asked for.
    """
    _check(database, assignment, measurements)
    current = is_current(database, assignment, attempt)
    accepted: list[Measurement] = []
    trained = 0
    for m in measurements:
        if current and _insert(database, assignment, attempt, m):
            accepted.append(m)
            trained += 1
        else:
            trained += not _is_redelivered(database, assignment, attempt, m)
    if trained:
        database.execute(
            "UPDATE attempts SET trained_epochs = trained_epochs + ?"
            " WHERE assignment = ? AND attempt = ?",
            (trained, assignment, attempt),
        )
    return Receipt(tuple(accepted), len(measurements) - len(accepted), stale=not current)


def keep(
    database: Database, store: CheckpointStore, checkpoints: Mapping[int, tuple[int, bytes]]
) -> None:
    """Writes the checkpoints that take their trials further, and drops those they supersede."""
    assert database.token is not None
    newer = [
        (trial, epoch, data)
        for trial, (epoch, data) in checkpoints.items()
        if _is_newer(database, trial, epoch)
    ]
    records = store.write(newer, database.token, database.clock())
    database.on_rollback(lambda: store.remove(record.file for record in records))
    for r in records:
        database.execute(
            "INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?)",
            (r.trial, r.epoch, r.file, r.sha256, r.size, r.recorded_at),
        )
    superseded = [f for r in records for f in _supersede(database, r.trial, r.epoch)]
    database.on_commit(lambda: store.remove(superseded))


def close_done(database: Database, trial: int) -> None:
    """Closes those assignments of a trial that have nothing left to train."""
    having = database.rows(
        "SELECT assignment FROM assignments JOIN lanes USING (assignment)"
        " WHERE trial = ? AND closed_at IS NULL",
        (trial,),
    )
    for (assignment,) in having:
        if not unfinished(database, assignment):
            close(database, assignment)


def close(database: Database, assignment: int) -> None:
    """Closes an assignment: it is complete, or others stand in for it."""
    database.execute(
        "UPDATE assignments SET closed_at = ? WHERE assignment = ? AND closed_at IS NULL",
        (database.clock(), assignment),
    )


def end(
    database: Database,
    which: str,
    values: tuple[int, ...],
    outcome: Outcome,
    error: str | None = None,
) -> int:
    """Ends those attempts that still run among `which`, an SQL condition; returns how many."""
    return database.execute(
        "UPDATE attempts SET ended_at = ?, outcome = ?, error = ?"  # noqa: S608
        f" WHERE ended_at IS NULL AND {which}",
        (database.clock(), outcome, error, *values),
    ).rowcount


def _check(database: Database, assignment: int, measurements: Sequence[Measurement]) -> None:
    row = database.row(
        "SELECT first_epoch, last_epoch FROM assignments WHERE assignment = ?", (assignment,)
    )
    if row is None:
        raise ValueError(f"there is no assignment {assignment}")
    lanes = {
        trial
        for (trial,) in database.rows("SELECT trial FROM lanes WHERE assignment = ?", (assignment,))
    }
    for m in measurements:
        # A trial whose checkpoint was lost is trained again from where it never began here.
        again = 1 <= m.epoch <= row[0] and _stands(database, m)
        if m.trial not in lanes or not (again or row[0] < m.epoch <= row[1]):
            raise ValueError(
                f"assignment {assignment}: trial {m.trial}, epoch {m.epoch} was not asked for"
            )


def _stands(database: Database, m: Measurement) -> bool:
    return bool(
        database.row("SELECT 1 FROM measurements WHERE trial = ? AND epoch = ?", (m.trial, m.epoch))
    )


def _insert(database: Database, assignment: int, attempt: int, m: Measurement) -> bool:
    """Whether it is the first of its trial and epoch, and its trial had not ended before."""
    cursor = database.execute(
        f"INSERT INTO measurements SELECT {', '.join('?' * 15)} WHERE NOT EXISTS"  # noqa: S608
        " (SELECT 1 FROM measurements WHERE trial = ? AND (epoch = ? OR diverged OR stopped))",
        (
            database.next_entry(),
            m.trial,
            m.epoch,
            m.train_loss,
            m.train_accuracy,
            m.dev_loss,
            m.dev_accuracy,
            m.elapsed_s,
            m.diverged,
            assignment,
            attempt,
            database.clock(),
            m.stopped,
            m.reason,
            watch_text(m.watch),
            m.trial,
            m.epoch,
        ),
    )
    return cursor.rowcount == 1


def _is_redelivered(database: Database, assignment: int, attempt: int, m: Measurement) -> bool:
    """Whether it stands by this very attempt: the same message again, not trained again."""
    return bool(
        database.row(
            "SELECT 1 FROM measurements"
            " WHERE trial = ? AND epoch = ? AND assignment = ? AND attempt = ?",
            (m.trial, m.epoch, assignment, attempt),
        )
    )


def _is_newer(database: Database, trial: int, epoch: int) -> bool:
    """Whether a checkpoint takes its trial further; one that was sent twice does not."""
    (latest,) = database.row("SELECT max(epoch) FROM checkpoints WHERE trial = ?", (trial,))
    return latest is None or bool(epoch > latest)


def _supersede(database: Database, trial: int, epoch: int) -> list[str]:
    """Takes the trial's earlier checkpoints out, those at rungs excepted; returns their files."""
    found = database.rows(
        "SELECT epoch, file FROM checkpoints WHERE trial = ? AND epoch < ? AND epoch NOT IN"
        " (SELECT last_epoch FROM assignments JOIN lanes USING (assignment) WHERE trial = ?)",
        (trial, epoch, trial),
    )
    for old, _ in found:
        database.execute("DELETE FROM checkpoints WHERE trial = ? AND epoch = ?", (trial, old))
    return [file for _, file in found]
