"""`[[search.points]]`: what a person wants tried first, checked against what the study searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from caviar.errors import StudyError
from caviar.space.condition import Condition, Following, is_one_of
from caviar.space.domain import Value, same
from caviar.space.search_space import SearchSpace
from caviar.study.searched import Flat, advice, space_of, why_unused
from caviar.study.wording import number, show

Point = Mapping[str, Value]
"""Hyperparameters by flat name; those it leaves open the searcher gives."""


def check_points(points: Sequence[Point], flat: Flat) -> None:
    """Checks a study's points.

    Raises:
        StudyError: as ``row 2: units must be in [16, 128], got 512``; rows count from 1.
    """
    space = space_of(flat)
    for row, point in enumerate(points, 1):
        if not point:
            raise StudyError(f"row {row}: must name a hyperparameter")
        for name, value in point.items():
            rule = _mistake(name, value, flat, space)
            if rule:
                raise StudyError(f"row {row}: {rule}")
        check_active(point, space, f"row {row}")


def check_active(given: Point, space: SearchSpace, place: str) -> None:
    """Refuses values that a trial with these hyperparameters would not have.

    Raises:
        StudyError: naming what it depends on.
    """
    known = {n: v for n, v in space.fixed.items() if not isinstance(v, Following)} | dict(given)
    for name in given:
        condition = space.conditions.get(name)
        for other, values in condition.clauses if condition else ():
            if other in known and is_one_of(known[other], values):
                continue
            needs = str(Condition(((other, values),)))
            has = f"got {number(known[other])}" if other in known else f"so give {other} too"
            raise StudyError(f"{place}: {name}: plays only beside {needs}, {has}")


def infeasible_points(points: Sequence[Point], space: SearchSpace) -> list[tuple[int, str]]:
    """Row, from 1, and text of every constraint that a point breaks by itself."""
    held = {n: v for n, v in space.fixed.items() if not isinstance(v, Following)}
    found = []
    for row, point in enumerate(points, 1):
        values = held | dict(point)
        for constraint in space.constraints:
            if values.keys() >= set(constraint.names) and not constraint.holds(values):
                found.append((row, constraint.text))
    return found


def _mistake(name: str, value: Value, flat: Flat, space: SearchSpace) -> str | None:
    """The rule that one value breaks, or None."""
    if name not in flat:
        return f'unknown hyperparameter "{name}", {advice(name, flat)}'
    if name in space.domains:
        try:
            space.domains[name].encode(value)
        except StudyError as error:
            return f"{name} {error}"
        return None
    reason = why_unused(flat).get(name)
    if reason:
        return f"no trial has {name}, since {reason}"
    held = flat[name]
    if isinstance(held, Following):
        return f"{name} must not be given, since it follows {held.other}"
    fixed = space.fixed.get(name, held)
    if isinstance(fixed, float | int | str | bool) and not same(fixed, value):
        return f"{name} is not searched: it must be {show(fixed)}, got {show(value)}"
    return None
