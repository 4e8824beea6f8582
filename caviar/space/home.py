"""Bounds that may grow: a domain laid over all of the range that it may ever come to have.

The axis of such a domain reaches from the start as far as its bounds may ever grow, and what a
person gave is a stretch of it, its *home*. So growing is only a larger stretch to draw from, and
every trial keeps its place in the cube for ever.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from caviar.errors import StudyError
from caviar.space.domain import Domain, Float, Integer, Value
from caviar.space.scale import LINEAR, LOG, ONE_MINUS, Scale

EXPANSIONS: Final = 4
"""How many steps either bound may move; each is half the width of the home on its scale.

The cube of a study depends on it: with another number its old trials would lie elsewhere."""

LEAST_POSITIVE: Final = 2.0**-126
"""The smallest positive number that float32, in which networks train, holds in full."""
LARGEST: Final = 1e38
"""No bound grows beyond what float32 holds."""
NEAREST_TO_ONE: Final = 1 - 2.0**-23
"""The same for what must stay below 1."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which a hyperparameter makes sense at all.

    Attributes:
        low: no value is below it.
        high: no value is above it.
        low_open: whether `low` itself makes none either.
        high_open: whether `high` itself makes none either.
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def on(self, scale: Scale) -> Limits:
        """These, and what the scale and float32 allow."""
        least, most = {
            LINEAR: (-LARGEST, LARGEST),
            LOG: (LEAST_POSITIVE, LARGEST),
            ONE_MINUS: (0.0, NEAREST_TO_ONE),
        }[scale]
        return Limits(
            max(float(self.low), least),
            min(float(self.high), most),
            self.low_open and self.low >= least,
            self.high_open and self.high <= most,
        )


def person_bounds(domain: Domain) -> tuple[Value, Value]:
    """The bounds that a person gave."""
    home = domain.home if isinstance(domain, Float | Integer) else None
    return domain.bounds if home is None else home


def home_span(domain: Domain) -> tuple[float, float]:
    """Where a person's bounds lie in [0, 1]; all of it unless they may grow."""
    home = domain.home if isinstance(domain, Float | Integer) else None
    return (0.0, 1.0) if home is None else domain.span(*home)


def enlarged(domain: Float | Integer, limits: Limits) -> Float | Integer:
    """The domain with as much room as its bounds may ever take, and its own bounds for a home.

    A bound that would cross a limit stops there; where the limit is open, it stops when half of
    what was left has been gone `EXPANSIONS` times.

    Raises:
        StudyError: if neither bound can move.
    """
    within = limits.on(domain.scale)
    low, high = _moved(domain, within, -1), _moved(domain, within, 1)
    if (low, high) == (domain.low, domain.high):
        rule = "expand must have room: low and high are at their limits already"
        raise StudyError(f"{rule}, got low {low} and high {high}")
    if isinstance(domain, Integer):
        return replace(domain, low=int(low), high=int(high), home=(domain.low, domain.high))
    return replace(domain, low=low, high=high, home=(domain.low, domain.high))


def _moved(domain: Float | Integer, limits: Limits, side: int) -> float | int:
    """A bound of a domain moved as far as it may ever go: the lower one at `side` -1."""
    bound = domain.high if side > 0 else domain.low
    limit, is_open = (limits.high, limits.high_open) if side > 0 else (limits.low, limits.low_open)
    room = (limit - bound) * side
    if room <= 0:
        return bound
    if domain.step is None:
        furthest = limit - side * room * 0.5**EXPANSIONS if is_open else limit
        return _moved_freely(domain, bound, limit, furthest, side)
    wish = abs(_target(domain, bound, limit, side) - bound) / domain.step
    steps = max(1, math.ceil(wish - 1e-9))
    while steps and not _is_within(bound + side * steps * domain.step, limit, is_open, side):
        steps = min(steps - 1, math.floor(room / domain.step))
    return _neat(bound + side * steps * domain.step)


def _is_within(moved: float, limit: float, is_open: bool, side: int) -> bool:
    left = (limit - _neat(moved)) * side
    return left > 0 or (left == 0 and not is_open)


def _neat(value: float) -> float:
    """A person expects 1e-07, not 1.0000000000000004e-07."""
    return value if isinstance(value, int) else float(f"{value:.12g}")


def _moved_freely(
    domain: Float | Integer, bound: float, limit: float, furthest: float, side: int
) -> float:
    target = _target(domain, bound, limit, side)
    if target == limit:
        return furthest
    neat = _neat(target)
    return neat if _is_within(neat, limit, is_open=False, side=side) else target


def _target(domain: Float | Integer, bound: float, limit: float, side: int) -> float:
    """Where all the steps lead, or the limit before that; on the domain's scale."""
    scale, count = domain.scale, domain.axis.cells
    width = scale.forward(domain.high) - scale.forward(domain.low)
    width *= count / (count - 1) if count else 1.0  # cells reach beyond the bounds
    place = scale.forward(bound) + side * width / 2 * EXPANSIONS
    beyond = (place - scale.forward(limit)) * side >= 0
    return limit if beyond else scale.backward(place)
