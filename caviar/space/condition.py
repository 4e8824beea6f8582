"""Conditions: a hyperparameter that plays only where another one has certain values.

beta_1 means nothing to plain gradient descent. A hyperparameter whose condition does not hold is
*inactive*: absent from the trial, its coordinate without effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from caviar.errors import StudyError
from caviar.space.domain import Value, same

Clause = tuple[str, tuple[Value, ...]]
"""Another hyperparameter's name, and the values it must have one of."""


@final
@dataclass(frozen=True, slots=True)
class Condition:
    """Where a hyperparameter is active: where all clauses hold.

    Attributes:
        clauses: each names another hyperparameter and the values of which it must have one.
    """

    clauses: tuple[Clause, ...]

    @property
    def others(self) -> tuple[str, ...]:
        """The hyperparameters it depends on."""
        return tuple(other for other, _ in self.clauses)

    def holds(self, active: Mapping[str, Value]) -> bool:
        """Whether it holds among the active hyperparameters; on an inactive one it does not."""
        return all(
            other in active and is_one_of(active[other], values) for other, values in self.clauses
        )

    def __str__(self) -> str:
        """For a table, as `optimizer = adam, adamw`."""
        return "; ".join(f"{other} = {_listed(values)}" for other, values in self.clauses)


@final
@dataclass(frozen=True, slots=True)
class Following:
    """A value that follows another hyperparameter's; where that has none of the values, inactive.

    Attributes:
        other: the hyperparameter it follows.
        values: pairs of the other's value and its own.
    """

    other: str
    values: tuple[tuple[Value, Value], ...]

    def value(self, active: Mapping[str, Value]) -> Value | None:
        """Its value among the active hyperparameters, or None where it is inactive."""
        found = active.get(self.other)
        return next((own for value, own in self.values if value == found), None)


def is_one_of(value: Value, values: Iterable[Value]) -> bool:
    """Membership by which True is not 1."""
    return any(same(value, other) for other in values)


def _listed(values: tuple[Value, ...]) -> str:
    """The values for a person; many whole numbers in a row by the first and the last."""
    first, last = values[0], values[-1]
    if (
        len(values) > 2
        and isinstance(first, int)
        and values == tuple(range(first, first + len(values)))
    ):
        return f"{first} to {last}"
    return ", ".join(str(v).lower() if isinstance(v, bool) else str(v) for v in values)


def in_order(needs: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The names, each behind those it needs, and otherwise in their order.

    Args:
        needs: by name, the other names that must come before.

    Raises:
        StudyError: if a name needs itself, in however many steps; it names the circle.
    """
    done: dict[str, None] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            raise StudyError(f"conditions must not lead back to where they began, got {circle}")
        if name not in done:
            for other in needs.get(name, ()):
                visit(other, (*path, name))
            done[name] = None

    for name in needs:
        visit(name, ())
    return tuple(done)
