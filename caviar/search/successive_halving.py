"""Rungs and promotions: asynchronous successive halving that pauses and promotes.

A trial pauses at each rung. Of the n trials that tried to reach a rung, at most floor(n / eta) go
on to the next, the best paused one first, as soon as the count allows it and never waiting for the
rung to fill (the promoting form of Li et al., "A System for Massively Parallel Hyperparameter
Tuning", 2020). Unlike theirs the share is a bound on all promotions ever made from a rung, so an
early mistake is paid for with a later place and never with more epochs. A trial that early stopping
ended keeps its place among its rung's best and never goes on, so that nobody goes on who was worse
than the best 1/eta. Whoever comes best of a rung after its share was spent is named by `late` at
the study's end.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from caviar.study.records import Measurement

Rank = tuple[float, float, int]
"""What trials are compared by, lower is better: score, dev loss in nats, trial index."""

DIRECTION: Final = {"dev_accuracy": -1.0, "dev_loss": 1.0, "train_loss": 1.0}
"""What a metric is multiplied by so that lower is better."""


def rank_of(measurement: Measurement, metric: str) -> Rank:
    """The rank of a trial by one of its measurements: what diverged or is not finite comes last.

    Args:
        measurement: at the epoch where trials are compared.
        metric: a key of `DIRECTION`.
    """
    score = DIRECTION[metric] * getattr(measurement, metric)
    usable = math.isfinite(score) and not measurement.diverged
    dev_loss = measurement.dev_loss if math.isfinite(measurement.dev_loss) else math.inf
    return (score if usable else math.inf, dev_loss, measurement.trial)


def merit_of(measurement: Measurement, metric: str) -> tuple[float, int, float, int]:
    """What measurements of any epoch are compared by, lower is better.

    The score decides; of equals the longer trained wins, then the lower dev loss, then the older
    trial.
    """
    score, dev_loss, trial = rank_of(measurement, metric)
    return (score, -measurement.epoch, dev_loss, trial)


@dataclass(slots=True)
class Rung:
    """An epoch count at which trials are compared.

    Attributes:
        epoch: epochs a trial has behind it here.
        reached: trials that tried to reach it, those that came to their end on the way included.
        promoted: trials that went on from it, by their rank or in a completion run.
        paused: ranks of those waiting here with a finite score, best first.
        stopped: ranks of those that early stopping ended here or on the way here, or a person
            here, best first.
        best_promoted: the best rank of those that went on.
    """

    epoch: int
    reached: int = 0
    promoted: int = 0
    paused: list[Rank] = field(default_factory=list)
    stopped: list[Rank] = field(default_factory=list)
    best_promoted: Rank | None = None

    @property
    def best(self) -> Rank | None:
        """The best rank of all that were measured here with a finite score; None if nobody was."""
        firsts = [*self.paused[:1], *self.stopped[:1], self.best_promoted]
        found = (rank for rank in firsts if rank is not None and math.isfinite(rank[0]))
        return min(found, default=None)

    def share(self, reduction_factor: float) -> int:
        """How many may still be promoted: of floor(reached / eta) places, those not yet taken."""
        free = int(self.reached // reduction_factor) - self.promoted
        candidates = range(max(0, min(free, len(self.paused))))
        return bisect_right(candidates, free, key=self._place) if self.stopped else len(candidates)

    def _place(self, candidate: int) -> int:
        """The place, from 1, of a paused trial among all that are paused or stopped here."""
        return candidate + 1 + bisect_left(self.stopped, self.paused[candidate])

    @property
    def overlooks_best(self) -> bool:
        """Whether others went on from here, but not the best."""
        if self.best_promoted is None or not self.paused:
            return False
        return self.paused[0] < self.best_promoted


class SuccessiveHalving:
    """The rungs of a study and who waits on them. A decision costs O(log n) beside a short copy."""

    def __init__(self, epochs: Sequence[int], reduction_factor: float) -> None:
        """Makes empty rungs.

        Args:
            epochs: the rungs, ascending; the last one is `max_epochs`.
            reduction_factor: eta > 1.
        """
        self.rungs = tuple(Rung(epoch) for epoch in epochs)
        self.reduction_factor = reduction_factor
        self.finishers = 0
        self._place = {epoch: i for i, epoch in enumerate(epochs)}
        self._paused: dict[int, tuple[Rung, Rank]] = {}

    @property
    def top(self) -> int:
        """Epochs of the last rung."""
        return self.rungs[-1].epoch

    def is_rung(self, epoch: int) -> bool:
        """Whether trials are compared at this epoch."""
        return epoch in self._place

    def next_rung(self, epoch: int) -> Rung | None:
        """The first rung beyond `epoch`; None from the last one on."""
        place = bisect_left(self.rungs, epoch + 1, key=lambda rung: rung.epoch)
        return self.rungs[place] if place < len(self.rungs) else None

    def next_epoch(self, epoch: int) -> int:
        """Epochs of the first rung beyond `epoch`, at most those of the last."""
        rung = self.next_rung(epoch)
        return self.top if rung is None else rung.epoch

    def arrive(self, epoch: int, rank: Rank, *, passing: bool = False) -> None:
        """A trial was measured at the rung of `epoch`; `passing` if it runs on to a later one."""
        rung = self.rungs[self._place[epoch]]
        rung.reached += 1
        if epoch == self.top:
            self.finishers += 1
        elif passing:
            self._count_promotion(rung, rank)
        elif math.isfinite(rank[0]):
            insort(rung.paused, rank)
            self._paused[rank[2]] = (rung, rank)

    def stop(self, epoch: int, rank: Rank, *, final: bool) -> None:
        """Early stopping ended a trial at `epoch`: it ranks in the rung it was running for.

        Args:
            epoch: epochs it was trained.
            rank: by its last measurement.
            final: whether it was on its way to the last rung; nobody else need be sent there then.
        """
        self.finishers += final
        rung = self.next_rung(epoch - 1)
        if rung is not None:
            rung.reached += 1
            insort(rung.stopped, rank)

    def drop_out(self, epoch: int) -> None:
        """A trial with `epoch` epochs behind it never came to its next rung: it counts there."""
        rung = self.next_rung(epoch)
        if rung is not None:
            rung.reached += 1

    def leave(self, trial: int, *, promoted: bool = True) -> None:
        """A paused trial goes on (`promoted`) or is given up; others are taken no notice of."""
        rung, rank = self._paused.pop(trial, (None, None))
        if rung is None or rank is None:
            return
        del rung.paused[bisect_left(rung.paused, rank)]
        if promoted:
            self._count_promotion(rung, rank)

    def retire(self, trial: int) -> None:
        """A person stopped a paused trial: it keeps its place, as who was stopped early does."""
        rung, rank = self._paused.pop(trial, (None, None))
        if rung is not None and rank is not None:
            del rung.paused[bisect_left(rung.paused, rank)]
            insort(rung.stopped, rank)

    def promotable(self, rung: Rung, limit: int) -> Iterator[int]:
        """Trials that may go on from `rung` now, best first, at most `limit` of them."""
        count = min(limit, rung.share(self.reduction_factor))
        return (rank[2] for rank in islice(rung.paused, count))

    @property
    def promotable_count(self) -> int:
        """How many paused trials may go on now, over all rungs."""
        return sum(rung.share(self.reduction_factor) for rung in self.rungs[:-1])

    def rerank(self, epoch: int, judge: Callable[[Rank, int], Rank]) -> None:
        """Trials are judged anew at the rung of `epoch`, and stand by what they are judged now."""
        rung = self.rungs[self._place[epoch]]
        rung.paused = sorted(judge(rank, epoch) for rank in rung.paused)
        rung.stopped = sorted(judge(rank, epoch) for rank in rung.stopped)
        if rung.best_promoted is not None:
            rung.best_promoted = judge(rung.best_promoted, epoch)
        self._paused |= {rank[2]: (rung, rank) for rank in rung.paused}

    def late(self) -> tuple[int, int, int] | None:
        """A rung's best trial that came after the share was spent, of the lowest such rung.

        Returns:
            The trial, the epochs it has and those of the next rung, or None.
        """
        for rung in self.rungs[:-1]:
            if rung.overlooks_best:
                return rung.paused[0][2], rung.epoch, self.next_epoch(rung.epoch)
        return None

    @staticmethod
    def _count_promotion(rung: Rung, rank: Rank) -> None:
        rung.promoted += 1
        rung.best_promoted = rank if rung.best_promoted is None else min(rank, rung.best_promoted)
