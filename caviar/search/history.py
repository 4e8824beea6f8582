"""What happened to the trials of a study, told by the journal's entries: courses and rungs.

Both the strategy, which decides from it, and the standing, which only shows it, are built on this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Final

from caviar.search.brackets import Brackets
from caviar.search.ledger import ASIDE, Ledger
from caviar.search.noise import REPLICATE, Noise, believed
from caviar.search.successive_halving import Rank, merit_of, rank_of
from caviar.search.trust import Trust
from caviar.study.records import Assignment, Measurement, Signature, Trial, TrialState

_USABLE: Final = (None, TrialState.STOPPED)
"""How a trial may have ended whose network can be used."""


class History:
    """The ledger and the rungs, kept in step.

    Attributes:
        ledger: where every trial stands.
        brackets: who waits at which rung.
        best: the best measurement at the end of any assignment, of any trial whose network can be
            used; None if there is none. There its checkpoint is: whoever wants the network gets
            what was measured, and longer training that made a trial worse hides nothing.
        noise: how far equal trials lie apart.
        interrupted: paused trials that are at no rung, since the rungs were others when they came
            to their end; they go on without being compared again.
        trust: how far new trials are trained before they are first compared, if that is a question.
    """

    def __init__(
        self,
        rungs: Sequence[int],
        reduction_factor: float,
        metric: str,
        brackets: int = 1,
        noise: float = 0.0,
    ) -> None:
        """Makes an empty history; the arguments are the strategy's."""
        self.noise = Noise(noise)
        self.ledger = Ledger(brackets)
        self.brackets = Brackets(rungs, reduction_factor, brackets)
        self.best: Measurement | None = None
        self.interrupted: dict[int, None] = {}
        self.trust: Trust | None = None
        self._straight: set[int] = set()
        """Trials on their way from the beginning to a rung beyond their ladder's first."""
        self._metric = metric

    def state(self, trial: int) -> TrialState:
        """Where a trial stands."""
        return self.ledger.state(trial, self.brackets.top)

    def rung_table(self) -> list[tuple[int, int, int]]:
        """Of each rung of each bracket: epoch, how many tried to reach it, how many went on."""
        return self.brackets.table()

    def first_target(self, trial: int) -> int:
        """Epochs at which a trial that is drawn now is first compared, by its index."""
        first = self.brackets.of(trial).rungs[0].epoch
        return first if self.trust is None else self.trust.target(trial)

    def admit(self, trial: Trial, signature: Signature) -> None:
        """A trial was drawn."""
        bracket = self.brackets.number(trial.index)
        if trial.origin == REPLICATE:
            bracket = ASIDE
            self.brackets.set_aside(trial.index)
            self.noise.enter(trial.index, self._repeated(trial))
        self.ledger.add(trial, signature, bracket)

    @property
    def noise_in_force(self) -> float:
        """The noise where the best trial was measured, in units of the metric; 0 if unknown."""
        return self.noise.at(self.best.epoch if self.best is not None else 0)

    def followers(self) -> list[int]:
        """Replicates that wait at a rung while the trial they repeat went on from it."""
        courses = self.ledger.courses
        if self.noise.original is None:
            return []
        ahead = courses[self.noise.original].rungs
        return [
            trial
            for trial in self.noise.replicates
            if 0 < courses[trial].rungs < ahead
            and courses[trial].target is None
            and courses[trial].ended is None
            and trial not in self.interrupted
        ]

    def start(self, assignment: Assignment) -> bool:
        """An assignment was made; False if all its trials run already, as in a part of another."""
        fresh = [trial for trial in assignment.trials if trial not in self.ledger.running]
        for trial in fresh:
            self.interrupted.pop(trial, None)
            ladder = self.brackets.of(trial)
            ladder.leave(trial)
            self.ledger.start(trial, assignment.last_epoch)
            if not assignment.first_epoch and assignment.last_epoch > ladder.rungs[0].epoch:
                self._straight.add(trial)
        return bool(fresh)

    def observe(self, measurement: Measurement) -> Rank | None:
        """A measurement was committed.

        Returns:
            The trial's rank where it was compared or ended with it, else None.
        """
        course = self.ledger.courses[measurement.trial]
        if course.ended is not None:
            return None
        rank = self._rank(measurement)
        straight = measurement.trial in self._straight
        if straight and self.trust is not None:
            self.trust.see(measurement.trial, measurement.epoch, rank[0])
        if measurement.diverged:
            self._end(measurement.trial, measurement.epoch - 1, TrialState.DIVERGED)
            return rank
        course.epoch = measurement.epoch
        if measurement.stopped:
            self._stop(measurement, rank)
            return rank
        ladder = self.brackets.of(measurement.trial)
        at_rung = ladder.is_rung(measurement.epoch)
        if at_rung:
            passing = measurement.epoch != course.target
            self.ledger.climb(measurement.trial)
            if straight and passing:  # it was not to be compared here
                return None
            self._straight.discard(measurement.trial)
            ladder.arrive(measurement.epoch, rank, passing=passing)
            if course.bracket == ASIDE and self.noise.observe(measurement.epoch, course.scores[-1]):
                self.brackets.rerank(measurement.epoch, self._judged)
        if measurement.epoch == course.target:
            self._pause(measurement, at_rung=at_rung)
        return rank if at_rung else None

    def fail(self, trial: int, *, stopped: bool = False) -> None:
        """A trial was given up, or `stopped` by a person.

        If it was running, it ranks last in the rung it was running for; if a person stopped it
        where it was paused, it keeps its place there.
        """
        course = self.ledger.courses[trial]
        if course.ended is None:
            if stopped:
                self.brackets.of(trial).retire(trial)
            state = TrialState.STOPPED if stopped else TrialState.FAILED
            self._end(trial, course.epoch, state)

    def _rank(self, measurement: Measurement) -> Rank:
        """The rank of a trial by what it is believed to be worth now."""
        course, rank = self.ledger.courses[measurement.trial], rank_of(measurement, self._metric)
        course.scores.append(rank[0])
        return self._judged(rank, measurement.epoch)

    def _judged(self, rank: Rank, epoch: int) -> Rank:
        """A rank at a rung as the noise now known has it."""
        if not math.isfinite(rank[0]) or not self.noise.matters:
            return rank
        scores, eta = self.ledger.courses[rank[2]].scores[:epoch], self.brackets.reduction_factor
        return (believed(scores, self.noise.at(epoch), eta), *rank[1:])

    def _repeated(self, replicate: Trial) -> int:
        """The trial that another repeats: the first one of the same point and values."""
        same = (replicate.point, replicate.hyperparameters)
        trials = self.ledger.trials
        return next(t.index for t in trials if (t.point, t.hyperparameters) == same)

    def _pause(self, measurement: Measurement, *, at_rung: bool) -> None:
        self.ledger.pause(measurement.trial)
        self._keep_best(measurement)
        if not at_rung and measurement.epoch < self.brackets.top:
            self.interrupted[measurement.trial] = None

    def _stop(self, measurement: Measurement, rank: Rank) -> None:
        """Early stopping ended a trial, and its checkpoint is of its last epoch."""
        target = self.ledger.courses[measurement.trial].target
        final = target is not None and target >= self.brackets.top
        self.brackets.of(measurement.trial).stop(measurement.epoch, rank, final=final)
        self._keep_best(measurement)
        self.ledger.end(measurement.trial, TrialState.STOPPED)

    def _keep_best(self, measurement: Measurement) -> None:
        """Takes a measurement with a checkpoint for the trial's best, if it is."""
        course = self.ledger.courses[measurement.trial]
        course.best = self._better(course.best, measurement)
        if math.isfinite(rank_of(measurement, self._metric)[0]):
            self.best = self._better(self.best, measurement)

    def _better(self, known: Measurement | None, other: Measurement) -> Measurement:
        pair = [other] if known is None else [known, other]
        return min(pair, key=partial(merit_of, metric=self._metric))

    def _end(self, trial: int, epoch: int, state: TrialState) -> None:
        """A trial with `epoch` good epochs behind it is over."""
        ladder = self.brackets.of(trial)
        target = self.ledger.courses[trial].target
        if target is not None:
            ladder.drop_out(target - 1 if trial in self._straight else epoch)
        self._straight.discard(trial)
        self.interrupted.pop(trial, None)
        ladder.leave(trial, promoted=False)
        self.ledger.end(trial, state)
        if state is not TrialState.STOPPED and self.best is not None and self.best.trial == trial:
            self.best = self._best_left()

    def _best_left(self) -> Measurement | None:
        """The best of all trials that neither diverged nor failed."""
        order = partial(merit_of, metric=self._metric)
        usable = (course for course in self.ledger.courses if course.ended in _USABLE)
        bests = [course.best for course in usable if course.best is not None]
        best = min(bests, key=order, default=None)
        return best if best is not None and math.isfinite(order(best)[0]) else None
