"""Scales: how a number between its bounds maps onto the unit interval and back.

A uniform draw of the unit interval is uniform on the scale: on `log` every decade is equally
likely, on `one_minus` every decade of 1 - x. The bounds are exact both ways: 0.0 is `low` and 1.0
is `high`, whatever rounding does in between.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, final

from caviar.errors import StudyError


class Scale(ABC):
    """A strictly increasing map of numbers, in which the unit interval is cut evenly."""

    name: ClassVar[str]

    @abstractmethod
    def forward(self, value: float) -> float:
        """The coordinate of a value, in no particular unit."""

    @abstractmethod
    def backward(self, coordinate: float) -> float:
        """The inverse of `forward`."""

    @abstractmethod
    def _check_defined(self, low: float, high: float) -> None:
        """Raises `StudyError` when the scale is not defined from `low` to `high`."""

    def check(self, low: float, high: float) -> None:
        """Refuses bounds between which nothing can be drawn.

        Raises:
            StudyError: if a bound is not finite or not on the scale, or `low` is not below `high`.
        """
        for name, bound in (("low", low), ("high", high)):
            if not math.isfinite(bound):
                raise StudyError(f"{name} must be a finite number, got {bound}")
        if not low < high:
            raise StudyError(f"low must be < high, got low {low} and high {high}")
        self._check_defined(low, high)
        if self.forward(low) >= self.forward(high):
            raise StudyError(f"low and high must be further apart, got low {low} and high {high}")

    def encode(self, value: float, low: float, high: float) -> float:
        """The place of `value` in [0, 1]; exactly 0.0 at `low` and 1.0 at `high`."""
        if value <= low:
            return 0.0
        if value >= high:
            return 1.0
        start, end = self.forward(low), self.forward(high)
        return min(max((self.forward(value) - start) / (end - start), 0.0), 1.0)

    def decode(self, u: float, low: float, high: float) -> float:
        """The value at `u`; exactly `low` at 0.0 and `high` at 1.0.

        Raises:
            ValueError: if `u` is not in [0, 1].
        """
        if not 0.0 <= u <= 1.0:
            raise ValueError(f"u must be in [0, 1], got {u!r}")
        if u in {0.0, 1.0}:
            return low if u == 0.0 else high
        # The weighted form, unlike start + u * (end - start), cannot overflow.
        value = self.backward((1.0 - u) * self.forward(low) + u * self.forward(high))
        return min(max(value, low), high)


@final
@dataclass(frozen=True, slots=True)
class Linear(Scale):
    """Every difference counts alike."""

    name: ClassVar[str] = "linear"

    def forward(self, value: float) -> float:
        """The value itself."""
        return value

    def backward(self, coordinate: float) -> float:
        """The coordinate itself."""
        return coordinate

    def _check_defined(self, low: float, high: float) -> None:
        """Refuses a range too wide for a float."""
        if not math.isfinite(high - low):
            raise StudyError(f"high - low must be a finite number, got low {low} and high {high}")


@final
@dataclass(frozen=True, slots=True)
class Log(Scale):
    """Every ratio counts alike: for learning rates, epsilon, weight penalties."""

    name: ClassVar[str] = "log"

    def forward(self, value: float) -> float:
        """log(x)."""
        return math.log(value)

    def backward(self, coordinate: float) -> float:
        """exp(t)."""
        return math.exp(coordinate)

    def _check_defined(self, low: float, high: float) -> None:
        """Refuses bounds that have no logarithm."""
        if low <= 0:
            raise StudyError(f"low must be > 0 on a log scale, got {low}")


@final
@dataclass(frozen=True, slots=True)
class OneMinus(Scale):
    """Every ratio of 1 - x counts alike: for the betas of weighted averages, which live near 1.

    It is log(1 - x) itself, not the logarithm mirrored inside the bounds: an average with beta
    looks back over 1 / (1 - beta) steps, so 0.9, 0.99 and 0.999 stand at equal distances.
    """

    name: ClassVar[str] = "one_minus"

    def forward(self, value: float) -> float:
        """-log(1 - x), which grows with x; exact also for the smallest x."""
        return -math.log1p(-value)

    def backward(self, coordinate: float) -> float:
        """1 - exp(-t), without the cancellation of writing it so."""
        return -math.expm1(-coordinate)

    def _check_defined(self, low: float, high: float) -> None:
        """Refuses bounds outside [0, 1)."""
        if low < 0:
            raise StudyError(f"low must be >= 0 on a one_minus scale, got {low}")
        if high >= 1:
            raise StudyError(f"high must be < 1 on a one_minus scale, got {high}")


LINEAR: Final = Linear()
LOG: Final = Log()
ONE_MINUS: Final = OneMinus()
SCALES: Final[dict[str, Scale]] = {scale.name: scale for scale in (LINEAR, LOG, ONE_MINUS)}
