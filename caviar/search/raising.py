"""Raising pandas: the strategy of which each assignment is a day of one or several models.

Who keeps them (`Keeper`) says how the next day of a panda begins; everything else that a strategy
is asked is here. A day is decided when a slice asks for work and its panda's last day is over, so
the decision stands on all that was known then, and the journal holds it before anyone acts on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from caviar.search.days import Days, Panda
from caviar.search.judging import cost_of
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
    Value,
)

SCANNED: Final = 16
"""Pandas looked at in one decision; the rest have their turn later."""

HURRY: Final = 2
"""Days that a panda must be behind others for a slice to compile for it."""

SignatureOf = Callable[[Mapping[str, Value]], Signature]


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
        self._news: list[Trial] = []
        self._halted = ""
        self._paused = False
        self._reached = ""
        self._since_best = 0

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
        if self._days.running or self._paused:
            return False
        return bool(self.ending) or not self._days_left

    @property
    def ending(self) -> str:
        """Why it ends, or waits, before its days are over, in words; or ""."""
        if self._paused:
            return "paused"
        return self._halted or self._reached or self._spent

    @property
    def wanted(self) -> int:
        """How many trials there are to be."""
        return len(self._days.days) + (0 if self.finished else self._days_left)

    @property
    def best(self) -> Measurement | None:
        """The best measurement at the end of a day, if there is one."""
        return self._days.best

    @property
    def most_lane_epochs(self) -> int:
        """An upper bound of the lane-epochs still to come."""
        running = sum(self._epochs_to_go(trial) for trial in self._days.running)
        days = 0 if self.ending else self._days_left * self._asked.day_epochs
        left = self._epochs_left
        return running + (days if left is None else min(days, max(0, left)))

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
        groups: dict[tuple[Signature, int], list[tuple[Panda, Plan]]] = {}
        idle = [panda for panda in self._days.pandas if self._is_ready(panda)]
        ready = sorted(idle, key=lambda panda: len(panda.days))[:SCANNED]
        for panda in ready:
            plan = self._plan(panda)
            kind = self._signature_of(plan.hyperparameters)
            groups.setdefault((kind, plan.epoch), []).append((panda, plan))
        if not groups:
            return None
        signature, epoch = min(groups, key=lambda kind: _turn(kind[0], groups[kind], warm))
        pace = self._pace.seconds(signature)
        most = self._stack_size.lanes(len(ready), self._asked.day_epochs, pace)
        return self._begin(groups[signature, epoch][:most], signature, epoch)

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
        self._days.change(change)
        match change.kind:
            case ChangeKind.STOP:
                self._halted = str(change.detail.get("why") or "stopped by a person")
            case ChangeKind.PAUSE:
                self._paused = True
            case ChangeKind.CONTINUE:
                self._paused, self._halted = False, ""

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
    def _epochs_left(self) -> int | None:
        """Epochs that the budget leaves beside what runs; None without one."""
        most = self._asked.trial_epochs
        if most is None:
            return None
        running = sum(self._epochs_to_go(trial) for trial in self._days.running)
        return most - self._days.trained - running

    @property
    def _spent(self) -> str:
        left = self._epochs_left
        if left is None or left > 0 or not self._days_left:
            return ""
        return f"the budget of {self._asked.trial_epochs:,} trial-epochs is spent"

    def _epochs_to_go(self, trial: int) -> int:
        day = self._days.days[trial]
        behind = day.curve[-1].epoch if day.curve else day.trial.first_epoch
        return max(0, (day.target or 0) - behind)

    def _is_ready(self, panda: Panda) -> bool:
        return panda.is_idle and len(panda.days) < self._asked.days

    def _plan(self, panda: Panda) -> Plan:
        """How the panda's next day begins: as its keeper says, or a person."""
        if panda.last is None:
            plan = self._keeper.first(panda, self._days)
        elif panda.sent_back is not None:
            plan = sent_back(panda, panda.sent_back)
        else:
            plan = self._keeper.next(panda, self._days)
        return nudged(panda, plan)

    def _begin(
        self, days: Sequence[tuple[Panda, Plan]], signature: Signature, epoch: int
    ) -> Assignment | None:
        """Takes the days up, as many as the budget allows."""
        left = self._epochs_left
        last = epoch + self._asked.day_epochs
        if left is not None:
            last = min(last, epoch + left)
            days = days[: max(1, left // (last - epoch))]
        first = len(self._days.days)
        for place, (panda, plan) in enumerate(days):
            trial = self._trial(first + place, panda, plan)
            self._admit(trial)
            self._news.append(trial)
        indices = tuple(range(first, first + len(days)))
        assignment = Assignment(indices, epoch, last, signature)
        self._days.start(assignment)
        return assignment

    def _trial(self, index: int, panda: Panda, plan: Plan) -> Trial:
        before = plan.before
        parent = (before.trial.index, plan.epoch) if before is not None else None
        values = dict(plan.hyperparameters)
        point = self._knobs.point(values)
        return Trial(index, point, values, plan.origin, plan.why, panda.number, parent)

    # What happens

    def _admit(self, trial: Trial) -> None:
        self._days.admit(trial)
        self._trials.append(trial)
        self._signatures.append(self._signature_of(trial.hyperparameters))

    def _observe(self, measurement: Measurement) -> None:
        before = self._days.best
        self._days.observe(measurement)
        self._pace.observe(self._signatures[measurement.trial], measurement.elapsed_s)
        day = self._days.days[measurement.trial]
        if day.ended is None or day.curve[-1] is not measurement:
            return
        self._since_best = 0 if self._days.best is not before else self._since_best + 1
        self._look(self._days.best)

    def _look(self, best: Measurement | None) -> None:
        """Whether the target is reached, or nothing gets better any more."""
        asked = self._asked
        if best is not None and asked.target is not None:
            goal = 1 - asked.target if asked.metric.endswith("accuracy") else asked.target
            if cost_of(best, asked.metric) <= goal:
                found = getattr(best, asked.metric)
                name = f"{asked.metric} reached {found:.4g}"
                self._reached = f"{name}, the target was {asked.target:g}"
        if asked.plateau is not None and self._since_best >= asked.plateau:
            self._reached = self._reached or f"{asked.plateau} days brought nothing better"


def _turn(
    signature: Signature, days: Sequence[tuple[Panda, Plan]], warm: Collection[Signature]
) -> tuple[int, int, int]:
    """Whose turn it is: who has the fewest days, where it takes no compiling; then the most."""
    fewest = min(len(panda.days) for panda, _ in days)
    return (fewest if signature in warm else fewest + HURRY, fewest, -len(days))
