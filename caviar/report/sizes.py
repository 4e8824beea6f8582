"""The learning curve over training-set size: would more data pay?

Error falls with the size n of the training part about as `c + a n^-b` (Hestness et al., 2017, "Deep
learning scaling is predictable, empirically"; b mostly between 0.1 and 1). Few points bear no free
fit: b is tried on a grid, and what all exponents that fit agree on is told.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WORTH: Final = 0.05
"""Of the dev error: what twice the data must take off to be worth collecting them ..."""
LEAST: Final = 0.001
"""... but at least so much, as a share."""
_EXPONENTS: Final = np.linspace(0.1, 1.0, 19)


@dataclass(frozen=True)
class SizePoint:
    """What one training on part of the training part came to.

    Attributes:
        examples: trained on.
        train_error: on them, as a share.
        dev_error: on the whole dev part, as a share.
    """

    examples: int
    train_error: float
    dev_error: float


@dataclass(frozen=True)
class SizeVerdict:
    """Whether more data would pay.

    Attributes:
        pays: None if that cannot be told.
        gain: what twice the examples are expected to take off the dev error, as a share; None if
            that cannot be told. `low` and `high` are the least and most that fits the points.
        low: see `gain`.
        high: see `gain`.
        gap: dev error minus train error at the full size, as a share; None without points.
        points: means by size, the smallest first.
        line: all of it in a sentence.
        trial: whose hyperparameters were trained with; None of a baseline, or if it is not known.
    """

    pays: bool | None
    gain: float | None
    low: float | None
    high: float | None
    gap: float | None
    points: tuple[SizePoint, ...]
    line: str
    trial: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data; every number is finite."""
        return asdict(self)


def sizes(points: Sequence[SizePoint], noise: float = 0.0) -> SizeVerdict:
    """Whether more data would pay, after trainings on parts of the training part.

    Args:
        points: in any order; several of one size are averaged, those not finite left out.
        noise: differences of dev error, as a share, that are luck.
    """
    means = _means(points)
    if len(means) < 2:
        why = "it takes at least two sizes of the training part to tell whether more data pay"
        return SizeVerdict(None, None, None, None, _gap(means), means, why)
    last = means[-1]
    gain, low, high = _gains(means, noise)
    worth = max(LEAST, noise, WORTH * last.dev_error)
    gap = last.dev_error - last.train_error
    fell = means[0].dev_error - last.dev_error > noise
    # What the points leave open is told as open, not as the likeliest of it.
    pays: bool | None = True if gain >= worth else (False if high < worth else None)
    if gap < worth or not fell:
        pays = False
    return SizeVerdict(pays, gain, low, high, gap, means, _line(means, pays, gain, gap, worth))


def _means(points: Sequence[SizePoint]) -> tuple[SizePoint, ...]:
    by_size: dict[int, list[SizePoint]] = defaultdict(list)
    for point in points:
        if math.isfinite(point.train_error) and math.isfinite(point.dev_error) and point.examples:
            by_size[point.examples].append(point)
    return tuple(
        SizePoint(
            examples,
            math.fsum(one.train_error for one in found) / len(found),
            math.fsum(one.dev_error for one in found) / len(found),
        )
        for examples, found in sorted(by_size.items())
    )


def _gap(means: Sequence[SizePoint]) -> float | None:
    return means[-1].dev_error - means[-1].train_error if means else None


def _gains(means: Sequence[SizePoint], noise: float) -> tuple[float, float, float]:
    """What doubling takes off the dev error: of the best fit, and the range of those that fit."""
    examples = np.array([point.examples for point in means], dtype=np.float64)
    errors = np.array([point.dev_error for point in means])
    found = [_fitted(examples / examples[-1], errors, float(b)) for b in _EXPONENTS]
    best = min(residual for residual, _ in found)
    # Fits that miss by no more than luck are as good as the best.
    good = [gain for residual, gain in found if residual <= max(best, noise) + 1e-12]
    return min(found)[1], min(good), max(good)


def _fitted(
    size: NDArray[np.float64], errors: NDArray[np.float64], b: float
) -> tuple[float, float]:
    """Root mean square residual of `c + a size^-b` with a, c >= 0, and a doubling's gain.

    Args:
        size: as shares of the largest.
        errors: dev errors.
        b: the exponent.
    """
    power = size**-b
    slope, level = np.polyfit(power, errors, 1)
    if slope < 0:
        slope, level = 0.0, errors.mean()
    elif level < 0:
        slope, level = float(power @ errors / (power @ power)), 0.0
    residual = float(np.sqrt(np.mean((level + slope * power - errors) ** 2)))
    return residual, float(slope * (1 - 2.0**-b))


def _line(
    means: Sequence[SizePoint], pays: bool | None, gain: float, gap: float, worth: float
) -> str:
    first, last = means[0], means[-1]
    came = (
        f"from {first.examples} to {last.examples} examples dev error went from "
        f"{_percent(first.dev_error)} to {_percent(last.dev_error)}, train error from "
        f"{_percent(first.train_error)} to {_percent(last.train_error)}"
    )
    about = f"twice as many would take off about {100 * gain:.1f} points"
    if pays:
        return f"more data would pay: {came}; {about}"
    if pays is None:
        return f"whether more data would pay is open: {came}; perhaps {about}"
    if gap < worth:
        return f"more data would not pay: {came}; there is hardly a gap left to close"
    return f"more data would hardly pay: {came}; {about}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
