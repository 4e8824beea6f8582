"""The choice: whose mean over the seeds is best, and whether that is more than the baseline.

Pure: from finished runs to a decision, without a journal or a disk. The search's own best value
plays no part in it, since the best of many noisy trials is as much luck as merit; only what the
retrained runs scored does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from caviar.search.intervals import Interval, paired_interval, t_interval
from caviar.study.finals import BASELINE, Candidate
from caviar.study.records import Measurement


@dataclass(frozen=True)
class Run:
    """One training of a candidate.

    Attributes:
        trial: its index in the folder it was trained in.
        replicate: from 1; runs of one replicate share their data order.
        end: its last measurement, of the epoch of its checkpoint; None if it came to no good end.
        diverged: whether it diverged.
        note: how it ended, if not at the last epoch.
    """

    trial: int
    replicate: int
    end: Measurement | None = None
    diverged: bool = False
    note: str = ""

    def value(self, metric: str) -> float | None:
        """What it scored."""
        return None if self.end is None else float(getattr(self.end, metric))


@dataclass(frozen=True)
class Contender:
    """A candidate with its runs.

    Attributes:
        candidate: who.
        runs: by replicate.
        metric: what is compared.
    """

    candidate: Candidate
    runs: tuple[Run, ...]
    metric: str

    @property
    def complete(self) -> tuple[Run, ...]:
        """The runs that came to a good end."""
        return tuple(run for run in self.runs if run.end is not None)

    @property
    def missing(self) -> int:
        """How many did not."""
        return len(self.runs) - len(self.complete)

    @cached_property
    def result(self) -> Interval | None:
        """The metric over its seeds; None if no run came to a good end."""
        values = self._values(self.metric)
        if not values:
            return None
        return t_interval(values, 0.0, 1.0 if self.metric.endswith("accuracy") else math.inf)

    @property
    def median(self) -> Run:
        """The run in the middle; of an even number the worse of the two in the middle."""
        sign = _sign(self.metric)
        ordered = sorted(self.complete, key=lambda run: -sign * (run.value(self.metric) or 0.0))
        return ordered[len(ordered) // 2]

    @property
    def rank(self) -> tuple[int, float, float]:
        """What contenders are ordered by, lower is better.

        One that lost runs is behind every one that lost none: a configuration that diverges now
        and then is not one to rely on. Among equal means the lower mean dev loss decides.
        """
        if self.result is None:
            return self.missing, math.inf, math.inf
        losses = self._values("dev_loss")
        cost = -_sign(self.metric) * self.result.mean
        return self.missing, cost, sum(losses) / len(losses)

    def _values(self, metric: str) -> list[float]:
        return [value for run in self.complete if (value := run.value(metric)) is not None]


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        contenders: the best first; the baseline is among them.
        difference: winner minus baseline, better is positive; None if they cannot be compared or
            the winner is the baseline.
        beats_baseline: whether the difference's interval lies above 0; None if nothing can be said.
    """

    contenders: tuple[Contender, ...]
    difference: Interval | None
    beats_baseline: bool | None

    @property
    def winner(self) -> Contender:
        """The best mean."""
        return self.contenders[0]

    @property
    def baseline(self) -> Contender | None:
        """What the others are compared with, if there is one."""
        return next((c for c in self.contenders if c.candidate.name == BASELINE), None)

    @property
    def exported(self) -> Run:
        """The winner's run with the median metric: what one training of it is worth."""
        return self.winner.median


def choose(contenders: Sequence[Contender]) -> Choice | None:
    """The winner of some contenders.

    With the usual three candidates and equal merits all round, a winner is wrongly said to beat
    the baseline in about one study in twenty, although it is the best of three that is compared:
    each comparison's 95 % interval leaves out only 2.5 % on the side that counts.

    Args:
        contenders: the candidates in the order of the search, the baseline among them.

    Returns:
        None if not one run came to a good end.
    """
    ordered = tuple(sorted(contenders, key=lambda contender: contender.rank))
    if not ordered or ordered[0].result is None:
        return None
    first = Choice(ordered, None, None)
    if first.baseline is None:
        return first
    if first.baseline is first.winner:
        return Choice(ordered, None, False if len(ordered) > 1 else None)
    difference = paired(first.winner, first.baseline)
    beats = None if difference is None else difference.excludes_zero and difference.mean > 0
    return Choice(ordered, difference, beats)


def paired(one: Contender, other: Contender) -> Interval | None:
    """How much better one is than another, from the replicates that both finished.

    Runs of one replicate share data order and dropout's draws, so their differences vary less than
    the runs do.

    Returns:
        None with fewer than two such replicates.
    """
    sign = _sign(one.metric)
    ours, theirs = (
        {
            run.replicate: sign * value
            for run in each.complete
            if (value := run.value(one.metric)) is not None
        }
        for each in (one, other)
    )
    return paired_interval(ours, theirs)


def _sign(metric: str) -> float:
    return -1.0 if metric.endswith("_loss") else 1.0
