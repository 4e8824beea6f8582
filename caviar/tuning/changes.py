"""Live changes: what people ask of a study, judged, journalled and told to its strategy.

A request is a row of the journal that any process may write; a change is a decision, in the
journal's order, that a replay makes again. Between the two stands whoever drives the study.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from caviar.search import narrowing
from caviar.search.drawing import GIVEN
from caviar.search.strategy import Strategy
from caviar.study import growth
from caviar.study.facts import Request
from caviar.study.growth import BY_PERSON, why_halted
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind, TrialState
from caviar.study.run_tables import UNBOUNDED

_ENDED: Final = (TrialState.COMPLETED, TrialState.STOPPED, TrialState.DIVERGED, TrialState.FAILED)


class Changes:
    """What was changed about a study, and how it is changed further.

    Attributes:
        halted: why nothing is started any more, or "".
        by_budget: whether a budget halted it, not a person.
        paused: whether nothing is started until somebody says so.
        goes_on: whether there is more to do once the strategy has finished.
        stops: how often it was halted.
    """

    def __init__(self, journal: Journal, strategy: Strategy) -> None:
        """Stands where the journal does.

        Args:
            journal: open; with the lease held for all that writes.
            strategy: replayed.
        """
        self.halted = ""
        self.by_budget = self.paused = self.goes_on = False
        self.stops = 0
        self._journal = journal
        self._strategy = strategy
        for change in journal.changes():
            self._follow(change)

    def refusal(self, change: Change) -> str | None:
        """Why a change cannot be made, in one line, or None; nothing happens."""
        match change.kind:
            case ChangeKind.STOP if self.halted and not self.goes_on:
                return f"the study is stopped already: {self.halted}"
            case ChangeKind.PAUSE if self.paused:
                return "the study is paused already"
            case ChangeKind.ADD_TRIALS | ChangeKind.ADD_POINT | ChangeKind.NARROW if self.goes_on:
                return "its search is over for this run, and the best are retrained: ask afterwards"
            case ChangeKind.PAUSE if self.halted and not self.goes_on:
                return f"the study is stopped: {self.halted}"
            case ChangeKind.STOP | ChangeKind.PAUSE if self._strategy.finished and not self.goes_on:
                return "the study is complete"
            case ChangeKind.CONTINUE if self.by_budget:
                return f"{self.halted}; to go on: caviar run with a larger one"
            case ChangeKind.CONTINUE if not (self.paused or self.halted):
                return "the study is neither paused nor stopped"
            case ChangeKind.STOP_TRIAL:
                return self._why_not_stopped(int(change.detail["trial"]))
        return self._strategy.refusal(change) or self._why_not_so_many(change)

    def take(self, request: Request) -> str | None:
        """Answers a request: makes the change or says why not, in one transaction."""
        refusal = self.refusal(request.change)
        with self._journal.transaction():
            if refusal is None:
                self.make(request.change)
            else:
                kind = str(request.change.kind)
                self._journal.record("request_refused", {"kind": kind, "why": refusal})
            self._journal.answer(request.number, refusal)
        return refusal

    def make(self, change: Change) -> None:
        """Journals a change and tells the strategy."""
        with self._journal.transaction():
            if change.kind == ChangeKind.STOP_TRIAL:
                self._stop_trial(int(change.detail["trial"]), BY_PERSON)
                return
            before = self._waiting() if change.kind == ChangeKind.NARROW else ()
            self._journal.decide([change])
            self.suppose(change)
            if before:
                self._give_way(change, before)

    def suppose(self, change: Change) -> None:
        """Goes on as if a change had been made, without a word in the journal."""
        if change.kind == ChangeKind.STOP_TRIAL:
            self._strategy.fail(int(change.detail["trial"]), stopped=True)
        else:
            self._follow(change)
            self._strategy.change(change)

    def _follow(self, change: Change) -> None:
        match change.kind:
            case ChangeKind.STOP:
                self.stops += 1
                self.halted = why_halted(change)
                self.by_budget = "budget" in change.detail
            case ChangeKind.PAUSE:
                self.paused = True
            case ChangeKind.CONTINUE:
                self.paused, self.halted, self.by_budget = False, "", False

    def _why_not_so_many(self, change: Change) -> str | None:
        trials = self._strategy.wanted + growth.added(change)
        if not growth.added(change) or trials < UNBOUNDED:
            return None
        return f"a study has less than {UNBOUNDED} trials, and this one would have {trials}"

    def _why_not_stopped(self, trial: int) -> str | None:
        known = len(self._strategy.trials)
        if not 0 <= trial < known:
            there = f"trials 0 to {known - 1}" if known else "no trials yet"
            return f"trial {trial}: the study has {there}"
        state = self._strategy.state(trial)
        return f"trial {trial}: it is {state} already" if state in _ENDED else None

    def _stop_trial(self, trial: int, why: str) -> None:
        self._journal.fail_trial(trial, why, stopped=True)
        self._strategy.fail(trial, stopped=True)

    def _waiting(self) -> tuple[int, ...]:
        trials = self._strategy.trials
        states = ((t.index, self._strategy.state(t.index)) for t in trials)
        return tuple(index for index, state in states if state == TrialState.WAITING)

    def _give_way(self, change: Change, waiting: Iterable[int]) -> None:
        """Trials that were drawn before a box was narrowed and lie outside it are drawn anew."""
        outside = [trial for trial in waiting if not self._is_left(change, trial)]
        for trial in outside:
            self._stop_trial(trial, f"outside {narrowing.told(change)}")
        if outside:
            detail = {"trials": len(outside), "why": "in place of those outside the narrowed box"}
            self.make(Change(ChangeKind.ADD_TRIALS, detail))

    def _is_left(self, change: Change, trial: int) -> bool:
        found = self._strategy.trials[trial]
        return found.origin == GIVEN or narrowing.leaves(change, found.hyperparameters)
