"""A list of trials, each trained to the end once: a winner's retraining, for one.

Nobody is promoted and nobody stops anybody. Trials of one replicate train under one seed and on the
same examples, so only they share an assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Literal

from caviar.search.dispatch import Dispatch
from caviar.search.successive_halving import merit_of
from caviar.search.supply import SignatureOf
from caviar.study.records import (
    Assignment,
    Change,
    Entry,
    Failure,
    Measurement,
    Purpose,
    Round,
    Signature,
    Terms,
    Trial,
    TrialState,
)


class Listed:
    """Trains given trials from their beginning to `epochs` (`caviar.search.strategy.Strategy`)."""

    def __init__(
        self,
        trials: Sequence[Trial],
        signature_of: SignatureOf,
        epochs: int,
        *,
        metric: str = "dev_accuracy",
        stack: int | Literal["auto"] = "auto",
        slices: int = 1,
        terms_of: Callable[[Trial], Terms] = lambda trial: Terms(),
    ) -> None:
        """Has begun nothing.

        Args:
            trials: by index from 0.
            signature_of: from hyperparameters to what they must be compiled for.
            epochs: of every training.
            metric: what the best is told by.
            stack: most lanes of an assignment.
            slices: how many share the work.
            terms_of: what a trial trains on; only those on the same terms share an assignment.
        """
        self._terms = [terms_of(trial) for trial in trials]
        self.trials: Sequence[Trial] = tuple(trials)
        self.best: Measurement | None = None
        self.bests: list[Measurement | None] = [None] * len(self.trials)
        self._epochs = epochs
        self._metric = metric
        self._signatures = [signature_of(trial.hyperparameters) for trial in trials]
        self._dispatch = Dispatch(stack, slices)
        self._states = dict.fromkeys(range(len(self.trials)), TrialState.WAITING)
        self._behind = dict.fromkeys(range(len(self.trials)), 0)
        self._told = False

    def news(self) -> Sequence[Trial | Round | Change]:
        """The list, once."""
        told, self._told = self._told, True
        return () if told else self.trials

    @property
    def finished(self) -> bool:
        """Whether all came to an end."""
        return not self._left()

    @property
    def ending(self) -> str:
        """Nothing ends it early."""
        return ""

    @property
    def wanted(self) -> int:
        """How many trials there are."""
        return len(self.trials)

    @property
    def most_lane_epochs(self) -> int:
        """The lane-epochs still to come."""
        return sum(self._epochs - self._behind[trial] for trial in self._left())

    @property
    def likely_lane_epochs(self) -> int:
        """The same."""
        return self.most_lane_epochs

    def state(self, trial: int) -> TrialState:
        """Where a trial stands."""
        return self._states[trial]

    def rung_table(self) -> list[tuple[int, int, int]]:
        """The end, and who came there."""
        return [(self._epochs, len(self.trials) - len(self._left()), 0)]

    def shared_by(self, slices: int) -> None:
        """From now on so many slices share the work."""
        self._dispatch.shared_by(slices)

    def next_assignment(
        self, warm: Collection[Signature] = (), attended: Collection[Signature] = ()
    ) -> Assignment | None:
        """The oldest waiting trials that can go together, as far as a stack takes them."""
        groups = self._groups()
        waiting = sum(len(group.trials) for group in groups)
        ready = frozenset(warm), frozenset(attended)
        found = self._dispatch.choose(groups, waiting, *ready)
        if found is not None:
            self._start(found)
        return found

    def observe(self, measurements: Iterable[Measurement]) -> None:
        """Takes committed measurements, in commit order."""
        for measurement in measurements:
            self._observe(measurement)

    def fail(self, trial: int, *, stopped: bool = False) -> None:
        """A trial is given up, or `stopped`."""
        self._states[trial] = TrialState.STOPPED if stopped else TrialState.FAILED

    def refusal(self, change: Change) -> str | None:
        """Nothing about a list can be changed."""
        return f"a {change.kind} is for a search, and these trials are a fixed list"

    def change(self, change: Change) -> None:
        """Never comes: every change is refused."""

    def expected_lane_epochs(self, signature: Signature) -> int:
        """The lane-epochs still to come for trials of `signature`."""
        mine = [trial for trial in self._left() if self._signatures[trial] == signature]
        return sum(self._epochs - self._behind[trial] for trial in mine)

    def replay(self, entries: Iterable[Entry]) -> None:
        """Rebuilds where the list stands."""
        for entry in entries:
            match entry:
                case Trial():
                    self._told = True
                case Assignment():
                    self._start(entry)
                case Measurement():
                    self._observe(entry)
                case Failure():
                    self.fail(entry.trial, stopped=entry.stopped)

    def _left(self) -> list[int]:
        open_states = (TrialState.WAITING, TrialState.RUNNING)
        return [trial for trial, state in self._states.items() if state in open_states]

    def _groups(self) -> list[Assignment]:
        """Those that wait, by terms and signature, the first replicate first."""
        groups: dict[tuple[Terms, Signature], list[int]] = {}
        for trial in sorted(self.trials, key=lambda trial: (trial.draw or 0, trial.index)):
            if self._states[trial.index] is TrialState.WAITING:
                key = self._terms[trial.index], self._signatures[trial.index]
                groups.setdefault(key, []).append(trial.index)
        return [
            Assignment(tuple(members), 0, self._epochs, signature, Purpose.RETRAINING)
            for (_, signature), members in groups.items()
        ]

    def _start(self, assignment: Assignment) -> None:
        self._dispatch.note(assignment.signature)
        for trial in assignment.trials:
            if self._states[trial] is TrialState.WAITING:
                self._states[trial] = TrialState.RUNNING

    def _observe(self, measurement: Measurement) -> None:
        trial = measurement.trial
        self._dispatch.observe(self._signatures[trial], measurement.elapsed_s)
        self._behind[trial] = measurement.epoch
        if measurement.diverged:
            self._states[trial] = TrialState.DIVERGED
            return
        if measurement.stopped:
            self._states[trial] = TrialState.STOPPED
        elif measurement.epoch >= self._epochs:
            self._states[trial] = TrialState.COMPLETED
        else:
            return
        self.bests[trial] = measurement
        known = [measurement] if self.best is None else [self.best, measurement]
        self.best = min(known, key=partial(merit_of, metric=self._metric))
