"""The caviar strategy: many trials side by side, the promising ones promoted.

A searcher draws trials into a small pool; successive halving says who goes on; what shares a
compiled step and an epoch range is packed into assignments. All of it is a function of the
journal's entries in commit order, so a killed driver that replays them decides as before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Final, Literal

from caviar.search.affinity import Affinity
from caviar.search.budget import UNLIMITED, Spending
from caviar.search.drawing import Drawing
from caviar.search.endgame import Endgame
from caviar.search.history import History
from caviar.search.ledger import ASIDE
from caviar.search.narrowing import narrowed, why_not
from caviar.search.noise import REPLICATE
from caviar.search.packing import Pool, packed
from caviar.search.stacking import COMPILE_S, Pace, StackSize
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
    Value,
)
from caviar.study.run_tables import UNBOUNDED, Budget

LOOK_AHEAD: Final = 64
"""Trials drawn ahead of their start, so that those of one signature can be packed together."""
SCANNED: Final = 256
"""Promotable trials of a rung looked at in one decision; the rest have their turn later."""

SignatureOf = Callable[[Mapping[str, Value]], Signature]


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
        self._drawing = drawing
        self._signature_of = signature_of
        self._wanted = trials
        self._halted = ""
        self._paused = False
        self._news: list[Trial | Round] = []
        self._metric = metric
        self._look_ahead = look_ahead
        self._stack_size = StackSize(stack, slices)
        self._history = History(rungs, reduction_factor, metric, brackets, noise)
        self._replicates = replicates
        self._spending = Spending(budget, metric)
        self._endgame = Endgame(self._history, self._spending, metric)
        self._pool = Pool()
        self._pace = Pace()
        self._affinity = Affinity(slices)

    @property
    def trials(self) -> Sequence[Trial]:
        """Every trial drawn so far, by index."""
        return self._history.ledger.trials

    def news(self) -> Sequence[Trial | Round]:
        """What was decided since this was last asked, in order."""
        news, self._news = self._news, []
        return news

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing could start any more."""
        if self._history.ledger.running or self._paused:
            return False
        return bool(self.ending) or (not self._startable and self._closing() is None)

    @property
    def ending(self) -> str:
        """Why it ends, or waits, before its work is done, in words; or ""."""
        if self._paused or self._halted:
            return "paused" if self._paused else self._halted
        return self._spending.ending(self.best) or self._exhaustion()

    @property
    def wanted(self) -> int:
        """How many trials there are to be, those not drawn yet included."""
        unknown = self._wanted >= UNBOUNDED
        return len(self.trials) if self._drawing.exhausted or unknown else self._wanted

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
    def most_lane_epochs(self) -> int:
        """An upper bound of the lane-epochs still to come."""
        most = self._history.ledger.most_lane_epochs(self._most, self._history.brackets)
        return int(min(most, self._spending.left))

    @property
    def likely_lane_epochs(self) -> int:
        """The lane-epochs still to come if nothing diverges and no rung's best comes late."""
        ledger, brackets = self._history.ledger, self._history.brackets
        if self.ending:
            return ledger.promised
        return int(min(ledger.likely_lane_epochs(self._most, brackets), self._spending.left))

    def expected_lane_epochs(self, signature: Signature) -> int:
        """An upper bound of the lane-epochs still to come for trials of `signature`."""
        ledger, brackets = self._history.ledger, self._history.brackets
        expected = ledger.expected_lane_epochs(signature, self._most, brackets)
        return int(min(expected, self._spending.left))

    def next_assignment(
        self, warm: Collection[Signature] = (), attended: Collection[Signature] = ()
    ) -> Assignment | None:
        """What a free slice should do now, or None while it can only wait.

        Args:
            warm: signatures whose compiled step the asking slice has ready; preferred.
            attended: those that other slices have ready; little work of theirs is left to them.
        """
        if self._paused or self._halted or self._spending.ending(self.best):
            return None
        self._draw()
        groups = list(self._groups())
        if self._spending.bounded:
            groups = self._endgame.within(groups)
        found = bool(groups)
        groups = self._left_over(groups, frozenset(attended) - frozenset(warm))
        preference = partial(self._affinity.preference, warm=frozenset(warm))
        group = min(groups, key=preference, default=None)
        assignment = None
        if group is not None:
            assignment = replace(group, trials=group.trials[: self._lanes(group)])
        elif not found:
            assignment = self._owed(warm, attended)
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
        self._pool.remove(trial)
        if not stopped and not aside:
            self._drawing.searcher.observe(self.trials[trial], 0, math.inf)

    def refusal(self, change: Change) -> str | None:
        """Why a change cannot be made, in one line, or None; nothing happens."""
        match change.kind:
            case ChangeKind.NUDGE | ChangeKind.ROLLBACK:
                return f"a {change.kind} is for a panda, and this study's strategy is caviar"
            case ChangeKind.ADD_TRIALS if self._wanted >= UNBOUNDED:
                return "the study has as many trials as its budget allows already"
            case ChangeKind.ADD_TRIALS if self._drawing.exhausted:
                return "the space is exhausted: its searcher has nothing new to try"
            case ChangeKind.ADD_POINT | ChangeKind.NARROW:
                return why_not(change, self._drawing)
        return None

    def change(self, change: Change) -> None:
        """Takes a change that was journalled."""
        match change.kind:
            case ChangeKind.ADD_TRIALS:
                self._wanted += int(change.detail["trials"])
            case ChangeKind.ADD_POINT:
                self._wanted += 1
                self._drawing.give(change.detail["hyperparameters"])
            case ChangeKind.STOP:
                self._halted = str(change.detail.get("why") or "stopped by a person")
            case ChangeKind.PAUSE:
                self._paused = True
            case ChangeKind.CONTINUE:
                self._paused, self._halted = False, ""
            case ChangeKind.NARROW:
                self._drawing.within(narrowed(self._drawing.box, self._drawing.space, change))

    def replay(self, entries: Iterable[Entry]) -> None:
        """Rebuilds a fresh strategy from the journal's entries, in commit order.

        The study may meanwhile want more trials or a larger `max_epochs`: who completed it then
        is paused at that rung now.
        """
        for entry in entries:
            match entry:
                case Trial():
                    self._admit(entry)
                case Assignment():
                    self._start(entry)
                case Measurement():
                    self._observe(entry)
                case Failure():
                    self.fail(entry.trial, stopped=entry.stopped)
                case Round():
                    self._drawing.note(entry)
                case Change():
                    self.change(entry)

    # What could start

    @property
    def _most(self) -> int:
        """How many trials there may be at most."""
        most = self._wanted + len(self._history.noise.replicates)
        return len(self.trials) if self._drawing.exhausted else most

    @property
    def _startable(self) -> int:
        """Trials that could start now, those not yet drawn included."""
        undrawn = max(0, self._most - len(self.trials))
        promotable = self._history.brackets.promotable_count
        paused = promotable + len(self._history.interrupted) + len(self._history.followers())
        return undrawn + len(self._pool) + paused + len(self._due())

    def _groups(self) -> Iterator[Assignment]:
        """All trials that could start, those that could go together in one assignment each."""
        ledger, brackets = self._history.ledger, self._history.brackets
        for trials in brackets.promotable(SCANNED):
            yield from packed(trials, ledger, brackets)
        yield from packed(self._history.followers(), ledger, brackets)
        yield from packed(islice(self._history.interrupted, SCANNED), ledger, brackets)
        yield from self._pool.packed()

    def _lanes(self, group: Assignment) -> int:
        epochs = group.last_epoch - group.first_epoch
        pace = self._pace.seconds(group.signature)
        return self._stack_size.lanes(self._startable, epochs, pace)

    def _left_over(
        self, groups: Sequence[Assignment], attended: frozenset[Signature]
    ) -> list[Assignment]:
        """The groups without those that are too little work to compile them once more."""
        work: Counter[Signature] = Counter()
        for group in groups:
            epochs = group.last_epoch - group.first_epoch
            work[group.signature] += len(group.trials) * epochs
        left = {found for found in attended if self._is_little(found, work[found])}
        return [group for group in groups if group.signature not in left]

    def _is_little(self, signature: Signature, lane_epochs: int) -> bool:
        """Whether so many lane-epochs take less time than to compile; False while unknown."""
        pace = self._pace.seconds(signature) or self._pace.slowest
        return pace is not None and lane_epochs * pace < COMPILE_S

    def _owed(
        self, warm: Collection[Signature], attended: Collection[Signature]
    ) -> Assignment | None:
        """The closing assignment, unless another slice has it ready."""
        assignment = self._closing()
        if assignment is None or assignment.signature in warm:
            return assignment
        epochs = assignment.last_epoch - assignment.first_epoch
        elsewhere = assignment.signature in attended
        return None if elsewhere and self._is_little(assignment.signature, epochs) else assignment

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
        goes_on = self._may_draw or self._endgame.within(self._groups()) or self._closing()
        return "" if goes_on else self._spending.exhaustion

    @property
    def _may_draw(self) -> bool:
        """Whether there is to be one more trial."""
        if len(self.trials) >= self._most:
            return False
        return not self._spending.bounded or len(self._pool) < self._endgame.room

    # What happens

    def _draw(self) -> None:
        """Fills the pool: replicates where they are due, then from the searcher."""
        for trial in self._due():
            self._admit(trial)
            self._news.append(trial)
        most = min(self._look_ahead, max(1, self._drawing.searcher.ahead))
        while len(self._pool) < most and self._may_draw:
            drawn = self._drawing.next(len(self.trials))
            if drawn is None:
                return
            trial, begun = drawn
            if begun is not None:
                self._drawing.note(begun)
                self._news.append(begun)
            self._admit(trial)
            self._news.append(trial)

    def _due(self) -> list[Trial]:
        """The replicates to be made now: of the best where the first eta^2 trials were compared."""
        noise, first = self._history.noise, self._history.brackets.ladders[0].rungs[0]
        missing = self._replicates - len(noise.replicates)
        enough = min(self._history.brackets.reduction_factor**2, self._wanted)
        if missing <= 0 or first.reached < enough:
            return []
        best = first.best
        number = noise.original if noise.original is not None or best is None else best[2]
        if number is None:
            return []
        of, begin = self.trials[number], len(self.trials)
        why = f"of trial {number}"
        return [
            Trial(index, of.point, of.hyperparameters, REPLICATE, why)
            for index in range(begin, begin + missing)
        ]

    def _admit(self, trial: Trial) -> None:
        signature = self._signature_of(trial.hyperparameters)
        self._history.admit(trial, signature)
        if trial.origin != REPLICATE:  # a searcher learns nothing from what was tried already
            self._drawing.note(trial)
        if trial.index < self._wanted + len(self._history.noise.replicates):
            first_rung = self._history.brackets.of(trial.index).rungs[0]
            repeats = trial.origin == REPLICATE
            self._pool.add(trial.index, signature, first_rung.epoch, before=repeats)

    def _start(self, assignment: Assignment) -> None:
        if not self._history.start(assignment):
            return
        self._affinity.note(assignment.signature)
        for trial in assignment.trials:
            self._pool.remove(trial)

    def _observe(self, measurement: Measurement) -> None:
        course = self._history.ledger.courses[measurement.trial]
        was_new = course.rungs == 0 and course.ended is None and course.bracket != ASIDE
        self._pace.observe(course.signature, measurement.elapsed_s)
        self._spending.spent += 1
        rank = self._history.observe(measurement)
        if was_new and (course.rungs or course.ended):
            self._spending.arrive()
        self._spending.compare(self.best, self.noise)
        if rank is not None and course.bracket != ASIDE:
            trial = self.trials[measurement.trial]
            self._drawing.searcher.observe(trial, measurement.epoch, rank[0])
