"""Levels: a few places on an axis, evenly spaced on its scale, and what they make together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from caviar.space.axis import Axis
from caviar.space.domain import Choice, Domain, Integer
from caviar.space.search_space import SearchSpace


def levels(domain: Domain, count: int) -> tuple[float, ...]:
    """At most `count` >= 1 different places in [0, 1], ascending, from bound to bound.

    Of a continuum the bounds and what is evenly between them, or the middle if it is one. Of cells
    their centres: of all of them where they are no more than `count`.
    """
    cells = domain.axis.cells
    if cells is not None and cells <= count:
        return _centres(domain, cells)
    places = [0.5] if count == 1 else [i / (count - 1) for i in range(count)]
    if cells is None:
        return tuple(places)
    return tuple(sorted({domain.encode(domain.decode(place)) for place in places}))


def _centres(domain: Domain, cells: int) -> tuple[float, ...]:
    """The centres of all cells."""
    if isinstance(domain, Choice):
        return tuple(map(domain.encode, domain.choices))
    low, high = map(float, domain.bounds)
    step = (high - low) / (cells - 1)
    whole = isinstance(domain, Integer)
    values = [low + i * step for i in range(cells)]
    return tuple(domain.encode(round(value) if whole else value) for value in values)


def sizes(axes: Sequence[Axis], trials: int) -> tuple[int, ...]:
    """How many values of each axis a grid of about `trials` points has.

    An axis without order has all its cells, even if that is more than `trials` in all. The others
    get one more in turn, the axis with the fewest first, while the product is at most `trials`.
    """
    counts = [1 if axis.ordered else axis.cells or 1 for axis in axes]
    most = [axis.cells or trials for axis in axes]
    growing = [axis for axis in range(len(axes)) if counts[axis] < most[axis]]
    while growing:
        axis = min(growing, key=lambda i: counts[i])
        larger = [*counts[:axis], counts[axis] + 1, *counts[axis + 1 :]]
        if math.prod(larger) <= trials:
            counts = larger
        if counts != larger or counts[axis] == most[axis]:
            growing.remove(axis)
    return tuple(counts)


def configurations(space: SearchSpace, most: int = 10_000) -> int | None:
    """How many configurations a space holds; None if they are not counted.

    Args:
        space: without a continuum.
        most: points of all cells together that are looked at one by one, where conditions make
            some of them alike and constraints others infeasible.
    """
    cells = [axis.cells or math.inf for axis in space.axes]
    if math.prod(cells) > most:
        return None
    places = [levels(d, int(n)) for d, n in zip(space.domains.values(), cells, strict=True)]
    found = map(space.decode, itertools.product(*places))
    return len({tuple(values.items()) for values in found if space.feasible(values)})
