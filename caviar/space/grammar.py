"""The grammar of constraints: what of Python's expressions they may hold.

Python's own parser gives the tree; what stands in the tables here becomes terms, and whatever else
is found is refused by name. Lengths and depths are bounded, so no text can hang a study.
"""

from __future__ import annotations

import ast
import operator
import sys
import warnings
from collections.abc import Iterable, Mapping
from typing import Final

from caviar.errors import StudyError
from caviar.space.arithmetic import FUNCTIONS, OF_SEVERAL, OPERATIONS
from caviar.space.domain import Value
from caviar.space.terms import (
    Calculation,
    Comparison,
    Constant,
    Junction,
    Name,
    Negation,
    Term,
    quoted,
)

MOST_CHARACTERS: Final = 1000
MOST_DEPTH: Final = 50
"""Terms within terms."""

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


def read(text: str) -> tuple[Term, tuple[str, ...]]:
    """The term that a text on one line says, and the hyperparameters it names, in their order.

    Raises:
        StudyError: in one line without a place, if it says what constraints cannot say.
    """
    if len(text) > MOST_CHARACTERS:
        raise StudyError(f"must have at most {MOST_CHARACTERS} characters, got {len(text)}")
    reader = _Reader(text)
    term = reader.read(_tree(text))
    return term, tuple(reader.names)


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
        if depth > MOST_DEPTH:
            raise StudyError(f"must not be nested more than {MOST_DEPTH} deep")
        text, within = self._piece(node), depth + 1
        match node:
            case ast.Constant():
                return Constant(text, self._constant(node))
            case ast.Name():
                return self._name(node)
            case ast.UnaryOp(op=ast.Not()):
                return Negation(text, self.read(node.operand, within))
            case ast.BoolOp():
                is_or = isinstance(node.op, ast.Or)
                return Junction(text, is_or, self._several(node.values, within))
            case ast.Compare():
                return self._comparison(node, within)
        return self._calculation(node, within)

    def _several(self, nodes: Iterable[ast.expr], depth: int) -> tuple[Term, ...]:
        return tuple(self.read(node, depth) for node in nodes)

    def _calculation(self, node: ast.expr, depth: int) -> Calculation:
        match node:
            case ast.BinOp() if type(node.op) in OPERATIONS:
                function, operands = OPERATIONS[type(node.op)], [node.left, node.right]
            case ast.UnaryOp(op=ast.USub()):
                function, operands = operator.neg, [node.operand]
            case ast.Call(func=ast.Name(id=name)):
                self._check_call(node, name)
                function, operands = FUNCTIONS[name], node.args
            case _:
                found = _FOREIGN.get(type(node), f"what Python calls {type(node).__name__}")
                raise self._wrong(f"must not hold {found}", node)
        return _defined(Calculation(self._piece(node), function, self._several(operands, depth)))

    def _piece(self, node: ast.expr) -> str:
        # Columns are characters, since the text is one line of ASCII.
        return self._text[node.col_offset : node.end_col_offset]

    def _wrong(self, rule: str, node: ast.expr) -> StudyError:
        return StudyError(f"{rule}, got {quoted(self._piece(node))}")

    def _constant(self, node: ast.Constant) -> Value:
        value = node.value
        if isinstance(value, float | int) and abs(value) > sys.float_info.max:
            raise self._wrong("must hold finite numbers", node)
        if not isinstance(value, float | int | str):
            raise self._wrong("must hold numbers, texts, true and false only", node)
        return value

    def _name(self, node: ast.Name) -> Name | Constant:
        if node.id in _TRUTHS:
            return Constant(node.id, _TRUTHS[node.id])
        if node.id in FUNCTIONS:
            example = f"{node.id}({'a, b' if node.id in OF_SEVERAL else 'a'})"
            raise StudyError(f"{node.id} is a function and must be called, as {example}")
        self.names[node.id] = None
        return Name(node.id)

    def _check_call(self, node: ast.Call, name: str) -> None:
        if name not in FUNCTIONS:
            raise StudyError(f"unknown function {quoted(name)}, known are {', '.join(FUNCTIONS)}")
        count, several = len(node.args), name in OF_SEVERAL
        if node.keywords or (count < 2 if several else count != 1):
            wanted = "two numbers or more" if several else "one number"
            raise self._wrong(f"{name} must be of {wanted}", node)

    def _comparison(self, node: ast.Compare, depth: int) -> Comparison:
        operands = [node.left, *node.comparators]
        for relation in node.ops:
            if type(relation) not in _RELATIONS:
                raise self._wrong('must compare by == or !=, not by "is"', node)
        relations = tuple(_RELATIONS[type(relation)] for relation in node.ops)
        if any(relation.endswith("in") for relation in relations[:-1]):
            raise self._wrong('must end with the list behind "in"', node)
        first = self._several(operands[:-1], depth)
        last = self._list if relations[-1].endswith("in") else self.read
        return Comparison(self._piece(node), relations, (*first, last(operands[-1], depth)))

    def _list(self, node: ast.expr, depth: int) -> tuple[Constant, ...]:
        """The constants of a list behind "in"."""
        if not isinstance(node, ast.List | ast.Tuple) or not node.elts:
            raise self._wrong('must have a list behind "in", as [32, 64]', node)
        found = [self._listed(element, depth + 1) for element in node.elts]
        kinds = {constant.kind({}) for constant in found}
        if len(kinds) > 1:
            raise self._wrong("must list things of one kind", node)
        return tuple(found)

    def _listed(self, node: ast.expr, depth: int) -> Constant:
        term = self.read(node, depth)
        if isinstance(term, Constant):
            return term
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            term.kind({})
            return Constant(term.text, term.value({}))
        raise self._wrong('must list numbers, texts or true and false behind "in"', node)


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
