"""Raising pandas: the strategy of which each assignment is a day of one or several models.

Who keeps them (`Keeper`) says how the next day of a panda begins; everything else that a strategy
is asked is here. A day is decided when a slice asks for work and its panda's last day is over, so
the decision stands on all that was known then, and the journal holds it before anyone acts on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from caviar.search.beginning import Ready, SignatureOf, next_in_turn
from caviar.search.budget import Spending
from caviar.search.days import Days, Panda
from caviar.search.halt import Halt
from caviar.search.keeping import Keeper, Plan, Upbringing
from caviar.search.knobs import Knobs
from caviar.search.stacking import Pace, StackSize
from caviar.search.takeover import nudged, sent_back, why_not
from caviar.study.records import (
    Assignment,
    Change,
    ChangeKind,
    Entry,
    Failure,
    Measurement,
    Round,
    Signature,
    Trial,
    TrialState,
)

SCANNED: Final = 16
"""Pandas looked at in one decision; the rest have their turn later."""


class Raising:
    """Raises pandas (`caviar.search.strategy.Strategy`)."""

    def __init__(
        self, keeper: Keeper, knobs: Knobs, signature_of: SignatureOf, asked: Upbringing
    ) -> None:
        """Makes a fresh strategy.

        Args:
            keeper: says how days begin.
            knobs: what a person may move.
            signature_of: from hyperparameters to what they must be compiled for.
            asked: by the study.
        """
        self._keeper = keeper
        self._knobs = knobs
        self._signature_of = signature_of
        self._asked = asked
        self._days = Days(asked.metric)
        self._days.panda(asked.pandas - 1)
        self._trials: list[Trial] = []
        self._signatures: list[Signature] = []
        self._stack_size = StackSize(asked.stack, asked.slices)
        self._pace = Pace()
        self._spending = Spending(asked.budget, asked.metric, "days")
        self._news: list[Trial] = []
        self._halt = Halt()

    @property
    def trials(self) -> Sequence[Trial]:
        """Every trial so far, by index."""
        return self._trials

    def news(self) -> Sequence[Trial | Round | Change]:
        """What was decided since this was last asked, in order."""
        news, self._news = self._news, []
        return news

    @property
    def finished(self) -> bool:
        """Whether nothing runs and no panda has a day to come."""
        if self._days.running or self._halt.paused:
            return False
        return bool(self.ending) or not self._days_left

    @property
    def ending(self) -> str:
        """Why it ends, or waits, before its days are over, in words; or ""."""
        if self._halt.why:
            return self._halt.why
        is_spent = self._days_left and not self._epochs_left
        spent = self._spending.exhaustion if is_spent else ""
        return self._spending.ending(self.best) or spent

    @property
    def wanted(self) -> int:
        """How many trials there are to be."""
        return len(self._days.days) + (0 if self.finished else self._days_left)

    @property
    def best(self) -> Measurement | None:
        """The best measurement at the end of a day, if there is one."""
        return self._days.best

    @property
    def bests(self) -> Sequence[Measurement | None]:
        """Of each trial its best measurement at the end of a day, by index."""
        return [day.best for day in self._days.days]

    @property
    def most_lane_epochs(self) -> int:
        """An upper bound of the lane-epochs still to come."""
        days = 0 if self.ending else self._days_left * self._asked.day_epochs
        return self._promised + int(min(days, self._epochs_left))

    @property
    def likely_lane_epochs(self) -> int:
        """The lane-epochs that are most likely still to come: all of them."""
        return self.most_lane_epochs

    def state(self, trial: int) -> TrialState:
        """Where a trial stands."""
        return self._days.state(trial)

    def rung_table(self) -> list[tuple[int, int, int]]:
        """Pandas know no rungs."""
        return []

    def expected_lane_epochs(self, signature: Signature) -> int:
        """An upper bound of the lane-epochs still to come for trials of `signature`."""
        return self.most_lane_epochs

    def shared_by(self, slices: int) -> None:
        """From now on so many slices share the work."""
        self._stack_size.shared_by(slices)

    def next_assignment(
        self, warm: Collection[Signature] = (), attended: Collection[Signature] = ()
    ) -> Assignment | None:
        """A day of one panda, or of several that go the same way; None if all are at work.

        Args:
            warm: signatures whose compiled step the asking slice has ready; preferred.
            attended: not asked for: no panda waits for another slice.
        """
        if self.ending:
            return None
        ready = self._ready()
        day = next_in_turn(ready, warm)
        if not day:
            return None
        pace = self._pace.seconds(day[0].signature)
        most = self._stack_size.lanes(len(ready), self._asked.day_epochs, pace)
        return self._begin(day[:most])

    def observe(self, measurements: Iterable[Measurement]) -> None:
        """Takes committed measurements, in commit order."""
        for measurement in measurements:
            self._take(measurement)

    def fail(self, trial: int, *, stopped: bool = False) -> None:
        """A trial is given up, or its panda stopped for good by a person."""
        self._days.fail(trial, stopped=stopped)

    def refusal(self, change: Change) -> str | None:
        """Why a change cannot be made, in one line, or None; nothing happens."""
        match change.kind:
            case ChangeKind.NUDGE | ChangeKind.ROLLBACK:
                return why_not(change, self._days, self._knobs, self._asked.days, self._plan)
            case ChangeKind.ADD_TRIALS | ChangeKind.ADD_POINT | ChangeKind.NARROW:
                return f"{change.kind.replace('_', ' ')}: this study raises pandas: nudge them"
        return None

    def change(self, change: Change) -> None:
        """Takes a change that was journalled."""
        self._halt.change(change)
        self._days.change(change)

    def replay(self, entries: Iterable[Entry]) -> None:
        """Rebuilds a fresh strategy from the journal's entries, in commit order."""
        for entry in entries:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        match entry:
            case Trial():
                self._admit(entry)
            case Measurement():
                self._observe(entry)
            case Change():
                self.change(entry)
            case Assignment() | Failure():
                self._days.take(entry)

    # What is to come

    @property
    def _days_left(self) -> int:
        return sum(
            max(0, self._asked.days - len(panda.days))
            for panda in self._days.pandas
            if not panda.is_stopped
        )

    @property
    def _promised(self) -> int:
        """Epochs that running days still have to go."""
        return sum(self._days.days[trial].to_go for trial in self._days.running)

    @property
    def _epochs_left(self) -> float:
        """Epochs that the budget leaves beside what runs; inf without one."""
        return max(0, self._spending.left - self._promised)

    def _ready(self) -> list[Ready]:
        """The pandas whose next day can begin, those with the fewest days first."""
        left = [panda for panda in self._days.pandas if len(panda.days) < self._asked.days]
        idle = sorted(filter(lambda panda: panda.is_idle, left), key=lambda panda: len(panda.days))
        plans = [(panda, self._plan(panda)) for panda in idle[:SCANNED]]
        return [Ready(*one, self._signature_of(one[1].hyperparameters)) for one in plans]

    def _plan(self, panda: Panda) -> Plan:
        """How the panda's next day begins: as its keeper says, or a person."""
        if panda.last is None:
            plan = self._keeper.first(panda, self._days)
        elif panda.sent_back is not None:
            plan = sent_back(panda, panda.sent_back)
        else:
            plan = self._keeper.next(panda, self._days)
        return nudged(panda, plan)

    def _begin(self, days: Sequence[Ready]) -> Assignment:
        """Takes the days up, as many as the budget allows."""
        left, epoch = self._epochs_left, days[0].plan.epoch
        epochs = int(min(left, self._asked.day_epochs))
        days = days[: int(min(len(days), left // epochs))]
        first = len(self._days.days)
        trials = [one.trial(first + place, self._knobs) for place, one in enumerate(days)]
        for trial in trials:
            self._admit(trial)
        self._news += trials
        indices = tuple(trial.index for trial in trials)
        assignment = Assignment(indices, epoch, epoch + epochs, days[0].signature)
        self._days.start(assignment)
        return assignment

    # What happens

    def _admit(self, trial: Trial) -> None:
        self._days.admit(trial)
        self._trials.append(trial)
        self._signatures.append(self._signature_of(trial.hyperparameters))

    def _observe(self, measurement: Measurement) -> None:
        self._days.observe(measurement)
        self._spending.spent += 1
        self._pace.observe(self._signatures[measurement.trial], measurement.elapsed_s)
        day = self._days.days[measurement.trial]
        if day.ended is not None and day.curve[-1] is measurement:
            self._spending.arrive()
            self._spending.compare(self.best, self._asked.noise)
