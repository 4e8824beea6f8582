"""From flat names to the search space: what is searched, what is fixed, and under which conditions.

Clauses that always hold are dropped, so that a study without conditions has none; a hyperparameter
whose clauses can never hold is in no trial, nor is a technique that no trial of the study uses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from caviar.errors import StudyError
from caviar.space.condition import Clause, Condition, Following, in_order, is_one_of
from caviar.space.domain import Domain, Float, Value
from caviar.space.expression import Expression
from caviar.space.search_space import SearchSpace
from caviar.study.flat import clauses_of, key_of, owner
from caviar.study.hyperparameter import Conditional, Held, as_domain, bare, values
from caviar.study.tables import TECHNIQUES, neutral
from caviar.study.wording import nearest, show

Flat = Mapping[str, Held | Following]
"""What each flat name of a study holds."""
NEVER: Final = None
"""In the place of a condition that cannot hold."""


def space_of(flat: Flat, constraints: tuple[Expression, ...] = ()) -> SearchSpace:
    """The search space of a study without mistakes.

    Raises:
        StudyError: if a constraint compares what cannot be compared.
    """
    found = conditions(flat)
    needed = {other for one in found.values() if one for other, _ in one}
    needed |= {name for constraint in constraints for name in constraint.names}
    domains: dict[str, Domain] = {}
    fixed: dict[str, Value | Following] = {}
    for name, held in flat.items():
        domain = None if isinstance(held, Following) else as_domain(held)
        if found[name] is NEVER:
            continue
        if domain is not None:
            domains[name] = domain
        elif name in needed or not _changes_nothing(name, held):
            fixed[name] = held if isinstance(held, Following) else _fixed(held)
    kept = {**domains, **fixed}
    conditioned = {n: Condition(c) for n, c in found.items() if c and n in kept}
    return SearchSpace(domains, fixed, conditioned, constraints)


def techniques_of(space: SearchSpace) -> tuple[str, ...]:
    """The techniques that a trial of this space may use, sorted."""
    used = [*space.names]
    used += [name for name, value in space.fixed.items() if not neutral(key_of(name), value)]
    return tuple(sorted({key_of(name) for name in used} & TECHNIQUES.keys()))


def conditions(flat: Flat) -> dict[str, tuple[Clause, ...] | None]:
    """By flat name, the clauses that a trial may or may not fulfil; `NEVER` where none can.

    Raises:
        StudyError: if conditions lead in a circle.
    """
    needs = {name: tuple(o for o, _ in clauses_of(name, held)) for name, held in flat.items()}
    found: dict[str, tuple[Clause, ...] | None] = {}
    for name in in_order(needs):
        if name in flat:
            found[name] = _open_clauses(clauses_of(name, flat[name]), flat, found)
    return {name: found[name] for name in flat}


def first_mistake(flat: Flat) -> tuple[str, str] | None:
    """The flat name and the rule of the first condition that is wrong, if one is."""
    for name, held in flat.items():
        for other, wanted in held.when if isinstance(held, Conditional) else ():
            rule = _mistake_in_clause(other, wanted, flat)
            if rule:
                return name, f"when: {rule}"
    try:
        found = conditions(flat)
    except StudyError as error:
        name = next(n for n, held in flat.items() if isinstance(held, Conditional))
        return name, str(error)
    for name, held in flat.items():
        if found[name] is NEVER and not isinstance(held, Following):
            own = owner(name)
            if own and _narrowed(own, flat, found) is NEVER:
                if as_domain(held) is not None:
                    return name, f"must not be searched, since {_reason(own, flat, found)}"
            else:
                return name, "when: must hold for some trial, but it never does"
    return None


def why_unused(flat: Flat) -> dict[str, str]:
    """By flat name, why no trial has a hyperparameter: nothing in any of them would read it."""
    found = conditions(flat)
    own = {name: owner(name) for name in flat if found[name] is NEVER}
    return {name: _reason(clause, flat, found) for name, clause in own.items() if clause}


def _open_clauses(
    clauses: tuple[Clause, ...], flat: Flat, found: Mapping[str, tuple[Clause, ...] | None]
) -> tuple[Clause, ...] | None:
    """Those of the clauses that can go either way; clauses about one name become one."""
    merged: dict[str, tuple[Value, ...]] = {}
    for other, wanted in clauses:
        before = merged.get(other, wanted)
        merged[other] = tuple(value for value in wanted if is_one_of(value, before))
    narrowed = [_narrowed(clause, flat, found) for clause in merged.items()]
    if any(clause is NEVER for clause in narrowed):
        return NEVER
    return tuple(clause for clause in narrowed if clause is not None and clause[1])


def _narrowed(
    clause: Clause, flat: Flat, found: Mapping[str, tuple[Clause, ...] | None]
) -> Clause | None:
    """The clause with the values that can occur; without values if it always holds, or `NEVER`."""
    other, wanted = clause
    held = flat.get(other)
    if held is None or isinstance(held, Following) or found[other] is NEVER:
        return NEVER
    possible = tuple(value for value in wanted if _can_be(held, value))
    if not possible:
        return NEVER
    # An inactive one has none of the values, however many are wanted.
    return other, () if not found[other] and len(possible) == _count(held) else possible


def _can_be(held: Held, value: Value) -> bool:
    domain = as_domain(held)
    return is_one_of(value, (_fixed(held),)) if domain is None else domain.contains(value)


def _count(held: Held) -> float | None:
    """How many values it can have, infinity for steps of a real number; None for a continuum."""
    hyperparameter = bare(held)
    if isinstance(hyperparameter, Float):
        return None if hyperparameter.step is None else math.inf
    return len(values(held))


def _fixed(held: Held) -> Value:
    hyperparameter = bare(held)
    assert isinstance(hyperparameter, float | int | str | bool)
    return hyperparameter


def _changes_nothing(name: str, held: Held | Following) -> bool:
    if isinstance(held, Following):
        return False
    return neutral(key_of(name), bare(held)) or (name == "warmup_epochs" and bare(held) == 0)


def _mistake_in_clause(other: str, wanted: tuple[Value, ...], flat: Flat) -> str | None:
    if other not in flat:
        return f"unknown hyperparameter {show(other)}, {advice(other, flat)}"
    held = flat[other]
    if isinstance(held, Following):
        return f"{other} must not be asked for, since it follows {held.other}"
    domain = as_domain(held)
    if domain is None:
        if any(_can_be(held, value) for value in wanted):
            return None
        return f"{other} is always {show(_fixed(held))}, got {show(list(wanted))}"
    if _count(held) is None:
        return f"{other} must have choices or steps, since no draw meets a number exactly"
    for value in wanted:
        try:
            domain.encode(value)
        except StudyError as error:
            return f"{other} {error}"
    return None


def advice(name: str, flat: Flat) -> str:
    """The nearest name; all of them would be a long line."""
    advice = nearest(name, flat)
    return advice if advice.startswith("did you mean") else "it must be a key such as optimizer"


def _reason(own: Clause, flat: Flat, found: Mapping[str, tuple[Clause, ...] | None]) -> str:
    """Why nothing of the study uses a hyperparameter that belongs to `own`."""
    other, held = own[0], flat[own[0]]
    if other == "layers" or found[other] is NEVER:
        return "there are no hidden layers"
    if other == "batch_norm":
        return "batch_norm is false"
    assert not isinstance(held, Following)
    named = [f'"{value}"' for value in values(held)]
    kind = "the schedule " if other == "schedule" else ""
    if len(named) == 1:
        return f"{kind}{named[0]} does not use it"
    return f"none of {kind and 'the schedules '}{', '.join(named)} uses it"
