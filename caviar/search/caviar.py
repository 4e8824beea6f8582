"""The caviar strategy: many trials side by side, the promising ones promoted.

A searcher draws trials into a small pool; successive halving says who goes on; what shares a
compiled step and an epoch range is packed into assignments. All of it is a function of the
journal's entries in commit order, so a killed driver that replays them decides as before.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Literal

from caviar.search.budget import UNLIMITED, Spending
from caviar.search.dispatch import Dispatch
from caviar.search.drawing import Drawing
from caviar.search.endgame import Endgame
from caviar.search.halt import Halt
from caviar.search.history import History
from caviar.search.ledger import ASIDE
from caviar.search.narrowing import narrowed, why_not
from caviar.search.packing import packed
from caviar.search.supply import SignatureOf, Supply
from caviar.search.trust import Trust
from caviar.study.records import (
    Assignment,
    Change,
    ChangeKind,
    Entry,
    Failure,
    Measurement,
    Purpose,
    Round,
    Signature,
    Trial,
    TrialState,
)
from caviar.study.run_tables import UNBOUNDED, Budget

LOOK_AHEAD: Final = 64
"""Trials drawn ahead of their start, so that those of one signature can be packed together."""
SCANNED: Final = 256
"""Promotable trials of a rung looked at in one decision; the rest have their turn later."""


class CaviarStrategy:
    """A searcher and rungs, packed into assignments (`caviar.search.strategy.Strategy`).

    A free slice gets promotions first (highest rung first), then new trials, but what it has
    compiled before what it has not (`caviar.search.affinity`). It gets nothing only when nothing
    could start, or what could is done sooner by another slice that has it compiled.
    """

    def __init__(
        self,
        *,
        drawing: Drawing,
        signature_of: SignatureOf,
        trials: int,
        rungs: Sequence[int],
        reduction_factor: float = 3,
        brackets: int = 1,
        metric: str = "dev_accuracy",
        stack: int | Literal["auto"] = "auto",
        slices: int = 1,
        look_ahead: int = LOOK_AHEAD,
        budget: Budget = UNLIMITED,
        noise: float = 0.0,
        replicates: int = 0,
    ) -> None:
        """Makes a fresh strategy.

        Args:
            drawing: makes the trials, from a searcher's points.
            signature_of: from hyperparameters to what they must be compiled for.
            trials: how many to draw.
            rungs: epochs at which trials are compared, ascending, ending with `max_epochs`.
            reduction_factor: eta; one in so many goes on from a rung.
            brackets: ladders of rungs, each beginning a rung later; at most as many as rungs.
            metric: "dev_accuracy", "dev_loss" or "train_loss".
            stack: most lanes of an assignment.
            slices: how many slices share the work.
            look_ahead: most trials drawn before they can start.
            budget: after which it ends; its hours are the broker's.
            noise: differences of the metric below it are luck.
            replicates: repeats of the best early trial that tell the noise.
        """
        self._halt = Halt()
        self._history = History(rungs, reduction_factor, metric, brackets, noise)
        self._supply = Supply(drawing, signature_of, self._history, trials, look_ahead, replicates)
        self._dispatch = Dispatch(stack, slices)
        self._spending = Spending(budget, metric)
        self._endgame = Endgame(self._history, self._spending, metric)
        # Who asks for so many trials expects them to cost what the rungs say.
        if self._spending.bounded and trials >= UNBOUNDED and brackets == 1 and len(rungs) > 2:
            trust = Trust(rungs[0], rungs[1], self._spending.total)
            self._history.trust = trust if trust.scouts else None

    @property
    def trials(self) -> Sequence[Trial]:
        """Every trial drawn so far, by index."""
        return self._history.ledger.trials

    def news(self) -> Sequence[Trial | Round]:
        """What was decided since this was last asked, in order."""
        news, self._supply.news = self._supply.news, []
        return news

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing could start any more."""
        if self._history.ledger.running or self._halt.paused:
            return False
        return bool(self.ending) or (not self._startable and self._closing() is None)

    @property
    def ending(self) -> str:
        """Why it ends, or waits, before its work is done, in words; or ""."""
        return self._halt.why or self._spending.ending(self.best) or self._exhaustion()

    @property
    def wanted(self) -> int:
        """How many trials there are to be, those not drawn yet included."""
        return self._supply.wanted

    @property
    def noise(self) -> float:
        """The noise in force where the best trial was measured, in units of the metric."""
        return self._history.noise_in_force

    def state(self, trial: int) -> TrialState:
        """Where a trial stands."""
        return self._history.state(trial)

    def rung_table(self) -> list[tuple[int, int, int]]:
        """Of each rung: its epoch, how many tried to reach it, how many went on from it.

        Of several brackets one after the other (`caviar.study.ladders.numbers`).
        """
        return self._history.rung_table()

    @property
    def best(self) -> Measurement | None:
        """The best measurement where a trial paused, completed or stopped, if there is one."""
        return self._history.best

    @property
    def bests(self) -> Sequence[Measurement | None]:
        """Of each trial its best measurement at the end of an assignment, by index."""
        return [course.best for course in self._history.ledger.courses]

    @property
    def most_lane_epochs(self) -> int:
        """An upper bound of the lane-epochs still to come."""
        most = self._history.ledger.most_lane_epochs(self._supply.most, self._history.brackets)
        return int(min(most, self._spending.left))

    @property
    def likely_lane_epochs(self) -> int:
        """The lane-epochs still to come if nothing diverges and no rung's best comes late."""
        ledger, brackets = self._history.ledger, self._history.brackets
        if self.ending:
            return ledger.promised
        return int(min(ledger.likely_lane_epochs(self._supply.most, brackets), self._spending.left))

    def expected_lane_epochs(self, signature: Signature) -> int:
        """An upper bound of the lane-epochs still to come for trials of `signature`."""
        ledger, brackets = self._history.ledger, self._history.brackets
        expected = ledger.expected_lane_epochs(signature, self._supply.most, brackets)
        return int(min(expected, self._spending.left))

    def shared_by(self, slices: int) -> None:
        """From now on so many slices share the work."""
        self._dispatch.shared_by(slices)

    def next_assignment(
        self, warm: Collection[Signature] = (), attended: Collection[Signature] = ()
    ) -> Assignment | None:
        """What a free slice should do now, or None while it can only wait.

        Args:
            warm: signatures whose compiled step the asking slice has ready; preferred.
            attended: those that other slices have ready; little work of theirs is left to them.
        """
        if self._halt.why or self._spending.ending(self.best):
            return None
        self._supply.draw(self._room)
        groups = list(self._groups())
        if self._spending.bounded:
            groups = self._endgame.within(groups)
        ready = frozenset(warm), frozenset(attended)
        if groups:
            assignment = self._dispatch.choose(groups, self._startable, *ready)
        else:
            owed = self._closing()
            is_left = owed is not None and self._dispatch.is_left(owed, *ready)
            assignment = None if is_left else owed
        if assignment is not None:
            self._start(assignment)
        return assignment

    def observe(self, measurements: Iterable[Measurement]) -> None:
        """Takes committed measurements, in commit order."""
        for measurement in measurements:
            self._observe(measurement)

    def fail(self, trial: int, *, stopped: bool = False) -> None:
        """A trial is given up: it ranks last in the rung it was running for; or was `stopped`."""
        course = self._history.ledger.courses[trial]
        aside = course.bracket == ASIDE
        if not stopped and not course.rungs and course.ended is None and not aside:
            self._spending.arrive()
        self._history.fail(trial, stopped=stopped)
        self._supply.remove(trial)
        if not stopped and not aside:
            self._supply.drawing.searcher.observe(self.trials[trial], 0, math.inf)

    def refusal(self, change: Change) -> str | None:
        """Why a change cannot be made, in one line, or None; nothing happens."""
        match change.kind:
            case ChangeKind.NUDGE | ChangeKind.ROLLBACK:
                return f"a {change.kind} is for a panda, and this study's strategy is caviar"
            case ChangeKind.ADD_TRIALS if self._supply.asked >= UNBOUNDED:
                return "the study has as many trials as its budget allows already"
            case ChangeKind.ADD_TRIALS if self._supply.drawing.exhausted:
                return "the space is exhausted: its searcher has nothing new to try"
            case ChangeKind.ADD_POINT | ChangeKind.NARROW:
                return why_not(change, self._supply.drawing)
        return None

    def change(self, change: Change) -> None:
        """Takes a change that was journalled."""
        self._halt.change(change)
        match change.kind:
            case ChangeKind.ADD_TRIALS:
                self._supply.asked += int(change.detail["trials"])
            case ChangeKind.ADD_POINT:
                self._supply.asked += 1
                self._supply.drawing.give(change.detail["hyperparameters"])
            case ChangeKind.NARROW:
                drawing = self._supply.drawing
                drawing.within(narrowed(drawing.box, drawing.space, change))

    def replay(self, entries: Iterable[Entry]) -> None:
        """Rebuilds a fresh strategy from the journal's entries, in commit order.

        The study may meanwhile want more trials or a larger `max_epochs`: who completed it then
        is paused at that rung now.
        """
        for entry in entries:
            match entry:
                case Trial():
                    self._supply.admit(entry)
                case Assignment():
                    self._start(entry)
                case Measurement():
                    self._observe(entry)
                case Failure():
                    self.fail(entry.trial, stopped=entry.stopped)
                case Round():
                    self._supply.drawing.note(entry)
                case Change():
                    self.change(entry)

    # What could start

    @property
    def _startable(self) -> int:
        """Trials that could start now, those not yet drawn included."""
        promotable = self._history.brackets.promotable_count
        paused = promotable + len(self._history.interrupted) + len(self._history.followers())
        return self._supply.startable + paused

    @property
    def _room(self) -> float:
        """How many trials that have not started yet could still be."""
        return self._endgame.room if self._spending.bounded else math.inf

    def _groups(self) -> Iterator[Assignment]:
        """All trials that could start, those that could go together in one assignment each."""
        ledger, brackets = self._history.ledger, self._history.brackets
        for trials in brackets.promotable(SCANNED):
            yield from packed(trials, ledger, brackets)
        yield from packed(self._history.followers(), ledger, brackets)
        yield from packed(islice(self._history.interrupted, SCANNED), ledger, brackets)
        yield from self._supply.packed()

    def _closing(self) -> Assignment | None:
        """What is owed when nothing else may start.

        Where a budget is what holds it back, the best trial's last steps; else the late best of a
        rung, and one trial at the top.
        """
        if self._spending.bounded and self._startable:
            return self._endgame.last_steps()
        owed = None if self._history.ledger.running else self._history.brackets.owed()
        if owed is None:
            return None
        trial, first_epoch, last_epoch = owed
        last_epoch = min(last_epoch, first_epoch + int(min(self._spending.left, last_epoch)))
        signature = self._history.ledger.courses[trial].signature
        found = Assignment((trial,), first_epoch, last_epoch, signature, Purpose.COMPLETION)
        return found if last_epoch > first_epoch else None

    def _exhaustion(self) -> str:
        """That the trial-epochs are spent, if something is left to do without them; or ""."""
        if not self._spending.bounded or self._history.ledger.running:
            return ""
        if not self._startable and self._history.brackets.owed() is None:
            return ""
        goes_on = (
            self._supply.may_draw(self._room)
            or self._endgame.within(self._groups())
            or self._closing()
        )
        return "" if goes_on else self._spending.exhaustion

    # What happens

    def _start(self, assignment: Assignment) -> None:
        if not self._history.start(assignment):
            return
        self._dispatch.note(assignment.signature)
        for trial in assignment.trials:
            self._supply.remove(trial)

    def _observe(self, measurement: Measurement) -> None:
        course = self._history.ledger.courses[measurement.trial]
        was_new = course.rungs == 0 and course.ended is None and course.bracket != ASIDE
        self._dispatch.observe(course.signature, measurement.elapsed_s)
        self._spending.spent += 1
        rank = self._history.observe(measurement)
        if was_new and (course.rungs or course.ended):
            self._spending.arrive()
        self._spending.compare(self.best, self.noise)
        if rank is not None and course.bracket != ASIDE:
            trial = self.trials[measurement.trial]
            self._supply.drawing.searcher.observe(trial, measurement.epoch, rank[0])
