"""Levels: a few places on an axis whose values are evenly spaced on the domain's scale."""

from __future__ import annotations

from caviar.space.domain import Choice, Domain, Integer


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
