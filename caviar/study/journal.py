"""The journal: what happened to a study, written to one SQLite file before anything acts on it.

One process writes (the broker, under the study's lease), many may read at the same time. Decisions
are a function of the journal and the seed, so whoever reads `entries()` can take a study up again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from caviar.errors import StudyError
from caviar.study import lease, opening, reports, rows, schema
from caviar.study.checkpoints import DIRECTORY, CheckpointStore, files_in
from caviar.study.database import Database
from caviar.study.elsewhere import Elsewhere
from caviar.study.facts import CheckpointRecord, Outcome, Receipt
from caviar.study.inspection import inspect
from caviar.study.lease import LeaseHolder
from caviar.study.reads import Reads
from caviar.study.records import (
    Assignment,
    Change,
    Measurement,
    Round,
    Settled,
    Signature,
    Trial,
)
from caviar.study.storage import StorageError


class Journal(Reads):
    """A study's journal, opened. Close it, or use it in a `with` statement.

    Every method that writes is one durable transaction, or part of the one around it
    (`transaction`), and needs the lease (`acquire_lease`). Besides what each says they raise
    LeaseError when another driver took the study over, StudyError when the disk refuses and
    ValueError when the caller contradicts the journal.
    """

    def __init__(self, database: Database) -> None:
        self._elsewhere = Elsewhere(self.storage_used)
        folder = database.path.parent / DIRECTORY
        super().__init__(database, CheckpointStore(folder, self._elsewhere))

    @classmethod
    def create(
        cls,
        directory: Path,
        spec_json: str,
        fingerprint: str,
        clock: Callable[[], float] = time.time,
    ) -> Journal:
        """Makes a study of `directory`, which need not exist, and opens its journal for writing.

        Args:
            directory: on a disk of this machine.
            spec_json: the study as asked; kept as it is.
            fingerprint: what a study file must agree with to go on with this study.
            clock: seconds since 1970.

        Raises:
            StudyError: it holds a study already, lies on a network filesystem, cannot be written.
        """
        opening.create(directory, spec_json, fingerprint, clock())
        return cls(opening.open_writer(directory, clock))

    @classmethod
    def open(
        cls, directory: Path, write: bool = False, clock: Callable[[], float] = time.time
    ) -> Journal:
        """Opens the journal of a study directory.

        Raises:
            StudyError: not a study directory, made by a newer caviar, damaged or edited; to write:
                on a network filesystem, not writable.
        """
        opener = opening.open_writer if write else opening.open_reader
        database = opener(directory, clock)
        try:
            inspect(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    @staticmethod
    def exists(directory: Path) -> bool:
        """Whether a directory holds a study's journal."""
        return (directory / opening.FILE).is_file()

    def refuse_if_held(self) -> None:
        """Does nothing if this process may take the lease; needs no writing.

        Raises:
            LeaseError: a living driver holds the study; the line names it.
        """
        lease.refuse_if_held(self._db, LeaseHolder.here())

    def acquire_lease(self, holder: LeaseHolder | None = None, least: int = 1) -> int:
        """Makes `holder` (by default this process) the study's driver; returns the fencing token.

        A journal that an older caviar wrote is brought up to date by it. The token is at least
        `least`, which whoever holds the study's storage is given there.

        Raises:
            LeaseError: a living driver holds the study; the line names it.
        """
        token = lease.acquire(self._db, holder or LeaseHolder.here(), least)
        opening.migrate(self._db)
        self._store.sweep(record.file for record in self.checkpoints())
        return token

    def bring_up_to_date(self) -> None:
        """Does to an older caviar's journal, which nobody drives, what its next driver would do.

        Raises:
            LeaseError: a living driver holds the study.
        """
        if self._db.version < schema.VERSION:
            self.acquire_lease()
            self.release_lease()

    def renew_lease(self) -> None:
        """Gives a sign of life; due every `lease.RENEW_EVERY_S`."""
        lease.renew(self._db)

    def release_lease(self) -> None:
        """Lets the study go."""
        lease.release(self._db)

    def use_storage(self, uri: str, part: str = "") -> tuple[CheckpointRecord, ...]:
        """Keeps where checkpoints are carried to, and forgets those that are nowhere any more.

        Their trials are trained again, from an earlier one or anew.

        Args:
            uri: of the storage.
            part: of the study, "" for the search.

        Returns:
            Those that were lost; none while the storage does not answer.
        """
        if self.storage_used() != (uri, part):
            self.record(rows.STORAGE, {"uri": uri, "part": part})
            self._elsewhere.forget()
        try:
            # First here, then there: one that is carried meanwhile is seen in one of the two.
            there = files_in(self.directory / DIRECTORY) | self._elsewhere.files()
        except StorageError:
            return ()
        lost = tuple(record for record in self.checkpoints() if record.file not in there)
        with self._db.transaction():
            for record in lost:
                self._db.execute("DELETE FROM checkpoints WHERE file = ?", (record.file,))
                self.record("checkpoint_lost", {"trial": record.trial, "epoch": record.epoch})
        return lost

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Groups writes into one commit: nothing inside is acknowledged before it ends."""
        with self._db.transaction():
            yield

    def add_trials(self, trials: Iterable[Trial]) -> None:
        """Takes new trials up."""
        with self._db.transaction():
            for trial in trials:
                self._db.insert(
                    "trials",
                    self._db.next_entry(),
                    trial.index,
                    json.dumps(trial.point),
                    json.dumps(dict(trial.hyperparameters)),
                    self._db.clock(),
                    trial.origin,
                    trial.why,
                    trial.draw,
                    *(trial.parent or (None, None)),
                )

    def decide(self, decisions: Iterable[Trial | Round | Change]) -> None:
        """Takes decisions up, in their order."""
        with self._db.transaction():
            for decision in decisions:
                if isinstance(decision, Trial):
                    self.add_trials([decision])
                else:
                    self.record(*rows.detail_of(decision))

    def request(self, change: Change) -> int:
        """Asks something of the study, whoever drives it; needs no lease.

        Returns:
            The request's number; see `requests` for its answer.

        Raises:
            StudyError: an older caviar drives it, which takes no requests; or the disk.
        """
        if self._db.version < schema.VERSION:
            raise StudyError(
                f"{self.directory}: an older caviar drives it, which takes no requests"
            )
        with self._db.transaction(fenced=False):
            values = (str(change.kind), json.dumps(dict(change.detail)), self._db.clock())
            return self._db.insert("requests", None, *values, None, None)

    def answer(self, request: int, refusal: str | None = None) -> None:
        """Answers a request: done, or why not."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE requests SET answered_at = ?, refusal = ? WHERE request = ?",
                (self._db.clock(), refusal, request),
            )

    def issue(
        self,
        assignment: Assignment,
        parent: int | None = None,
        decisions: Iterable[Trial | Round | Change] = (),
    ) -> int:
        """Takes an assignment up, with what was decided on the way to it.

        Args:
            assignment: what is to be trained.
            parent: the assignment it is a part of; that one is closed. See `split`.
            decisions: new trials and rounds, taken up before it in the same transaction.

        Returns:
            The assignment's number, from 1.
        """
        a, db = assignment, self._db
        with db.transaction():
            self.decide(decisions)
            values = (db.next_entry(), parent, a.purpose, a.first_epoch, a.last_epoch)
            number = self._db.insert(
                "assignments", None, *values, str(a.signature), db.clock(), None
            )
            for lane, trial in enumerate(a.trials):
                self._db.insert("lanes", number, lane, trial)
            if parent is not None:
                reports.close(db, parent)
        return number

    def split(self, assignment: int, parts: Sequence[Sequence[int]]) -> tuple[int, ...]:
        """Replaces an assignment whose attempt failed by several, one a part of its trials.

        Args:
            assignment: its number; none of its attempts may be running.
            parts: its unfinished trials, each in exactly one part.

        Returns:
            The parts' assignment numbers.
        """
        with self._db.transaction():
            whole = next((o for o in self.open_assignments() if o.id == assignment), None)
            if whole is None or whole.running:
                raise ValueError(f"assignment {assignment} is not open, or an attempt runs")
            if sorted(t for part in parts for t in part) != sorted(whole.unfinished):
                raise ValueError(f"assignment {assignment}: {parts} must part {whole.unfinished}")
            return tuple(
                self.issue(replace(whole.assignment, trials=tuple(part)), parent=assignment)
                for part in parts
            )

    def start_attempt(self, assignment: int, slice_name: str) -> int:
        """A slice claims an assignment; an attempt still running is lost by that.

        Returns:
            The attempt's number, from 1; reports must carry it.
        """
        with self._db.transaction():
            if not self._db.row(
                "SELECT 1 FROM assignments WHERE assignment = ? AND closed_at IS NULL",
                (assignment,),
            ):
                raise ValueError(f"assignment {assignment} is not open")
            reports.end(self._db, "assignment = ?", (assignment,), Outcome.LOST)
            attempt: int = self._db.row(
                "SELECT count(*) + 1 FROM attempts WHERE assignment = ?", (assignment,)
            )[0]
            now = self._db.clock()
            self._db.insert("attempts", assignment, attempt, slice_name, now, None, None, None, 0)
        return attempt

    def end_attempt(
        self, assignment: int, attempt: int, outcome: Outcome, error: str | None = None
    ) -> bool:
        """Ends an attempt; False, and nothing happens, if it had ended already."""
        which = "assignment = ? AND attempt = ?"
        with self._db.transaction():
            return reports.end(self._db, which, (assignment, attempt), outcome, error) == 1

    def end_running_attempts(self, outcome: Outcome = Outcome.INTERRUPTED) -> int:
        """Ends all attempts still running, when their slices are known to be gone; how many."""
        with self._db.transaction():
            return reports.end(self._db, "TRUE", (), outcome)

    def report(
        self,
        assignment: int,
        attempt: int,
        measurements: Sequence[Measurement],
        checkpoints: Mapping[int, tuple[int, bytes]],
        complete: bool = False,
    ) -> Receipt:
        """Takes what a slice reports, all together; the same report twice does no harm.

        Args:
            assignment: its number.
            attempt: as the claim said; an older one's results are counted but not taken.
            measurements: since the last report, in training order.
            checkpoints: trial -> (epoch, bytes): each trial's state at its last epoch reported.
            complete: whether every lane is at its last epoch, diverged, stopped or failed; ends
                the attempt.
        """
        with self._db.transaction():
            receipt = reports.take(self._db, assignment, attempt, measurements)
            if receipt.stale:
                return receipt
            reports.keep(self._db, self._store, checkpoints)
            if complete:
                left = reports.unfinished(self._db, assignment)
                if left:
                    raise ValueError(f"assignment {assignment} is not complete: trials {left}")
                reports.close(self._db, assignment)
                self.end_attempt(assignment, attempt, Outcome.COMPLETE)
        return receipt

    def fail_trial(self, trial: int, error: str, *, stopped: bool = False) -> None:
        """Gives a trial up, or stops it for a person; closes assignments with nothing else to do.

        Args:
            trial: its index.
            error: why, in one line.
            stopped: whether a person stopped it.
        """
        with self._db.transaction():
            now = self._db.clock()
            self._db.insert("failures", self._db.next_entry(), trial, error, now, stopped)
            kind = "trial_stopped" if stopped else "trial_failed"
            self.record(kind, {"trial": trial, "error": error})
            reports.close_done(self._db, trial)

    def settle(self, signature: Signature, width: int, evidence: Mapping[str, Any]) -> Settled:
        """Settles a signature's width for the study's life; returns what stands.

        Where its precision is "auto", the one it came to is `evidence["precision"]`.
        """
        with self._db.transaction():
            stands = self.settled().get(signature)
            if stands is not None:
                return stands
            now = self._db.clock()
            self._db.insert("widths", str(signature), width, json.dumps(dict(evidence)), now)
            detail = {"signature": str(signature), "width": width, "evidence": dict(evidence)}
            self.record("width_decided", detail)
        return rows.settled(signature, width, evidence)

    def record(self, kind: str, detail: Mapping[str, Any] | None = None) -> None:
        """Writes an event down; `detail` must be JSON."""
        with self._db.transaction():
            text = json.dumps(dict(detail or {}))
            self._db.insert("events", self._db.next_entry(), self._db.clock(), kind, text)
