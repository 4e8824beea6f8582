"""The broker: it owns the study's journal and its strategy, and hands assignments to slices.

Everything is committed before anyone outside acts on it; a commit that fails ends the study. The
broker is plain Python; `broker_actor.py` puts it on Ray.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from caviar.search.change_words import told
from caviar.search.strategy import Strategy
from caviar.study.facts import Outcome, Request
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
from caviar.tuning.changes import Changes
from caviar.tuning.claims import Claims
from caviar.tuning.holdings import Holdings, Open
from caviar.tuning.messages import Answer, Finished, Wait
from caviar.tuning.spending import Spending
from caviar.tuning.warmth import Warmth

LOOK_EVERY_S: Final = 0.5
"""How often the journal is asked for requests, and the clock for budgets."""
ANEW_S: Final = 2.0
"""How often what needs a checkpoint from a storage that does not answer is tried again."""
PAUSED_S: Final = 0.3
"""After how long a slice of a paused study asks again."""


class Broker:
    """Claims, reports, retries; called by one thread at a time.

    A claim is an attempt of an assignment on a slice. A slice that claims again without having
    reported the end of its last one has lost it; what becomes of that is `Holdings`' affair. One
    that never got its answer asks with the same number, and gets the same.
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
        self._clock = clock
        self._journal = journal
        self._strategy = strategy
        self._sent_home = False
        self._stopping = ""
        self._words: list[str] = []
        self._numbers: dict[str, int] = {}
        self._looked = self._tried = -math.inf
        strategy.replay(journal.entries())
        self.trial_epochs = journal.measured_epochs
        self._warmth = Warmth(clock)
        self._claims = Claims(journal, strategy, best_by, terms_of)
        self._holdings = Holdings(journal, self._claims.give_up)
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

    def claim(
        self, slice_name: str, warm: Collection[Signature], number: int | None = None
    ) -> Claim | Wait | Finished:
        """The next assignment for a slice.

        Args:
            slice_name: who asks; what it still held is lost by this.
            warm: the signatures whose compiled step it has ready; preferred.
            number: of the slice's claims, rising; the same again says that no answer came, and
                nothing is lost by it. None: one that is never asked again.
        """
        self.look()
        if number is not None and number < self._numbers.get(slice_name, number):
            return Wait()  # it was long on its way, and nobody listens any more
        with self._journal.transaction():
            again = self._again(slice_name) if self.is_answered(slice_name, number) else None
            if number is not None:
                self._numbers[slice_name] = number
            return again or self._order(slice_name, warm)

    def is_answered(self, slice_name: str, number: int | None) -> bool:
        """Whether the slice's claim of this number was answered before, with whatever it was."""
        return number is not None and self._numbers.get(slice_name) == number

    def _again(self, slice_name: str) -> Claim | None:
        """What a slice was given and never heard of; None if that does not stand any more."""
        held = None if self._stopping or self.halted else self._holdings.of(slice_name)
        if held is not None:
            found, attempt = held
            try:
                lanes = self._claims.lanes(found)
            except StorageError:
                lanes = ()
            if lanes:
                return self._claims.of(found, attempt, lanes)
        self._holdings.recall_from(slice_name)  # it never had it: nobody is to blame
        return None

    def _order(self, slice_name: str, warm: Collection[Signature]) -> Claim | Wait | Finished:
        self.put_down(slice_name)
        if self._stopping or self.halted:
            return self._farewell(self._stopping or self.halted)
        if self._changes.paused:
            return Wait(PAUSED_S)
        self._warmth.ask(slice_name, warm)
        self._try_put_back()
        found, lanes = self._able(warm, self._warmth.attended(slice_name, self.held))
        if found is None:
            self._warmth.idle(slice_name)
            return self._farewell("the study is complete") if self.finished else Wait()
        self._warmth.busy(slice_name)
        if not lanes:
            return Wait(0.0)
        attempt = self._journal.start_attempt(found.number, slice_name)
        given = tuple(lane.trial.index for lane in lanes)
        self._holdings.hold(slice_name, replace(found, remaining=given), attempt)
        return self._claims.of(found, attempt, lanes)

    def report(
        self,
        slice_name: str,
        assignment: int,
        attempt: int,
        measurements: Sequence[Measurement],
        checkpoints: Mapping[int, tuple[int, bytes]],
        complete: bool,
        warm: Collection[Signature] | None = None,
        number: int | None = None,
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
            number: as in `claim`, of that order.
        """
        self.look()
        with self._journal.transaction():
            current = self._take(assignment, attempt, measurements, checkpoints, complete)
            if complete and warm is not None and self.is_answered(slice_name, number):
                return Answer(not self._stopping, self.claim(slice_name, warm, number))
            if not (current and complete):
                recalled = self._holdings.is_recalled(slice_name)
                return Answer(go_on=current and not (self._stopping or recalled))
            # One that was set aside meanwhile is dead: it would keep an order for ever.
            is_there = self._holdings.holds(slice_name, assignment, attempt)
            self._holdings.done(assignment, attempt)
            chained = is_there and warm is not None
            order = self.claim(slice_name, warm or (), number) if chained else None
            return Answer(not self._stopping, order)

    def abandon(self, slice_name: str, assignment: int, attempt: int, error: str) -> None:
        """Takes note that a slice failed at its assignment and lives to claim another."""
        if self._holdings.holds(slice_name, assignment, attempt):
            self.lose(slice_name, error, Outcome.FAILED)

    def lose(self, slice_name: str, error: str, outcome: Outcome = Outcome.LOST) -> None:
        """What a slice held is to be tried again: by trials of their own if it had several."""
        self._warmth.leave(slice_name)
        self._holdings.lose(slice_name, error, outcome)

    def set_aside(self, slice_name: str) -> str | None:
        """A slice is gone: see `Holdings.set_aside`; `lose` tells what it was."""
        self._warmth.leave(slice_name)
        return self._holdings.set_aside(slice_name)

    def recall_from(self, slice_name: str) -> None:
        """A slice is to come back with its next report from what it holds; nobody is to blame."""
        self._holdings.recall_from(slice_name)

    def put_down(self, slice_name: str) -> None:
        """A slice holds nothing any more; what it did hold is lost unless it was called back."""
        with self._journal.transaction():
            self._warmth.leave(slice_name)
            self._holdings.come_back(slice_name)

    def shared_by(self, slices: int) -> None:
        """From now on so many slices share the work."""
        self._strategy.shared_by(slices)

    def settle(self, signature: Signature, width: int, evidence: Mapping[str, Any]) -> Settled:
        """See `Claims.settle`."""
        return self._claims.settle(signature, width, evidence)

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
                return found, self._claims.lanes(found)
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
