"""The broker: it owns the study's journal and its strategy, and hands assignments to slices.

Everything is committed before anyone outside acts on it; a commit that fails ends the study. The
broker is plain Python; `broker_actor.py` puts it on Ray.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from caviar.errors import StudyError
from caviar.search.stacking import COMPILE_S
from caviar.search.strategy import Strategy
from caviar.study.facts import Outcome
from caviar.study.journal import Journal
from caviar.study.records import (
    Assignment,
    Claim,
    Lane,
    Measurement,
    Settled,
    Signature,
    Trial,
    TrialState,
)
from caviar.tuning.messages import Answer, Finished, Wait

OWN_TRIES: Final = 3
"""Tries that a trial gets with no neighbour in its assignment before it is given up."""


@dataclass
class _Open:
    """An assignment not yet at its end, in a slice's hands or waiting for its next try.

    Attributes:
        number: in the journal.
        assignment: what was asked.
        remaining: its trials still to be trained, in lane order.
        faults: tries that failed or were lost; interruptions are nobody's fault.
    """

    number: int
    assignment: Assignment
    remaining: tuple[int, ...]
    faults: int = 0


class Broker:
    """Claims, reports, retries; called by one thread at a time.

    A claim is an attempt of an assignment on a slice. A slice that claims again without having
    reported the end of its last one has lost it. What failed with neighbours is tried again
    alone, trial by trial, so that one bad trial condemns no other; a trial that failed
    `OWN_TRIES` times alone is given up.
    """

    def __init__(
        self,
        journal: Journal,
        strategy: Strategy,
        clock: Callable[[], float] = time.monotonic,
        best_by: str | None = None,
    ) -> None:
        """Takes up a study where its journal stands.

        Args:
            journal: open for writing, with the lease held.
            strategy: fresh; it is replayed here.
            clock: seconds; only to bound how long a slice waits for another's compiled step.
            best_by: the metric early stopping goes by; None where it is off, and no lane of a
                claim is told its best so far.
        """
        self._best_by = best_by
        self._clock = clock
        self._warm: dict[str, frozenset[Signature]] = {}
        self._idle_since: dict[str, float] = {}
        self._journal = journal
        self._strategy = strategy
        self._held: dict[str, tuple[_Open, int]] = {}
        self._stopping = ""
        strategy.replay(journal.entries())
        self.trial_epochs = journal.measured_epochs
        self._settled = journal.settled()
        # An earlier driver's slices are gone with it; nobody is to blame.
        journal.end_running_attempts(Outcome.INTERRUPTED)
        self._waiting: deque[_Open] = deque(
            _Open(found.id, found.assignment, found.unfinished, found.faults)
            for found in journal.open_assignments()
        )

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train."""
        return not self._waiting and not self._held and self._strategy.finished

    @property
    def held(self) -> Mapping[str, Assignment]:
        """What each busy slice is at work on."""
        return {name: found.assignment for name, (found, _) in self._held.items()}

    def counts(self) -> dict[str, int]:
        """Trials by state; those not drawn yet are waiting."""
        states = Counter(self._strategy.state(trial.index) for trial in self._strategy.trials)
        states[TrialState.WAITING] += max(0, self._strategy.wanted - len(self._strategy.trials))
        return {str(state): states[state] for state in TrialState}

    def claim(self, slice_name: str, warm: Collection[Signature]) -> Claim | Wait | Finished:
        """The next assignment for a slice.

        Args:
            slice_name: who asks; what it still held is lost by this.
            warm: the signatures whose compiled step it has ready; preferred.
        """
        with self._journal.transaction():
            self.lose(slice_name, "its slice came back without it")
            if self._stopping:
                return Finished(self._stopping)
            self._warm[slice_name] = frozenset(warm)
            found = self._next(warm, self._attended(slice_name))
            if found is None:
                self._idle_since.setdefault(slice_name, self._clock())
                return Finished("the study is complete") if self.finished else Wait()
            self._idle_since.pop(slice_name, None)
            lanes = self._lanes(found)
            if not lanes:
                return Wait(0.0)
            attempt = self._journal.start_attempt(found.number, slice_name)
        self._held[slice_name] = (found, attempt)
        return self._claim(found, attempt, lanes)

    def report(
        self,
        slice_name: str,
        assignment: int,
        attempt: int,
        measurements: Sequence[Measurement],
        checkpoints: Mapping[int, tuple[int, bytes]],
        complete: bool,
        warm: Collection[Signature] | None = None,
    ) -> Answer:
        """Takes a slice's results; they are committed when this returns.

        Args:
            slice_name: who reports.
            assignment: the claim's number.
            attempt: the claim's attempt.
            measurements: since the last report, in training order.
            checkpoints: trial -> (epoch, bytes) at the last epoch reported of each.
            complete: whether this is the assignment's end.
            warm: as in `claim`; given at the end, the answer holds the slice's next order, and
                one commit does for both.
        """
        with self._journal.transaction():
            current = self._take(assignment, attempt, measurements, checkpoints, complete)
            if not (current and complete):
                return Answer(go_on=current and not self._stopping)
            self._held.pop(slice_name, None)
            order = None if warm is None else self.claim(slice_name, warm)
            return Answer(not self._stopping, order)

    def abandon(self, slice_name: str, assignment: int, attempt: int, error: str) -> None:
        """Takes note that a slice failed at its assignment and lives to claim another."""
        held = self._held.get(slice_name)
        if held is not None and (held[0].number, held[1]) == (assignment, attempt):
            self.lose(slice_name, error, Outcome.FAILED)

    def lose(self, slice_name: str, error: str, outcome: Outcome = Outcome.LOST) -> None:
        """What a slice held is to be tried again: by trials of their own if it had several."""
        self._warm.pop(slice_name, None)
        if slice_name not in self._held:
            return
        found, attempt = self._held.pop(slice_name)
        with self._journal.transaction():
            self._journal.end_attempt(found.number, attempt, outcome, error)
            self._retry(self._as_it_stands(found), error)

    def settle(self, signature: Signature, width: int, evidence: Mapping[str, Any]) -> Settled:
        """Settles how a signature's step is called, for the study's life; the first word stands."""
        stands = self._journal.settle(signature, width, evidence)
        self._settled[signature] = stands
        return stands

    def stop(self, why: str) -> None:
        """From now on slices are sent home when they ask or report."""
        self._stopping = why

    def _take(
        self,
        assignment: int,
        attempt: int,
        measurements: Sequence[Measurement],
        checkpoints: Mapping[int, tuple[int, bytes]],
        complete: bool,
    ) -> bool:
        """Journals a report and lets the strategy observe it; whether the attempt is current."""
        receipt = self._journal.report(assignment, attempt, measurements, checkpoints, complete)
        self._strategy.observe(receipt.accepted)
        self.trial_epochs += len(receipt.accepted)
        return not receipt.stale

    def _attended(self, slice_name: str) -> frozenset[Signature]:
        """What other slices have compiled or are at; nothing once the slice waited long enough.

        Waiting at most as long as compiling takes costs at most twice what knowing would.
        """
        idle_s = self._clock() - self._idle_since.get(slice_name, self._clock())
        if idle_s > COMPILE_S:
            return frozenset()
        others = [known for name, known in self._warm.items() if name != slice_name]
        at_work = [found.signature for name, found in self.held.items() if name != slice_name]
        return frozenset().union(*others, at_work)

    def _next(self, warm: Collection[Signature], attended: Collection[Signature]) -> _Open | None:
        """What was lost before comes first; else what the strategy decides."""
        if self._waiting:
            known = [found for found in self._waiting if found.assignment.signature in warm]
            found = known[0] if known else self._waiting[0]
            self._waiting.remove(found)
            return found
        assignment = self._strategy.next_assignment(warm, attended)
        news = self._strategy.news()
        if assignment is None:
            self._journal.decide(news)
            return None
        number = self._journal.issue(assignment, decisions=news)
        return _Open(number, assignment, assignment.trials)

    def _claim(self, found: _Open, attempt: int, lanes: tuple[Lane, ...]) -> Claim:
        signature = found.assignment.signature
        settled = self._settled.get(signature)
        return Claim(
            assignment=found.number,
            attempt=attempt,
            lanes=lanes,
            last_epoch=found.assignment.last_epoch,
            signature=signature,
            width=settled.width if settled else None,
            expected_lane_epochs=self._strategy.expected_lane_epochs(signature),
            precision=settled.precision if settled else "",
        )

    def _lanes(self, found: _Open) -> tuple[Lane, ...]:
        """The assignment's trials with their checkpoints; one whose file is damaged is given up."""
        lanes = []
        for index in found.remaining:
            try:
                lanes.append(self._lane(self._strategy.trials[index]))
            except StudyError as error:
                self._give_up(index, str(error))
        return tuple(lanes)

    def _lane(self, trial: Trial) -> Lane:
        record = self._journal.latest_checkpoint(trial.index)
        if record is None and trial.parent is not None:
            record = self._journal.latest_checkpoint(*trial.parent)
        if record is None:
            return Lane(trial)
        best = self._journal.best(trial.index, self._best_by) if self._best_by else None
        return Lane(trial, record.epoch, self._journal.read_checkpoint(record), best)

    def _give_up(self, trial: int, error: str) -> None:
        self._journal.fail_trial(trial, error)
        self._strategy.fail(trial)

    def _as_it_stands(self, found: _Open) -> _Open | None:
        """The same, less what was reported; None if nothing is left to do."""
        for known in self._journal.open_assignments():
            if known.id == found.number and known.unfinished:
                return _Open(known.id, known.assignment, known.unfinished, known.faults)
        return None

    def _retry(self, found: _Open | None, error: str) -> None:
        if found is None:
            return
        if len(found.remaining) > 1:
            parts = self._journal.split(found.number, [(trial,) for trial in found.remaining])
            self._waiting += [
                _Open(number, _part(found.assignment, trial), (trial,))
                for number, trial in zip(parts, found.remaining, strict=True)
            ]
        elif found.faults >= OWN_TRIES:
            (trial,) = found.remaining
            self._give_up(trial, error)
        else:
            self._waiting.append(found)


def _part(assignment: Assignment, trial: int) -> Assignment:
    return Assignment(
        (trial,),
        assignment.first_epoch,
        assignment.last_epoch,
        assignment.signature,
        assignment.purpose,
    )
