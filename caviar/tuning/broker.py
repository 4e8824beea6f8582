"""The broker: it owns the study's journal and its strategy, and hands assignments to slices.

Everything is committed before anyone outside acts on it; a commit that fails ends the study. The
broker is plain Python; `broker_actor.py` puts it on Ray.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from caviar.errors import StudyError
from caviar.search.change_words import told
from caviar.search.stacking import COMPILE_S
from caviar.search.strategy import Strategy
from caviar.study.facts import CheckpointRecord, Outcome, Request
from caviar.study.journal import Journal
from caviar.study.records import (
    Assignment,
    Change,
    ChangeKind,
    Claim,
    Lane,
    Measurement,
    Settled,
    Signature,
    Terms,
    Trial,
    TrialState,
)
from caviar.study.run_tables import Budget
from caviar.study.storage import StorageError
from caviar.tuning.backing import read_at_once
from caviar.tuning.changes import Changes
from caviar.tuning.holdings import Holdings, Open
from caviar.tuning.messages import Answer, Finished, Wait
from caviar.tuning.spending import Spending

LOOK_EVERY_S: Final = 0.5
"""How often the journal is asked for requests, and the clock for budgets."""
ANEW_S: Final = 2.0
"""How often what needs a checkpoint from a storage that does not answer is tried again."""
PAUSED_S: Final = 0.3
"""After how long a slice of a paused study asks again."""


class Broker:
    """Claims, reports, retries; called by one thread at a time.

    A claim is an attempt of an assignment on a slice. A slice that claims again without having
    reported the end of its last one has lost it; what becomes of that is `Holdings`' affair.
    """

    def __init__(
        self,
        journal: Journal,
        strategy: Strategy,
        clock: Callable[[], float] = time.monotonic,
        best_by: str | None = None,
        budget: Budget | None = None,
        terms_of: Callable[[Trial], Terms] = lambda trial: Terms(),
    ) -> None:
        """Takes up a study where its journal stands.

        Args:
            journal: open for writing, with the lease held.
            strategy: fresh; it is replayed here.
            clock: seconds; how long a slice waits for another's compiled step, how often requests
                are looked for, and what is spent of the budget.
            best_by: the metric early stopping goes by; None where it is off, and no lane of a
                claim is told its best so far.
            budget: in force; only its hours are the broker's.
            terms_of: what a trial trains on, the same for all trials of an assignment.
        """
        self._terms_of = terms_of
        self._best_by = best_by
        self._clock = clock
        self._warm: dict[str, frozenset[Signature]] = {}
        self._idle_since: dict[str, float] = {}
        self._journal = journal
        self._strategy = strategy
        self._sent_home = False
        self._stopping = ""
        self._words: list[str] = []
        self._looked = self._tried = -math.inf
        strategy.replay(journal.entries())
        self.trial_epochs = journal.measured_epochs
        self._settled = journal.settled()
        self._holdings = Holdings(journal, self._give_up)
        self._changes = Changes(journal, strategy)
        self._spending = Spending(journal, budget or Budget(), clock)
        self._look()  # also at a stopped study: somebody may have said that it goes on

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train, or a stopped study has come to rest."""
        if self._holdings.busy:
            return False
        return bool(self.halted) or (not self._holdings.waiting and self._strategy.finished)

    @property
    def halted(self) -> str:
        """Why a person, or a budget of hours, stopped the study; or ""."""
        return self._changes.halted

    @property
    def ending(self) -> str:
        """Why the study ends, or waits, before its work is done, in words; or ""."""
        return self.halted or ("paused" if self._changes.paused else self._strategy.ending)

    def look(self) -> None:
        """Takes what people asked for meanwhile, and ends the study when its hours are spent.

        Cheap, and done at most every `LOOK_EVERY_S`. Once a slice was sent home, all will be, and
        what is asked then waits for the next run.
        """
        due = self._clock() - self._looked >= LOOK_EVERY_S
        if due and not (self._sent_home or self._stopping):
            self._look()

    def _look(self) -> None:
        self._looked = self._clock()
        for request in self._journal.requests(unanswered=True):
            self._take_request(request)
        spent = None if self.halted else self._spending.advance(self._holdings.busy)
        if spent is not None:
            self._changes.make(spent)
            self._words.append(told(spent))
        if self.halted:
            self._holdings.recall()

    def words(self) -> list[str]:
        """What was changed since this was last asked, in plain lines."""
        words, self._words = self._words, []
        return words

    @property
    def held(self) -> Mapping[str, Assignment]:
        """What each busy slice is at work on."""
        return self._holdings.held

    def clock_left_s(self, slices: int) -> float | None:
        """Seconds until a budget of hours is spent with so many slices; None without one."""
        return self._spending.left_s(slices)

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
        self.look()
        with self._journal.transaction():
            self._warm.pop(slice_name, None)
            self._holdings.come_back(slice_name)
            if self._stopping or self.halted:
                return self._farewell(self._stopping or self.halted)
            if self._changes.paused:
                return Wait(PAUSED_S)
            self._warm[slice_name] = frozenset(warm)
            self._try_put_back()
            found, lanes = self._able(warm, self._attended(slice_name))
            if found is None:
                self._idle_since.setdefault(slice_name, self._clock())
                return self._farewell("the study is complete") if self.finished else Wait()
            self._idle_since.pop(slice_name, None)
            if not lanes:
                return Wait(0.0)
            attempt = self._journal.start_attempt(found.number, slice_name)
        self._holdings.hold(slice_name, found, attempt)
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
        self.look()
        with self._journal.transaction():
            current = self._take(assignment, attempt, measurements, checkpoints, complete)
            if not (current and complete):
                recalled = self._holdings.is_recalled(slice_name)
                return Answer(go_on=current and not (self._stopping or recalled))
            # One that was set aside meanwhile is dead: it would keep an order for ever.
            is_there = self._holdings.holds(slice_name, assignment, attempt)
            self._holdings.done(assignment, attempt)
            order = self.claim(slice_name, warm) if is_there and warm is not None else None
            return Answer(not self._stopping, order)

    def abandon(self, slice_name: str, assignment: int, attempt: int, error: str) -> None:
        """Takes note that a slice failed at its assignment and lives to claim another."""
        if self._holdings.holds(slice_name, assignment, attempt):
            self.lose(slice_name, error, Outcome.FAILED)

    def lose(self, slice_name: str, error: str, outcome: Outcome = Outcome.LOST) -> None:
        """What a slice held is to be tried again: by trials of their own if it had several."""
        self._warm.pop(slice_name, None)
        self._holdings.lose(slice_name, error, outcome)

    def set_aside(self, slice_name: str) -> str | None:
        """A slice is gone: see `Holdings.set_aside`; `lose` tells what it was."""
        self._warm.pop(slice_name, None)
        return self._holdings.set_aside(slice_name)

    def shared_by(self, slices: int) -> None:
        """From now on so many slices share the work."""
        self._strategy.shared_by(slices)

    def settle(self, signature: Signature, width: int, evidence: Mapping[str, Any]) -> Settled:
        """Settles how a signature's step is called, for the study's life; the first word stands."""
        stands = self._journal.settle(signature, width, evidence)
        self._settled[signature] = stands
        return stands

    def stay(self) -> None:
        """Slices that were sent home come again: there is more for them than this search."""
        self._sent_home = False
        self._changes.goes_on = True

    @property
    def paused(self) -> bool:
        """Whether nothing is started until somebody says so."""
        return self._changes.paused

    @property
    def stops(self) -> int:
        """How often the study was halted."""
        return self._changes.stops

    @property
    def is_over(self) -> bool:
        """Whether the search came to its end, by itself or by a budget; no person stopped it."""
        return self.finished and (not self.halted or self._changes.by_budget)

    def stop(self, why: str) -> None:
        """From now on slices are sent home when they ask or report."""
        self._stopping = why

    def _take_request(self, request: Request) -> None:
        """Makes the change that was asked for, or says why not; slices are called back for it."""
        change = request.change
        if self._changes.take(request) is not None:
            return
        if change.kind == ChangeKind.STOP_TRIAL:
            self._holdings.recall(change.detail["trial"])
        self._words.append(told(change, self._strategy.wanted))

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

    def _farewell(self, why: str) -> Finished:
        self._sent_home = True
        return Finished(why)

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

    def _try_put_back(self) -> None:
        """Now and then: a storage that did not answer may do so again."""
        if self._clock() - self._tried >= ANEW_S:
            self._tried = self._clock()
            self._holdings.try_again()

    def _able(
        self, warm: Collection[Signature], attended: Collection[Signature]
    ) -> tuple[Open | None, tuple[Lane, ...]]:
        """The next whose checkpoints can be had now, with its lanes."""
        while (found := self._next(warm, attended)) is not None:
            try:
                return found, self._lanes(found)
            except StorageError:
                self._holdings.put_back(found)
        return None, ()

    def _next(self, warm: Collection[Signature], attended: Collection[Signature]) -> Open | None:
        """What was lost before comes first; else what the strategy decides."""
        lost = self._holdings.next(warm)
        if lost is not None:
            return lost
        assignment = self._strategy.next_assignment(warm, attended)
        news = self._strategy.news()
        self._words += [told(each) for each in news if isinstance(each, Change)]
        if assignment is None:
            self._journal.decide(news)
            return None
        number = self._journal.issue(assignment, decisions=news)
        return Open(number, assignment, assignment.trials)

    def _claim(self, found: Open, attempt: int, lanes: tuple[Lane, ...]) -> Claim:
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

    def _lanes(self, found: Open) -> tuple[Lane, ...]:
        """The assignment's trials with their checkpoints; one whose file is damaged is given up."""
        origins: dict[int, CheckpointRecord | None] = {}
        for index in found.remaining:
            try:
                origins[index] = self._origin(self._strategy.trials[index])
            except StudyError as error:
                self._give_up(index, str(error))
        lanes = []
        states = read_at_once(self._journal, origins.values())
        for (index, record), state in zip(origins.items(), states, strict=True):
            if isinstance(state, StudyError):
                self._give_up(index, str(state))
            else:
                lanes.append(self._lane(self._strategy.trials[index], record, state))
        return tuple(lanes)

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

    def _give_up(self, trial: int, error: str) -> None:
        self._journal.fail_trial(trial, error)
        self._strategy.fail(trial)
