"""A box of the unit cube: the region that points are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from caviar.space.cells import equal_cell, equal_centre


@dataclass(frozen=True, slots=True)
class Box:
    """An interval of each axis; of an axis without order a set of its cells.

    Attributes:
        low: `[d]` in [0, 1].
        high: `[d]` in [0, 1], >= low.
        cells: `[d]`: of an axis without order, the numbers of the cells that belong to it, in
            ascending order; () for an axis with order, or if all belong to it.
        counts: `[d]`: how many cells such an axis has in all; 0 where `cells` is ().
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    cells: tuple[tuple[int, ...], ...]
    counts: tuple[int, ...]

    @classmethod
    def whole(cls, dimensions: int) -> Self:
        """All of the unit cube [0, 1]^d."""
        d = dimensions
        return cls((0.0,) * d, (1.0,) * d, ((),) * d, (0,) * d)

    @classmethod
    def between(cls, ends: Sequence[tuple[float, float]]) -> Self:
        """From low to high on every axis, `[d]` pairs in [0, 1]."""
        d = len(ends)
        return cls(tuple(a for a, _ in ends), tuple(b for _, b in ends), ((),) * d, (0,) * d)

    @property
    def dimensions(self) -> int:
        """D."""
        return len(self.low)

    def place(self, point: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """A point `[d]` of [0, 1]^d, moved to the same place within the box."""
        u = np.asarray(point, dtype=np.float64)
        low = np.asarray(self.low)
        moved = low + u * (np.asarray(self.high) - low)
        for axis, cells in enumerate(self.cells):
            if cells:
                chosen = cells[equal_cell(float(u[axis]), len(cells))]
                moved[axis] = equal_centre(chosen, self.counts[axis])
        return np.asarray(np.clip(moved, 0.0, 1.0), dtype=np.float64)

    def contains(self, point: Sequence[float] | NDArray[np.float64]) -> bool:
        """Whether a point `[d]` lies in it, its faces included."""
        u = np.asarray(point, dtype=np.float64)
        if not bool(np.all((u >= self.low) & (u <= self.high))):
            return False
        return all(
            not cells or equal_cell(float(u[axis]), count) in cells
            for axis, (cells, count) in enumerate(zip(self.cells, self.counts, strict=True))
        )

    def narrowed(
        self,
        axis: int,
        low: float = 0.0,
        high: float = 1.0,
        cells: tuple[int, ...] = (),
        count: int = 0,
    ) -> Self:
        """The same with another interval, or other cells of `count`, on one axis."""

        def put(old: tuple, new: object) -> tuple:  # type: ignore[type-arg]
            return (*old[:axis], new, *old[axis + 1 :])

        return type(self)(
            put(self.low, low),
            put(self.high, high),
            put(self.cells, cells),
            put(self.counts, count),
        )
