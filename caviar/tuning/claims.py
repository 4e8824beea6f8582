"""Claims made of assignments: lanes with the checkpoints they go on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from caviar.errors import StudyError
from caviar.search.strategy import Strategy
from caviar.study.facts import CheckpointRecord
from caviar.study.journal import Journal
from caviar.study.records import Claim, Lane, Settled, Signature, Terms, Trial
from caviar.tuning.backing import read_at_once
from caviar.tuning.holdings import Open


class Claims:
    """What a slice is told of an assignment."""

    def __init__(
        self,
        journal: Journal,
        strategy: Strategy,
        best_by: str | None,
        terms_of: Callable[[Trial], Terms],
    ) -> None:
        """Takes up what is settled.

        Args:
            journal: open for writing, with the lease held.
            strategy: replayed.
            best_by: the metric early stopping goes by; None: no lane is told its best so far.
            terms_of: what a trial trains on, the same for all trials of an assignment.
        """
        self._journal = journal
        self._strategy = strategy
        self._best_by = best_by
        self._terms_of = terms_of
        self._settled = journal.settled()

    def settle(self, signature: Signature, width: int, evidence: Mapping[str, Any]) -> Settled:
        """Settles how a signature's step is called, for the study's life; the first word stands."""
        stands = self._journal.settle(signature, width, evidence)
        self._settled[signature] = stands
        return stands

    def of(self, found: Open, attempt: int, lanes: tuple[Lane, ...]) -> Claim:
        """The claim of an attempt at an assignment, with the lanes that `lanes` made of it."""
        signature = found.assignment.signature
        settled, terms = self._settled.get(signature), self._terms_of(lanes[0].trial)
        return Claim(
            assignment=found.number,
            attempt=attempt,
            lanes=lanes,
            last_epoch=found.assignment.last_epoch,
            signature=signature,
            width=settled.width if settled else None,
            expected_lane_epochs=self._strategy.expected_lane_epochs(signature),
            precision=settled.precision if settled else "",
            seed=terms.seed,
            share=terms.share,
        )

    def lanes(self, found: Open) -> tuple[Lane, ...]:
        """The assignment's trials with their checkpoints; one whose file is damaged is given up.

        Raises:
            StorageError: they are in a storage that does not answer.
        """
        origins: dict[int, CheckpointRecord | None] = {}
        for index in found.remaining:
            try:
                origins[index] = self._origin(self._strategy.trials[index])
            except StudyError as error:
                self.give_up(index, str(error))
        lanes = []
        states = read_at_once(self._journal, origins.values())
        for (index, record), state in zip(origins.items(), states, strict=True):
            if isinstance(state, StudyError):
                self.give_up(index, str(state))
            else:
                lanes.append(self._lane(self._strategy.trials[index], record, state))
        return tuple(lanes)

    def give_up(self, trial: int, error: str) -> None:
        """A trial cannot be trained; `error` says why, in one line."""
        self._journal.fail_trial(trial, error)
        self._strategy.fail(trial)

    def _origin(self, trial: Trial) -> CheckpointRecord | None:
        """The checkpoint, its own or its parent's, that a trial goes on from."""
        record = self._journal.latest_checkpoint(trial.index)
        if record is None and trial.parent is not None:
            record = self._journal.latest_checkpoint(*trial.parent)
            if record is None or record.epoch != trial.parent[1]:
                raise StudyError(f"the checkpoint of trial {trial.parent[0]}, its parent, is lost")
        return record

    def _lane(self, trial: Trial, record: CheckpointRecord | None, state: bytes | None) -> Lane:
        if record is None:
            return Lane(trial)
        best = self._journal.best(trial.index, self._best_by) if self._best_by else None
        return Lane(trial, record.epoch, state, best)
