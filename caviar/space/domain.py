"""Domains: the values a hyperparameter may take, and their places in the unit interval.

Searchers see only the unit cube; a domain alone knows how 0.62 becomes a momentum of 0.9942. Bad
bounds raise `StudyError` without a place: whoever reads them from a file knows where they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, final

from caviar.errors import StudyError
from caviar.space.axis import Axis
from caviar.space.cells import Cells, check_step, equal_cell, equal_centre
from caviar.space.scale import LINEAR, Scale

Value = float | int | str | bool
"""A hyperparameter's value in a person's units."""

SAMPLE_POINTS: Final = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Where a table of the space shows values."""

_FINEST: Final = 2.0**-52
"""As near to each other as coordinates up to 1 can all be."""


class Domain(Protocol):
    """What can be searched: values <-> [0, 1]."""

    @property
    def scale_name(self) -> str:
        """The scale's name, for tables and axes."""
        ...

    @property
    def bounds(self) -> tuple[Value, Value]:
        """The values at 0.0 and at 1.0."""
        ...

    def decode(self, u: float) -> Value:
        """The value at `u` in [0, 1]; the bounds exactly at 0.0 and 1.0."""
        ...

    def encode(self, value: Value) -> float:
        """The place of `value`, such that `decode` returns it; `StudyError` if there is none."""
        ...

    def contains(self, value: Value) -> bool:
        """Whether `encode` would find it."""
        ...

    def span(self, low: Value, high: Value) -> tuple[float, float]:
        """The stretch of [0, 1] that decodes to `low` to `high` (of choices: from one to another).

        Raises:
            StudyError: if one of them is not in the domain.
        """
        ...

    @property
    def axis(self) -> Axis:
        """What its coordinate is like."""
        ...


def samples(domain: Domain, low: float = 0.0, high: float = 1.0) -> tuple[Value, ...]:
    """What evenly spaced draws from a stretch look like: the values at its `SAMPLE_POINTS`."""
    return tuple(domain.decode(low + u * (high - low)) for u in SAMPLE_POINTS)


@final
@dataclass(frozen=True, slots=True)
class Float:
    """Real numbers from `low` to `high`, both included, or the grid low, low + step, ... high.

    Attributes:
        low: the smallest value.
        high: the largest; > `low`.
        scale: on which draws are uniform.
        step: distance of neighbours, or None for a continuum; must lead from `low` to `high`.
        home: the bounds that a person gave, if the search may leave them as far as `low` and
            `high`; None if these are the person's.
    """

    low: float
    high: float
    scale: Scale = LINEAR
    step: float | None = None
    home: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        self.scale.check(self.low, self.high)
        if self.step is not None:
            check_step(self.low, self.high, self.step)

    @property
    def scale_name(self) -> str:
        """The scale's name."""
        return self.scale.name

    @property
    def bounds(self) -> tuple[Value, Value]:
        """`low` and `high`."""
        return self.low, self.high

    def decode(self, u: float) -> float:
        """The value at `u` in [0, 1]."""
        if self.step is None:
            return self.scale.decode(u, self.low, self.high)
        return self._grid_value(self._cells().index(u))

    def encode(self, value: Value) -> float:
        """The place of `value`: its cell's centre when there is a step.

        Raises:
            StudyError: if it lies outside the bounds or between two steps.
        """
        if not self._is_inside(value):
            raise _outside(value, self.low, self.high)
        if self.step is None:
            return self.scale.encode(float(value), self.low, self.high)
        if not self.contains(value):
            raise _off_grid(value, self.low, self.step)
        return self._cells().centre(self._nearest(float(value)))

    def contains(self, value: Value) -> bool:
        """Whether it lies within the bounds and, to a millionth, on a step."""
        if not self._is_inside(value):
            return False
        if self.step is None:
            return True
        return abs(self._grid_value(self._nearest(float(value))) - float(value)) <= 1e-6 * self.step

    def span(self, low: Value, high: Value) -> tuple[float, float]:
        """The stretch of [0, 1] that decodes to `low` to `high`: their cells if there is a step."""
        first, last = self.encode(low), self.encode(high)
        if self.step is None:
            return self._inward(first, last, float(low), float(high))
        return self._cells().span(self._nearest(float(low)), self._nearest(float(high)))

    @property
    def axis(self) -> Axis:
        """A continuum, or as many cells as there are steps."""
        return Axis(None if self.step is None else self._cells().count)

    def _inward(self, first: float, last: float, low: float, high: float) -> tuple[float, float]:
        """A stretch without what, by rounding, decodes to something beyond its ends."""
        if low == high:
            return first, last
        while self.decode(first) < low:
            first = min(first + _FINEST, 1.0)
        while self.decode(last) > high:
            last = max(last - _FINEST, 0.0)
        return first, max(first, last)

    def _is_inside(self, value: Value) -> bool:
        if isinstance(value, str | bool):
            return False
        return self.low <= value <= self.high

    def _nearest(self, value: float) -> int:
        assert self.step is not None
        return round((value - self.low) / self.step)

    def _cells(self) -> Cells:
        assert self.step is not None
        return Cells(self.low, self.step, self._nearest(self.high) + 1, self.scale)

    def _grid_value(self, index: int) -> float:
        assert self.step is not None
        # Twelve digits: a person expects 0.3, not 0.1 + 2 * 0.1.
        value = float(f"{self.low + index * self.step:.12g}")
        at_end = index == self._nearest(self.high)
        return self.high if at_end else max(value, self.low)


