"""Judging a day: how its learning curve compares with the day it went on from.

The training loss tells how the learning goes, since it is the smoother of the two; the metric
tells when a model gets worse although its training loss falls. The thresholds are coarse on
purpose: a day that is only a little worse than another is luck, and costs no rollback.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import pairwise, takewhile
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
THROWN: Final = 1.5
"""Times its loss at the end that a first epoch had which threw the network where it is."""
SLEEP: Final = 3
"""Days without having learned anything that are put down to a rate that is too low."""
CRIPPLED: Final = 0.7
"""Share of a hidden layer's units beyond which the idle ones are missed ..."""
FITS: Final = 0.9
"""... unless the model gets so much of its training part right."""
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
    ASLEEP = "nothing learned"
    """It guesses, as it did from the beginning."""
    DEAD = "dead"
    """It guesses and did not before, or does so after all that was tried."""
    CRIPPLED = "crippled"
    """Most units of a layer became idle; they get no gradient and hardly ever come back."""
    WORSE = "worse"
    EXPLODED = "exploded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_bad(self) -> bool:
        """Whether its model is not to be gone on from."""
        return self in (
            Verdict.WORSE,
            Verdict.EXPLODED,
            Verdict.DEAD,
            Verdict.CRIPPLED,
            Verdict.FAILED,
        )


class Judged(Protocol):
    """What a verdict is based on: a `caviar.search.days.Day`."""

    curve: list[Measurement]
    ended: TrialState | None
    verdict: Verdict | None
    least: float

    @property
    def before(self) -> Judged | None:
        """The day it goes on from."""
        ...

    @property
    def end(self) -> Measurement | None:
        """Its last sound measurement."""
        ...


def judge(day: Judged, metric: str, *, indulgent: bool = False) -> Verdict:
    """What to think of a day that is over.

    Args:
        day: the day.
        metric: what days are compared by.
        indulgent: whether idle units are put up with from the beginning.
    """
    if day.ended in (TrialState.STOPPED, TrialState.FAILED):
        return Verdict.STOPPED if day.ended is TrialState.STOPPED else Verdict.FAILED
    if day.ended is TrialState.DIVERGED or day.end is None:
        return Verdict.EXPLODED
    losses = _losses(day)
    if _is_above(losses[-1], losses[0], EXPLODED):
        return Verdict.EXPLODED
    if _is_above(losses[-1], losses[0], WORSE) or _is_worse(day, metric):
        return Verdict.WORSE
    # Asked before whether it sleeps: a network that was thrown to where it guesses needs no more of
    # what threw it.
    if _is_crippled(day.end) and not (indulgent if day.before is None else _was_crippled(day)):
        return Verdict.CRIPPLED
    if _is_guessing(day):
        return Verdict.DEAD if _was_awake(day) else Verdict.ASLEEP
    return _progress(day, losses)


def lineage(day: Judged | None) -> Iterator[Judged]:
    """A day and those it goes on from, the latest first."""
    while day is not None:
        yield day
        day = day.before


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


def _is_guessing(day: Judged) -> bool:
    """Whether it says the same of every example: then its accuracy is exp(-loss).

    A loss below ln 2 is not asked about: there the two come near each other by themselves. One
    that takes hardly anything off its first loss need not come as near.
    """
    found = day.curve[-1]
    guess = math.exp(-found.train_loss)
    if found.train_loss < 0.95 * math.log(2):
        return False
    first = _first(day)
    knows = first.before is None and first.curve[0] is not found
    began = first.curve[0].train_loss if knows else math.inf
    still = found.train_loss > (1 - MUCH) * began
    return found.train_accuracy < (2.0 if still else 1.3) * guess


def _first(day: Judged) -> Judged:
    """The day that it has slept from."""
    slept = takewhile(lambda one: one is day or one.verdict is Verdict.ASLEEP, lineage(day))
    *_, first = slept
    return first


def _was_awake(day: Judged) -> bool:
    """Whether it knew more before, was thrown to where it is, or has slept for too long."""
    if day.before is None:
        return day.curve[0].train_loss > THROWN * day.curve[-1].train_loss
    slept = 0
    for earlier in lineage(day.before):
        if earlier.verdict is not Verdict.ASLEEP or slept == SLEEP:
            break
        slept += 1
    return slept in (0, SLEEP)


def _is_crippled(end: Measurement) -> bool:
    """Whether most units of a hidden layer are idle, and are missed."""
    if end.watch is None or end.train_accuracy >= FITS:
        return False
    # To the digits that the journal keeps: a replay must come to the same.
    return any(float(f"{share:.4g}") > CRIPPLED for share in end.watch.idle)


def _was_crippled(day: Judged) -> bool:
    """Whether the day it goes on from was so already, and was put up with."""
    before = day.before
    return before is None or before.end is None or _is_crippled(before.end)


def _losses(day: Judged) -> list[float]:
    """The training loss where a day began, if that is known, and of each of its epochs."""
    began = [day.before.end.train_loss] if day.before is not None and day.before.end else []
    return [*began, *(each.train_loss for each in day.curve if not each.diverged)]


def _is_steady(day: Judged) -> bool:
    losses: list[float] = []
    for at in lineage(day):
        losses = [*(each.train_loss for each in at.curve if not each.diverged), *losses]
        if len(losses) > STEADY:
            break
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
