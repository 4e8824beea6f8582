"""Judging a day: how its learning curve compares with the day it went on from.

The training loss tells how the learning goes, since it is the smoother of the two; the metric
tells when a model gets worse although its training loss falls. The thresholds are coarse on
purpose: a day that is only a little worse than another is luck, and costs no rollback.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final, Protocol

from caviar.study.records import Measurement, TrialState

MUCH: Final = 0.1
"""Share of its loss that a day must take off to be going well."""
LITTLE: Final = 0.02
"""Share of its loss below which a day has changed nothing."""
EXPLODED: Final = (2.0, 0.1)
WORSE: Final = (1.2, 0.02)
"""A loss of so many times that of the day before and so many nats on top is clearly above it."""
WORSE_METRIC: Final = (1.5, 0.02)
"""The same of the metric, as a cost, against the best of the days before."""
STEADY: Final = 3
"""Epochs that fall one after the other before they count as a steady fall."""


class Verdict(StrEnum):
    """What is thought of a day at its end."""

    BETTER = "better"
    LESS = "better, but less"
    """It took off less of the loss than the day before."""
    SLOWER = "slower"
    """It took off less than half of what the day before did."""
    CREEPING = "creeping"
    """The loss falls epoch after epoch, but hardly."""
    FLAT = "flat"
    WORSE = "worse"
    EXPLODED = "exploded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_bad(self) -> bool:
        """Whether its model is not to be gone on from."""
        return self in (Verdict.WORSE, Verdict.EXPLODED, Verdict.FAILED)


class Judged(Protocol):
    """What a verdict is based on: a `caviar.search.days.Day`."""

    curve: list[Measurement]
    ended: TrialState | None
    least: float

    @property
    def before(self) -> Judged | None:
        """The day it goes on from."""
        ...

    @property
    def end(self) -> Measurement | None:
        """Its last sound measurement."""
        ...


def judge(day: Judged, metric: str) -> Verdict:
    """What to think of a day that is over."""
    if day.ended in (TrialState.STOPPED, TrialState.FAILED):
        return Verdict.STOPPED if day.ended is TrialState.STOPPED else Verdict.FAILED
    if day.ended is TrialState.DIVERGED or day.end is None:
        return Verdict.EXPLODED
    losses = _losses(day)
    if _is_above(losses[-1], losses[0], EXPLODED):
        return Verdict.EXPLODED
    if _is_above(losses[-1], losses[0], WORSE) or _is_worse(day, metric):
        return Verdict.WORSE
    return _progress(day, losses)


def cost_of(measurement: Measurement, metric: str) -> float:
    """The metric, lower is better: the error where it is an accuracy; inf if it is not finite."""
    value = float(getattr(measurement, metric))
    cost = 1 - value if metric.endswith("accuracy") else value
    return cost if math.isfinite(cost) else math.inf


def gain(day: Judged) -> float:
    """The share of the loss that a day took off; negative where it rose, 0 if nothing is known."""
    losses = _losses(day)
    return 1 - losses[-1] / losses[0] if losses and losses[0] > 0 else 0.0


def _progress(day: Judged, losses: Sequence[float]) -> Verdict:
    """How well a day went that did no harm."""
    taken = gain(day)
    earlier = gain(day.before) if day.before is not None else None
    if taken < MUCH and _is_steady(day):
        return Verdict.CREEPING
    if taken < LITTLE:
        return Verdict.FLAT
    if earlier is not None and taken < earlier / 2:
        return Verdict.SLOWER
    if earlier is not None and taken < 0.9 * earlier:
        return Verdict.LESS
    return Verdict.BETTER


def _losses(day: Judged) -> list[float]:
    """The training loss where a day began, if that is known, and of each of its epochs."""
    began = [day.before.end.train_loss] if day.before is not None and day.before.end else []
    return [*began, *(each.train_loss for each in day.curve if not each.diverged)]


def _is_steady(day: Judged) -> bool:
    losses: list[float] = []
    at: Judged | None = day
    while at is not None and len(losses) <= STEADY:
        losses = [*(each.train_loss for each in at.curve if not each.diverged), *losses]
        at = at.before
    falls = [later < earlier for earlier, later in pairwise(losses)]
    return len(falls) >= STEADY and all(falls[-max(STEADY, len(day.curve)) :])


def _is_worse(day: Judged, metric: str) -> bool:
    """Whether the metric fell clearly behind the best of the line it goes on from."""
    if day.end is None or day.before is None:
        return False
    return _is_above(cost_of(day.end, metric), day.before.least, WORSE_METRIC)


def _is_above(value: float, other: float, by: tuple[float, float]) -> bool:
    """Whether it is clearly above; what is not finite is above all else."""
    factor, more = by
    return not value <= factor * other + more
