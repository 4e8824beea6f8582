"""Expressions: constraints that a person writes, as ``units * layers <= 400``, read without `eval`.

Python's parser gives the tree; only what stands in the tables below becomes a term, and whatever
else is found is refused by name. Lengths, depths and powers are bounded, so no text can hang a
study. A trial without one of the named hyperparameters has it *inactive*: a comparison with it is
unknown, "and", "or" and "not" go on with what is known (three-valued, as SQL does), and a trial is
refused only by what is known to be false. So one text joined by "and" says what a list of its
parts says.
"""

from __future__ import annotations

import ast
import math
import operator
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from caviar.errors import StudyError
from caviar.space.domain import Value
from caviar.space.terms import (
    Calculation,
    Comparison,
    Constant,
    Junction,
    Kinds,
    Name,
    Negation,
    Term,
    power,
    quoted,
)

MOST_CHARACTERS: Final = 1000
MOST_DEPTH: Final = 50
"""Terms within terms."""

_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "log": math.log,
    "log10": math.log10,
    "sqrt": math.sqrt,
    "exp": math.exp,
}
_OF_SEVERAL: Final = ("min", "max")
_OPERATIONS: Final[Mapping[type[ast.operator], Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: power,
}
_RELATIONS: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_TRUTHS: Final = {"true": True, "false": False}
_FOREIGN: Final = {
    ast.Attribute: "an attribute",
    ast.Await: "an await",
    ast.BinOp: "an operator that is none of + - * / // % **",
    ast.Call: "a call of what is no function's name",
    ast.Dict: "a table",
    ast.DictComp: "a loop",
    ast.GeneratorExp: "a loop",
    ast.IfExp: "an if",
    ast.JoinedStr: "a formatted text",
    ast.Lambda: "a lambda",
    ast.List: 'a list that is not behind "in"',
    ast.ListComp: "a loop",
    ast.NamedExpr: "an assignment",
    ast.Set: "a set",
    ast.SetComp: "a loop",
    ast.Starred: "a star",
    ast.Subscript: "a subscript",
    ast.Tuple: 'a list that is not behind "in"',
    ast.UnaryOp: "a sign that is not a minus",
}
"""What Python knows and a constraint does not."""


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
        if len(text) > MOST_CHARACTERS:
            raise StudyError(f"must have at most {MOST_CHARACTERS} characters, got {len(text)}")
        text = " ".join(text.split())
        reader = _Reader(text)
        term = reader.read(_tree(text))
        expression = cls(text, tuple(reader.names), term)
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


def _tree(text: str) -> ast.expr:
    """Python's tree of an expression of one line of plain characters."""
    for character in text:
        if not (character.isascii() and character.isprintable()) or character in "#\\":
            raise StudyError(f"must not hold the character {character!a}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        place = f" at character {error.offset}" if error.offset else ""
        raise StudyError(f"is no expression: {error.msg}, got {quoted(text)}{place}") from None
    except (ValueError, RecursionError, MemoryError, Warning):
        raise StudyError(f"is no expression, got {quoted(text)}") from None


class _Reader:
    """Makes terms of Python's tree, of what is known and of nothing else."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.names: dict[str, None] = {}

    def read(self, node: ast.expr, depth: int = 0) -> Term:
        """The term of a node; `StudyError` if it or one within it is not known."""
        text = self._piece(node)
        if depth > MOST_DEPTH:
            raise StudyError(f"must not be nested more than {MOST_DEPTH} deep")

        def inner(nodes: Iterable[ast.expr]) -> tuple[Term, ...]:
            return tuple(self.read(one, depth + 1) for one in nodes)

        match node:
            case ast.Constant():
                return Constant(text, self._constant(node))
            case ast.Name(id=("true" | "false") as name):
                return Constant(text, _TRUTHS[name])
            case ast.Name():
                return self._name(node)
            case ast.BinOp() if type(node.op) in _OPERATIONS:
                function = _OPERATIONS[type(node.op)]
                return _defined(Calculation(text, function, inner((node.left, node.right))))
            case ast.UnaryOp(op=ast.USub()):
                return _defined(Calculation(text, operator.neg, inner((node.operand,))))
            case ast.UnaryOp(op=ast.Not()):
                return Negation(text, self.read(node.operand, depth + 1))
            case ast.BoolOp():
                return Junction(text, isinstance(node.op, ast.Or), inner(node.values))
            case ast.Call(func=ast.Name(id=name)):
                self._check_call(node, name)
                return _defined(Calculation(text, _FUNCTIONS[name], inner(node.args)))
            case ast.Compare():
                return self._comparison(node, depth)
        raise self._foreign(node)

    def _piece(self, node: ast.expr) -> str:
        # Columns are characters, since the text is one line of ASCII.
        return self._text[node.col_offset : node.end_col_offset]

    def _foreign(self, node: ast.expr) -> StudyError:
        found = _FOREIGN.get(type(node), f"what Python calls {type(node).__name__}")
        return StudyError(f"must not hold {found}, got {quoted(self._piece(node))}")

    def _constant(self, node: ast.Constant) -> Value:
        value = node.value
        if isinstance(value, float | int) and abs(value) > sys.float_info.max:
            raise StudyError(f"must hold finite numbers, got {quoted(self._piece(node))}")
        if not isinstance(value, float | int | str):
            rule = "must hold numbers, texts, true and false only"
            raise StudyError(f"{rule}, got {quoted(self._piece(node))}")
        return value

    def _name(self, node: ast.Name) -> Name:
        if node.id in _FUNCTIONS:
            example = f"{node.id}({'a, b' if node.id in _OF_SEVERAL else 'a'})"
            raise StudyError(f"{node.id} is a function and must be called, as {example}")
        self.names[node.id] = None
        return Name(node.id)

    def _check_call(self, node: ast.Call, name: str) -> None:
        if name not in _FUNCTIONS:
            raise StudyError(f"unknown function {quoted(name)}, known are {', '.join(_FUNCTIONS)}")
        count, several = len(node.args), name in _OF_SEVERAL
        if node.keywords or (count < 2 if several else count != 1):
            rule = f"{name} must be of {'two numbers or more' if several else 'one number'}"
            raise StudyError(f"{rule}, got {quoted(self._piece(node))}")

    def _comparison(self, node: ast.Compare, depth: int) -> Comparison:
        text, operands = self._piece(node), [node.left, *node.comparators]
        for relation in node.ops:
            if type(relation) not in _RELATIONS:
                raise StudyError(f'must compare by == or !=, not by "is", got {quoted(text)}')
        relations = tuple(_RELATIONS[type(relation)] for relation in node.ops)
        if any(relation.endswith("in") for relation in relations[:-1]):
            raise StudyError(f'must end with the list behind "in", got {quoted(text)}')
        first = tuple(self.read(one, depth + 1) for one in operands[:-1])
        last = self._list if relations[-1].endswith("in") else self.read
        return Comparison(text, relations, (*first, last(operands[-1], depth + 1)))

    def _list(self, node: ast.expr, depth: int) -> tuple[Constant, ...]:
        """The constants of a list behind "in"."""
        if not isinstance(node, ast.List | ast.Tuple) or not node.elts:
            rule = 'must have a list behind "in", as [32, 64]'
            raise StudyError(f"{rule}, got {quoted(self._piece(node))}")
        found = [self._listed(element, depth + 1) for element in node.elts]
        kinds = {constant.kind({}) for constant in found}
        if len(kinds) > 1:
            one, other, *_ = sorted(kinds)
            rule = "must list things of one kind"
            raise StudyError(f"{rule}, got {one} and {other} in {quoted(self._piece(node))}")
        return tuple(found)

    def _listed(self, node: ast.expr, depth: int) -> Constant:
        term = self.read(node, depth)
        if isinstance(term, Constant):
            return term
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            return Constant(term.text, term.value({}))
        rule = 'must list numbers, texts or true and false behind "in"'
        raise StudyError(f"{rule}, got {quoted(term.text)}")


def _defined(term: Calculation) -> Calculation:
    """The term, unless it is of constants alone and has no value, as 9 ** 9 ** 9.

    Raises:
        StudyError: which names it.
    """
    try:
        term.value({})
    except (ArithmeticError, ValueError):
        raise StudyError(f"{quoted(term.text)} has no value, or one too large") from None
    except TypeError:
        pass  # of a text, which `check` tells better
    return term
