"""Terms: the few things a constraint is made of, each of which knows its kind and its value.

What is not here cannot be said in a constraint: `expression.py` reads a person's text into these
and nothing else. A value is None where it depends on a hyperparameter that is inactive in a trial.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, final

from caviar.errors import StudyError
from caviar.space.arithmetic import bounded
from caviar.space.domain import Value

Kind = Literal["a number", "text", "true or false"]
"""What a value can be; terms of different kinds do not mix."""
Kinds = Mapping[str, Kind]
"""The kinds of hyperparameters by name; one that is not there may be of any."""

ORDERS: Final = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
RELATIONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    **ORDERS,
    "==": operator.eq,
    "!=": operator.ne,
    "in": lambda one, many: one in many,
    "not in": lambda one, many: one not in many,
}
"""What stands between two terms that are compared."""


class Term(Protocol):
    """A part of a constraint."""

    @property
    def text(self) -> str:
        """As the person wrote it."""
        ...

    def kind(self, kinds: Kinds) -> Kind | None:
        """What it gives, None if that cannot be known; `StudyError` if its parts do not fit."""
        ...

    def value(self, values: Mapping[str, Value]) -> Any:
        """Its value in a trial, None if unknown.

        Raises:
            ArithmeticError, ValueError: where it has none, as 1 / 0.
        """
        ...


@final
@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text, true or false."""

    text: str
    constant: Value

    def kind(self, kinds: Kinds) -> Kind:
        """Of the constant."""
        return kind_of(self.constant)

    def value(self, values: Mapping[str, Value]) -> Value:
        """The constant."""
        return self.constant


@final
@dataclass(frozen=True, slots=True)
class Name:
    """A hyperparameter, by its flat name."""

    text: str

    def kind(self, kinds: Kinds) -> Kind | None:
        """As told."""
        return kinds.get(self.text)

    def value(self, values: Mapping[str, Value]) -> Value | None:
        """The trial's, None if it is inactive there."""
        return values.get(self.text)


@final
@dataclass(frozen=True, slots=True)
class Calculation:
    """A function of numbers, or an operation: a number within the range of floats."""

    text: str
    function: Callable[..., Any]
    operands: tuple[Term, ...]

    def kind(self, kinds: Kinds) -> Kind:
        """A number, of numbers only."""
        for operand in self.operands:
            _check_kind(operand, "a number", kinds, "calculate with numbers", self.text)
        return "a number"

    def value(self, values: Mapping[str, Value]) -> float | None:
        """The result, None if an operand is unknown."""
        numbers = [operand.value(values) for operand in self.operands]
        if None in numbers:
            return None
        if not all(type(number) in {int, float} for number in numbers):
            # A text times a number could be of any length.
            raise TypeError(f"must calculate with numbers, got {numbers}")
        return bounded(self.function(*numbers))


@final
@dataclass(frozen=True, slots=True)
class Comparison:
    """One term compared with the next, and that perhaps with another: 1 < units <= 9.

    Attributes:
        relations: one between each two operands, keys of `RELATIONS`.
        operands: the last one may be a tuple of constants, behind "in".
    """

    text: str
    relations: tuple[str, ...]
    operands: tuple[Term | tuple[Constant, ...], ...]

    def kind(self, kinds: Kinds) -> Kind:
        """True or false, of operands that are alike."""
        found = [_kind_of_operand(operand, kinds) for operand in self.operands]
        alike = {kind for kind in found if kind}
        if len(alike) > 1:
            one, other, *_ = sorted(alike)
            raise _wrong("compare like with like", f"{one} and {other}", self.text)
        if ORDERS.keys() & set(self.relations) and alike - {"a number"}:
            raise _wrong("put only numbers in order", alike.pop(), self.text)
        return "true or false"

    def value(self, values: Mapping[str, Value]) -> bool | None:
        """False once a pair is, whatever is unknown; operands are calculated once, if needed."""
        unknown = False
        left = _value_of_operand(self.operands[0], values)
        for relation, operand in zip(self.relations, self.operands[1:], strict=True):
            right = _value_of_operand(operand, values)
            if left is None or right is None:
                unknown = True
            elif not RELATIONS[relation](left, right):
                return False
            left = right
        return None if unknown else True


@final
@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by "and" or by "or".

    Attributes:
        decisive: the value by which one condition settles it: False for "and", True for "or".
    """

    text: str
    decisive: bool
    operands: tuple[Term, ...]

    def kind(self, kinds: Kinds) -> Kind:
        """True or false, of such only."""
        for operand in self.operands:
            _check_kind(operand, "true or false", kinds, "join conditions", self.text)
        return "true or false"

    def value(self, values: Mapping[str, Value]) -> bool | None:
        """From the left up to what settles it; unknown if nothing does and something is."""
        unknown = False
        for operand in self.operands:
            found = operand.value(values)
            if found is self.decisive:
                return found
            unknown = unknown or found is None
        return None if unknown else not self.decisive


@final
@dataclass(frozen=True, slots=True)
class Negation:
    """The opposite of a condition; of an unknown one it is unknown."""

    text: str
    operand: Term

    def kind(self, kinds: Kinds) -> Kind:
        """True or false, of such only."""
        _check_kind(self.operand, "true or false", kinds, "negate a condition", self.text)
        return "true or false"

    def value(self, values: Mapping[str, Value]) -> bool | None:
        """The opposite."""
        found = self.operand.value(values)
        return None if found is None else not found


def kind_of(value: Value) -> Kind:
    """What a value is."""
    if isinstance(value, bool):
        return "true or false"
    return "text" if isinstance(value, str) else "a number"


def quoted(text: str) -> str:
    """A piece of a constraint in a sentence: in the quotes it does not hold, and not too long."""
    short = text if len(text) <= 80 else text[:77] + "..."
    return f"'{short}'" if '"' in short else f'"{short}"'


def _check_kind(term: Term, wanted: Kind, kinds: Kinds, rule: str, text: str) -> None:
    found = term.kind(kinds)
    if found not in {None, wanted}:
        raise _wrong(rule, str(found), text)


def _wrong(rule: str, found: str, text: str) -> StudyError:
    return StudyError(f"must {rule}, got {found} in {quoted(text)}")


def _kind_of_operand(operand: Term | tuple[Constant, ...], kinds: Kinds) -> Kind | None:
    """Of a list, that of its constants, which are alike."""
    return operand[0].kind(kinds) if isinstance(operand, tuple) else operand.kind(kinds)


def _value_of_operand(operand: Term | tuple[Constant, ...], values: Mapping[str, Value]) -> Any:
    if isinstance(operand, tuple):
        return [one.constant for one in operand]
    return operand.value(values)
