"""What stands for a hyperparameter in a study file, and how it is written back.

A value fixes it, a domain searches it, `Conditional` says of either where it is active, and a tuple
gives one for each hidden layer. `rule.py` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from caviar.space.condition import Clause
from caviar.space.domain import Choice, Domain, Float, Integer, Value
from caviar.space.home import person_bounds

Hyperparameter = Float | Integer | Choice | float | int | str | bool
"""A domain to search, or the value that every trial shares."""


@final
@dataclass(frozen=True)
class Conditional:
    """A hyperparameter that is active only where others have certain values.

    Attributes:
        hyperparameter: what it is where it is active.
        when: the other hyperparameters' names with the values that they may have.
    """

    hyperparameter: Hyperparameter
    when: tuple[Clause, ...]


Held = Hyperparameter | Conditional
"""What one flat name holds."""

Real = float | Float | Choice | Conditional
"""A number of a study file."""
Whole = int | Integer | Choice | Conditional
"""A whole number of a study file."""
Name = str | Choice | Conditional
"""A name of a study file."""
Flag = bool | Choice | Conditional
"""A yes or no of a study file."""


def bare(held: Held) -> Hyperparameter:
    """The hyperparameter without its condition."""
    return held.hyperparameter if isinstance(held, Conditional) else held


def as_domain(held: Held) -> Domain | None:
    """What is searched, or None for a fixed value."""
    hyperparameter = bare(held)
    return hyperparameter if isinstance(hyperparameter, Float | Integer | Choice) else None


def extremes(held: Held, *, grown: bool = True) -> tuple[float, float]:
    """The smallest and the largest number it can be.

    Args:
        held: a number, or several.
        grown: with bounds that have grown as far as they may; else with those of the file.
    """
    hyperparameter = bare(held)
    if isinstance(hyperparameter, Choice):
        numbers = [float(choice) for choice in hyperparameter.choices]
        return min(numbers), max(numbers)
    if isinstance(hyperparameter, Float | Integer):
        low, high = hyperparameter.bounds if grown else person_bounds(hyperparameter)
        return float(low), float(high)
    return float(hyperparameter), float(hyperparameter)


def values(held: Held) -> tuple[Value, ...] | range:
    """All values that a fixed one, a choice or a whole number can be.

    Raises:
        TypeError: for a range of real numbers.
    """
    hyperparameter = bare(held)
    if isinstance(hyperparameter, Choice):
        return hyperparameter.choices
    if isinstance(hyperparameter, Integer):
        return range(hyperparameter.low, hyperparameter.high + 1, hyperparameter.step)
    if isinstance(hyperparameter, Float):
        raise TypeError(f"a continuum has no list of values: {hyperparameter}")
    return (hyperparameter,)


def to_plain(held: Held | tuple[Held, ...]) -> Any:
    """As it stands in a study file; the inverse of `Rule.read`."""
    if isinstance(held, tuple):
        return [to_plain(one) for one in held]
    if isinstance(held, Conditional):
        plain = to_plain(held.hyperparameter)
        table = plain if isinstance(plain, dict) else {"value": plain}
        return table | {"when": _plain_clauses(held.when)}
    if isinstance(held, Choice):
        return {"choices": list(held.choices)}
    return _plain_range(held) if isinstance(held, Float | Integer) else held


def _plain_range(domain: Float | Integer) -> dict[str, Any]:
    low, high = person_bounds(domain)
    plain: dict[str, Any] = {"low": low, "high": high, "scale": domain.scale_name}
    default_step = 1 if isinstance(domain, Integer) else None
    if domain.step != default_step:
        plain["step"] = domain.step
    if domain.home is not None:
        plain["expand"] = True
    return plain


def _plain_clauses(clauses: tuple[Clause, ...]) -> Mapping[str, Any]:
    return {name: list(found) if len(found) > 1 else found[0] for name, found in clauses}
