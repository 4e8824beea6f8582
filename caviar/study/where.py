"""`search.where`: constraints of a study, read and checked against what it searches."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final

from caviar.errors import StudyError
from caviar.space.condition import Following
from caviar.space.domain import Value
from caviar.space.expression import Expression
from caviar.space.search_space import SearchSpace
from caviar.space.terms import quoted
from caviar.study.flat import rule_of
from caviar.study.searched import NEVER, Flat, advice, conditions, space_of, why_unused
from caviar.study.wording import nearest, one_line, show

MOST_CHARACTERS: Final = 2000
"""Of all constraints: they are held against every draw."""
MOST_DRAWS: Final = 10_000
"""Points drawn before a space is said to have no feasible one."""
MOST_NAMED: Final = 4
"""Constraints named in one line."""


def check_where(where: Sequence[str], flat: Flat) -> None:
    """Checks a study's constraints.

    Raises:
        StudyError: without a place, if one cannot be read, names what no trial has, says nothing
            about what is searched, or if no point drawn fulfils them.
    """
    length = sum(map(len, where))
    if length > MOST_CHARACTERS:
        raise StudyError(f"must have at most {MOST_CHARACTERS} characters in all, got {length}")
    constraints = tuple(map(Expression.parse, where))
    for constraint in constraints:
        _check_names(constraint, flat)
    space = space_of(flat, constraints)
    for constraint in constraints:
        _check_searched(constraint, space)
    if not any(map(space.feasible, _draws(space, MOST_DRAWS))):
        raise StudyError(_infeasible(space))


def share_feasible(space: SearchSpace, draws: int = 1000) -> float:
    """The share of points within the person's bounds that are feasible, from so many draws."""
    if not space.constraints:
        return 1.0
    return sum(map(space.feasible, _draws(space, draws))) / draws


def _draws(space: SearchSpace, count: int) -> Iterator[dict[str, Value]]:
    """The hyperparameters of uniform points, always the same: a check must not depend on luck."""
    # Not NumPy's: a study file is read without waiting for its import.
    rng = random.Random(0)  # noqa: S311 - nothing secret
    home = space.home
    for _ in range(count):
        yield space.decode([low + rng.random() * (high - low) for low, high in home])


def _check_names(constraint: Expression, flat: Flat) -> None:
    for name in constraint.names:
        if name not in flat:
            rule = f'unknown hyperparameter "{name}", {advice(name, flat)}'
            raise StudyError(rule)
    for name, text in constraint.texts:
        known = rule_of(name).names
        if known and text not in known:
            raise StudyError(f'{name} is never "{one_line(text)}", {nearest(text, known)}')
    found = conditions(flat)
    for name in constraint.names:
        if found[name] is NEVER:
            reason = why_unused(flat).get(name, "its condition never holds")
            got = quoted(constraint.text)
            raise StudyError(f"no trial has {name}, since {reason}, got {got}")


def _check_searched(constraint: Expression, space: SearchSpace) -> None:
    """A constraint on values that all trials share is a mistake, or a fatal one."""
    if any(_varies(name, space) for name in constraint.names):
        return
    fixed = {n: value for n, value in space.fixed.items() if not isinstance(value, Following)}
    truth = show(constraint.holds(fixed))
    rule = "must name a hyperparameter that is searched"
    raise StudyError(f"{rule}, got {quoted(constraint.text)}, which is always {truth}")


def _varies(name: str, space: SearchSpace) -> bool:
    """Whether trials differ in it; one under a condition is in some of them only."""
    is_searched = name in space.domains or name in space.conditions
    return is_searched or isinstance(space.fixed[name], Following)


def _infeasible(space: SearchSpace) -> str:
    """What to say of constraints without a feasible point: the one at fault, or all of them."""
    alone = next((one for one in space.constraints if not _ever_holds(one, space)), None)
    guilty = space.constraints if alone is None else (alone,)
    together = " together" if len(guilty) > 1 else ""
    texts = " and ".join(quoted(one.text) for one in guilty[:MOST_NAMED])
    others = f" and {len(guilty) - MOST_NAMED} more" if len(guilty) > MOST_NAMED else ""
    return f"no point of {MOST_DRAWS:,} drawn fulfils {texts}{others}{together}"


def _ever_holds(constraint: Expression, space: SearchSpace) -> bool:
    return any(map(constraint.holds, _draws(space, MOST_DRAWS)))
