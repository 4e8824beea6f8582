"""Cells: how values on a grid share the unit interval.

A whole number or a stepped float owns a cell of [0, 1] and is encoded as that cell's centre. Cell
edges lie half-way between neighbours on the scale, and the outermost cells reach as far outward
as inward; so on a linear scale all cells are equally wide, and on a log scale `low` is not cheated
of half its share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from caviar.errors import StudyError
from caviar.space.scale import LINEAR, Scale


def equal_cell(u: float, count: int) -> int:
    """Which of `count` equally wide cells of [0, 1] holds `u`; the last one holds 1.0 too.

    Raises:
        ValueError: if `u` is not in [0, 1].
    """
    if not 0.0 <= u <= 1.0:
        raise ValueError(f"u must be in [0, 1], got {u!r}")
    return min(int(u * count), count - 1)


def equal_centre(index: int, count: int) -> float:
    """The middle of one of `count` equally wide cells of [0, 1]."""
    return (index + 0.5) / count


def check_step(low: float, high: float, step: float) -> None:
    """Raises `StudyError` unless whole steps lead from `low` to `high`, at least one of them."""
    if not (step > 0 and math.isfinite(step)):
        raise StudyError(f"step must be > 0, got {step}")
    steps = (high - low) / step
    if steps < 1 - 1e-9 or not math.isfinite(steps) or abs(steps - round(steps)) > 1e-6:
        raise StudyError(f"step must lead from low {low} to high {high} in whole steps, got {step}")


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of `count` >= 2 values low, low + step, ... on a scale.

    Attributes:
        low: the first value.
        step: from one value to the next; > 0.
        count: how many values there are.
        scale: on which neighbours meet half-way.
    """

    low: float
    step: float
    count: int
    scale: Scale

    def index(self, u: float) -> int:
        """Which value's cell holds `u`; 0 at 0.0 and `count` - 1 at 1.0.

        Raises:
            ValueError: if `u` is not in [0, 1].
        """
        cell = equal_cell(u, self.count)
        # Equal cells need no scale: exact at their edges, where grids and Sobol points fall.
        return cell if self.scale == LINEAR or u in {0.0, 1.0} else self._scaled_index(u)

    def centre(self, index: int) -> float:
        """The middle of a value's cell, in (0, 1)."""
        if self.scale == LINEAR:
            return equal_centre(index, self.count)
        start, end = self._edge(0), self._edge(self.count)
        middle = (self._edge(index) + self._edge(index + 1)) / 2
        return (middle - start) / (end - start)

    def span(self, first: int, last: int) -> tuple[float, float]:
        """The ends of the stretch of [0, 1] that the cells `first` to `last` fill together."""
        start, end = self._edge(0), self._edge(self.count)
        low, high = ((self._edge(i) - start) / (end - start) for i in (first, last + 1))
        # Rounding may put an edge on the wrong side, and an edge belongs to the cell above it.
        while self.index(low) < first:
            low = math.nextafter(low, 1.0)
        while self.index(high) > last:
            high = math.nextafter(high, 0.0)
        return low, high

    def _scaled_index(self, u: float) -> int:
        start, end = self._edge(0), self._edge(self.count)
        place = start + u * (end - start)
        value = self.scale.decode(min(max(place, 0.0), 1.0), self.low, self._value(self.count - 1))
        index = min(max(round((value - self.low) / self.step), 0), self.count - 1)
        # The nearest value is the right one or a neighbour: edges are half-way on the scale.
        while index > 0 and place < self._edge(index):
            index -= 1
        while index < self.count - 1 and place >= self._edge(index + 1):
            index += 1
        return index

    def _edge(self, index: int) -> float:
        """Where cell `index` begins, with `low` at 0 and `high` at 1; the outermost lie beyond."""
        if index == 0:
            return -self._place(1) / 2
        if index == self.count:
            return 1.0 + (1.0 - self._place(self.count - 2)) / 2
        return (self._place(index - 1) + self._place(index)) / 2

    def _place(self, index: int) -> float:
        return self.scale.encode(self._value(index), self.low, self._value(self.count - 1))

    def _value(self, index: int) -> float:
        return self.low + index * self.step
