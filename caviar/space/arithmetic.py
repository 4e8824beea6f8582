"""Arithmetic of constraints: Python's, within the range of floats and never slow.

Beyond that range, or where there is no real number, there is no value: `ArithmeticError` or
`ValueError`, as for 1 / 0.
"""

from __future__ import annotations

import ast
import math
import operator
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final


def power(base: float, exponent: float) -> Any:
    """The power, refused before it is calculated if it is a whole number too large.

    Raises:
        OverflowError: at 2 ** 1024 and beyond, where floats end.
    """
    whole = isinstance(base, int) and isinstance(exponent, int)
    if whole and (int(base).bit_length() - 1) * exponent >= sys.float_info.max_exp:
        raise OverflowError("a power beyond the range of floats")
    return base**exponent


def bounded(result: Any) -> float:
    """The result, if it is a real number within the range of floats.

    Raises:
        ValueError: if it is complex, as (-1) ** 0.5 is.
        OverflowError: if it is infinite, not a number, or a whole number too large.
    """
    if isinstance(result, complex):
        raise ValueError("no real number")  # noqa: TRY004 - as math.sqrt(-1) does
    if not abs(result) <= sys.float_info.max:
        raise OverflowError("a result beyond the range of floats")
    return result  # type: ignore[no-any-return]


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "log": math.log,
    "log10": math.log10,
    "sqrt": math.sqrt,
    "exp": math.exp,
}
"""What a constraint may call, by name."""
OF_SEVERAL: Final = ("min", "max")
"""Those of two numbers or more; the others are of one."""
OPERATIONS: Final[Mapping[type[ast.operator], Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: power,
}
"""What may stand between two numbers: + - * / // % **."""
