"""Expressions: constraints that a person writes, as ``units * layers <= 400``, read without `eval`.

A trial without one of the named hyperparameters has it *inactive*: a comparison with it is
unknown, "and", "or" and "not" go on with what is known (three-valued, as SQL does), and a trial is
refused only by what is known to be false. So one text joined by "and" says what a list of its
parts says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import final

from caviar.errors import StudyError
from caviar.space.domain import Value
from caviar.space.grammar import read
from caviar.space.terms import (
    Comparison,
    Constant,
    Junction,
    Kinds,
    Name,
    Negation,
    Term,
    quoted,
)


@final
@dataclass(frozen=True)
class Expression:
    """A constraint: a condition on a trial's hyperparameters. Made by `parse`.

    Attributes:
        text: as written, but for white space.
        names: the hyperparameters it names, in their order there.
    """

    text: str
    names: tuple[str, ...] = field(compare=False, repr=False)
    _term: Term = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Reads a constraint.

        Raises:
            StudyError: in one line without a place, if it says what constraints cannot say.
        """
        # A long text in a file stands on several lines.
        text = " ".join(text.split())
        term, names = read(text)
        expression = cls(text, names, term)
        expression.check({})
        return expression

    def check(self, kinds: Kinds) -> None:
        """Whether it makes sense for hyperparameters of these kinds.

        Raises:
            StudyError: if it compares, joins or calculates with what does not fit.
        """
        kind = self._term.kind(kinds)
        if kind not in {None, "true or false"}:
            rule = 'must be true or false of a trial, as "units <= 400" is'
            raise StudyError(f"{rule}, got {kind}: {quoted(self.text)}")

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Hyperparameters and the texts they are compared with."""
        return tuple(_texts(self._term))

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether a trial with these hyperparameters may be tried.

        Not if it is false, nor if a part that decides has no value, as 1 / 0 or a power too
        large. A hyperparameter that is not among `values` is inactive, and what depends on it
        refuses nothing.
        """
        try:
            return self._term.value(values) is not False
        except (ArithmeticError, ValueError):
            return False

    def __str__(self) -> str:
        """As written."""
        return self.text

    def __reduce__(self) -> tuple[Callable[[str], Expression], tuple[str]]:
        """Pickles the text alone."""
        return Expression.parse, (self.text,)


def _texts(term: Term) -> Iterator[tuple[str, str]]:
    """Names and the texts they are compared with, in the whole of a term."""
    match term:
        case Comparison(operands=operands):
            flat = [one for o in operands for one in (o if isinstance(o, tuple) else (o,))]
            names = [one.text for one in flat if isinstance(one, Name)]
            for one in flat:
                if isinstance(one, Constant) and isinstance(one.constant, str):
                    yield from ((name, one.constant) for name in names)
        case Junction(operands=parts):
            for part in parts:
                yield from _texts(part)
        case Negation(operand=part):
            yield from _texts(part)
