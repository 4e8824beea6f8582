"""Intervals: how far a figure may lie from the truth, over seeds and over examples.

Five seeds are few: a percentile bootstrap of five covers 84 % where it claims 95 %, so means get
Student's t. An accuracy on n examples is a binomial share, so it gets Wilson's interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from caviar.search.student import student

CONFIDENCE: Final = 0.95
"""Of every interval of a winner's card."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and what it may be.

    Attributes:
        mean: of the values.
        low: lower end; None where there are too few values to tell.
        high: upper end; None with `low`.
    """

    mean: float
    low: float | None = None
    high: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside; an interval without ends excludes nothing."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def to_json(self) -> dict[str, float | None]:
        """Plain data."""
        return {"mean": self.mean, "low": self.low, "high": self.high}


def t_interval(
    values: Sequence[float],
    least: float = -math.inf,
    most: float = math.inf,
    confidence: float = CONFIDENCE,
) -> Interval:
    """The mean of independent values with Student's t interval.

    mean +- t * s / sqrt(n), with n - 1 degrees of freedom (Student, "The probable error of a mean",
    1908).

    Args:
        values: one a seed; at least one.
        least: what the quantity cannot be below; the interval is cut there.
        most: what it cannot be above.
        confidence: the share of such intervals that hold the true mean.

    Raises:
        ValueError: there are no values, or some are not finite.
    """
    found = np.asarray(values, np.float64)
    if not len(found) or not np.isfinite(found).all():
        raise ValueError(f"an interval needs finite values, got {list(values)}")
    # Rounding may put the mean of equal values beside them; it never lies outside of them.
    mean = float(np.clip(found.mean(), found.min(), found.max()))
    if len(found) == 1:
        return Interval(mean)
    t = student(len(found) - 1, confidence)
    half = t * float(found.std(ddof=1)) / math.sqrt(len(found))
    return Interval(mean, max(least, mean - half), min(most, mean + half))


def paired_interval(one: Mapping[int, float], other: Mapping[int, float]) -> Interval | None:
    """How far one lies above another, pair by pair.

    Trainings of one replicate share their random draws, so their differences vary less than the
    trainings do; intervals that overlap say nothing about them.

    Args:
        one: values by replicate.
        other: of the other; what only one of the two has is left out.

    Returns:
        None with fewer than two pairs.
    """
    differences = [
        value - other[replicate] for replicate, value in one.items() if replicate in other
    ]
    return t_interval(differences) if len(differences) > 1 else None


def wilson(share: float, examples: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """What a share found on so many examples may be on all there are.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Args:
        share: in [0, 1]; the mean of several models' accuracies will do.
        examples: > 0, drawn independently.
        confidence: the share of such intervals that hold the truth.

    Returns:
        Its lower and upper end, in [0, 1].
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    shrunk = 1 + z * z / examples
    centre = (share + z * z / (2 * examples)) / shrunk
    half = z / shrunk * math.sqrt(share * (1 - share) / examples + (z / (2 * examples)) ** 2)
    return max(0.0, centre - half), min(1.0, centre + half)
