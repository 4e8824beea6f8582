"""Knobs: which hyperparameters of a model can be moved while it is raised, and how far.

What the network is made of stays: its checkpoint fits no other. A searched hyperparameter moves
within its domain, a fixed one within what its key allows and a factor of a million.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from caviar.errors import StudyError
from caviar.space.domain import Choice, Domain, Float, Integer, Value
from caviar.space.search_space import SearchSpace
from caviar.study.flat import HYPERPARAMETERS, key_of, rule_of
from caviar.study.rule import Rule
from caviar.study.wording import nearest, number

FROZEN: Final = (
    "layers",
    "units",
    "activation",
    "batch_norm",
    "initializer",
    "initializer_scale",
    "optimizer",
    "schedule",
)
"""What a model is made of, or was begun with."""
REACH: Final = 1e6
"""How far a fixed value may be moved either way."""


class Knobs:
    """The movable hyperparameters of one study."""

    def __init__(self, space: SearchSpace) -> None:
        """Takes the study's space."""
        self.space = space

    def turn(self, values: Mapping[str, Value], name: str, to: float) -> dict[str, Value] | None:
        """The hyperparameters with one of them moved towards `to`, as far as may be.

        Returns:
            None where that changes nothing, or breaks a constraint.
        """
        if name not in values or key_of(name) in FROZEN:
            return None
        moved = self._within(name, values[name], to)
        if moved is None or moved == values[name]:
            return None
        changed = {**values, name: moved}
        return changed if self.space.feasible(changed) else None

    def point(self, values: Mapping[str, Value]) -> tuple[float, ...]:
        """The place in the unit cube; what a person moved out of its domain is at its edge."""
        inside = dict(values)
        for name, domain in self.space.domains.items():
            if name in inside and not domain.contains(inside[name]):
                moved = _snapped(domain, float(inside[name]), inside[name])
                inside[name] = domain.bounds[0] if moved is None else moved
        return self.space.encode(inside)

    def shaken(
        self, values: Mapping[str, Value], signs: Iterable[int], step: float
    ) -> dict[str, Value]:
        """The hyperparameters moved by a step in the unit cube of the scales, up or down.

        Args:
            values: of a model.
            signs: `[d]`: of each axis 1 or -1; axes without order and what is frozen stay.
            step: a share of the axis; a domain of few values moves to the neighbour at least.
        """
        shaken = dict(values)
        for (name, domain), sign in zip(self.space.domains.items(), signs, strict=True):
            if name not in values or key_of(name) in FROZEN or _is_unordered(domain):
                continue
            # Where a constraint forbids the step the other way may do, or else this axis stays.
            ways = (
                {**shaken, name: _stepped(domain, values[name], way * step)}
                for way in (sign, -sign)
            )
            shaken = next(filter(self.space.feasible, ways), shaken)
        return shaken

    def refusal(self, wanted: Mapping[str, Value], values: Mapping[str, Value]) -> str | None:
        """Why a person cannot have these of a model with `values`, in one line, or None."""
        if not wanted:
            return "name a hyperparameter and its value, as learning_rate=0.003"
        told = (self._refusal(*one, values) for one in wanted.items())
        return next(filter(None, told), None) or self._broken({**values, **wanted})

    def _broken(self, values: Mapping[str, Value]) -> str | None:
        """The constraint that these break, or None."""
        broken = (one for one in self.space.constraints if not one.holds(values))
        return next((f'must fulfil search.where "{one.text}"' for one in broken), None)

    def _refusal(self, name: str, value: Value, values: Mapping[str, Value]) -> str | None:
        if name not in values:
            if key_of(name) in HYPERPARAMETERS:
                return f"{name}: no model of this study uses it"
            return f'unknown hyperparameter "{name}", {nearest(name, values)}'
        if key_of(name) in FROZEN:
            return f"{name}: a model keeps what it is made of, {name} = {number(values[name])}"
        domain = self.space.domains.get(name)
        try:
            if domain is not None:
                domain.encode(value)
            else:
                rule_of(name).read(value)
        except StudyError as error:
            return f"{name}: {error}"
        return None

    def _within(self, name: str, value: Value, to: float) -> Value | None:
        domain = self.space.domains.get(name)
        if domain is not None:
            return _snapped(domain, to, value)
        if isinstance(value, str | bool):
            return None
        if name in self.space.fixed and isinstance(self.space.fixed[name], float | int):
            given = float(self.space.fixed[name])  # type: ignore[arg-type]
            if given > 0:
                to = min(max(to, given / REACH), given * REACH)
        return _lawful(rule_of(name), to)


def _lawful(rule: Rule, to: float) -> Value | None:
    value = round(to) if rule.whole else float(to)
    try:
        rule.read_number(value)
    except StudyError:
        return None
    return value


def _snapped(domain: Domain, to: float, value: Value) -> Value | None:
    """The domain's value nearest to `to`; None where numbers mean nothing to it."""
    if isinstance(domain, Float) and domain.step is None:
        return min(max(to, domain.low), domain.high)
    if isinstance(domain, Float | Integer):
        step = domain.step or 1
        steps = round((min(max(to, domain.low), domain.high) - domain.low) / step)
        moved: Value = domain.low + steps * step
        return domain.decode(domain.encode(moved))
    if _is_unordered(domain) or isinstance(value, str | bool):
        return None
    assert isinstance(domain, Choice)
    return min(domain.choices, key=lambda choice: abs(float(choice) - to))


def _stepped(domain: Domain, value: Value, by: float) -> Value:
    """The value a step further on its axis, or back where the axis ends."""
    u, cells = domain.encode(value), _cells(domain)
    by = math.copysign(max(abs(by), 1 / cells), by) if cells else by
    to = u + by if 0 <= u + by <= 1 else u - by
    return domain.decode(min(max(to, 0.0), 1.0))


def _is_unordered(domain: Domain) -> bool:
    return isinstance(domain, Choice) and not domain.ordered


def _cells(domain: Domain) -> int:
    """How many values a domain has; 0: a continuum."""
    if isinstance(domain, Choice):
        return len(domain.choices)
    if not isinstance(domain, Float | Integer) or domain.step is None:
        return 0
    return round((domain.high - domain.low) / domain.step) + 1