@final
@dataclass(frozen=True, slots=True)
class Integer:
    """Whole numbers low, low + step, ... high, both bounds included.

    Attributes:
        low: the smallest value.
        high: the largest; > `low`.
        step: distance of neighbours, >= 1; must lead from `low` to `high`.
        scale: on a linear one every value is equally likely.
        home: the bounds that a person gave, as of `Float`.
    """

    low: int
    high: int
    step: int = 1
    scale: Scale = LINEAR
    home: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self.scale.check(self.low, self.high)
        check_step(self.low, self.high, self.step)

    @property
    def scale_name(self) -> str:
        """The scale's name."""
        return self.scale.name

    @property
    def bounds(self) -> tuple[Value, Value]:
        """`low` and `high`."""
        return self.low, self.high

    def decode(self, u: float) -> int:
        """The value whose cell holds `u` in [0, 1]."""
        return self.low + self._cells().index(u) * self.step

    def encode(self, value: Value) -> float:
        """The centre of the value's cell.

        Raises:
            StudyError: if it is no whole number, outside the bounds or between two steps.
        """
        if not self._is_inside(value):
            raise _outside(value, self.low, self.high, "a whole number ")
        if not self.contains(value):
            raise _off_grid(value, self.low, self.step)
        return self._cells().centre((int(value) - self.low) // self.step)

    def contains(self, value: Value) -> bool:
        """Whether it is a whole number within the bounds and on a step."""
        return self._is_inside(value) and (int(value) - self.low) % self.step == 0

    def span(self, low: Value, high: Value) -> tuple[float, float]:
        """The stretch of [0, 1] that the cells of `low` to `high` fill."""
        cells = self._cells()
        first, last = (cells.index(self.encode(value)) for value in (low, high))
        return cells.span(first, last)

    @property
    def axis(self) -> Axis:
        """As many cells as values."""
        return Axis(self._cells().count)

    def _is_inside(self, value: Value) -> bool:
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return self.low <= value <= self.high

    def _cells(self) -> Cells:
        return Cells(self.low, self.step, (self.high - self.low) // self.step + 1, self.scale)


@final
@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values, each equally likely.

    Attributes:
        choices: at least two different values.
        ordered: whether neighbours are alike, so that a search may narrow to a stretch of them.
    """

    choices: tuple[Value, ...]
    ordered: bool = False

    def __post_init__(self) -> None:
        if len(self.choices) < 2:
            raise StudyError(f"choices must hold at least two values, got {list(self.choices)}")
        for index, value in enumerate(self.choices):
            if any(same(value, earlier) for earlier in self.choices[:index]):
                raise StudyError(f"choices must differ from one another, got {value!r} twice")

    @property
    def scale_name(self) -> str:
        """What stands for a scale in a table."""
        return "choices"

    @property
    def bounds(self) -> tuple[Value, Value]:
        """The first and the last choice."""
        return self.choices[0], self.choices[-1]

    def decode(self, u: float) -> Value:
        """The choice whose cell holds `u` in [0, 1]."""
        return self.choices[equal_cell(u, len(self.choices))]

    def encode(self, value: Value) -> float:
        """The centre of the choice's cell.

        Raises:
            StudyError: if it is none of the choices.
        """
        for index, choice in enumerate(self.choices):
            if same(choice, value):
                return equal_centre(index, len(self.choices))
        raise StudyError(f"must be one of {list(self.choices)}, got {value!r}")

    def contains(self, value: Value) -> bool:
        """Whether it is one of the choices."""
        return any(same(choice, value) for choice in self.choices)

    def span(self, low: Value, high: Value) -> tuple[float, float]:
        """The stretch of [0, 1] that the choices from `low` to `high` fill."""
        count = len(self.choices)
        first, last = (equal_cell(self.encode(value), count) for value in (low, high))
        return Cells(0, 1, count, LINEAR).span(first, last)

    @property
    def axis(self) -> Axis:
        """As many cells as choices."""
        return Axis(len(self.choices), self.ordered)


def same(one: Value, other: Value) -> bool:
    """Equality by which True is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _outside(value: Value, low: float, high: float, kind: str = "") -> StudyError:
    return StudyError(f"must be {kind}in [{low}, {high}], got {value!r}")


def _off_grid(value: Value, low: float, step: float) -> StudyError:
    return StudyError(f"must be {low} plus whole steps of {step}, got {value!r}")
