"""Data sets from a person's own function: the hook for whatever no reader of ours knows.

A registered name lives as long as the process; the study's driver is the only one to read it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from caviar.data.arrays import from_arrays
from caviar.data.dataset import Source
from caviar.errors import StudyError

Function = Callable[[], Mapping[str, Any]]
"""Gives the arrays that `arrays.from_arrays` takes."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,127}")

_registered: dict[str, Function] = {}


def register_dataset(name: str, function: Function) -> None:
    """Makes `data.name = name` mean what `function()` gives, before any other set of that name.

    Args:
        name: lower-case letters, digits and `_`. A name registered again means the new function.
        function: gives `x` `[n, ...]` and `y` `[n]`, optionally `x_dev`, `y_dev`, `x_test`,
            `y_test`, `class_names` (labels are then numbers from 0) and `feature_shape`. It is
            called once a run, in the driver, and should give the same data every time: a study
            does not go on with others.

    Raises:
        StudyError: the name has another form, or `function` cannot be called.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise StudyError(
            f"register_dataset: the name must be of a-z, 0-9 and _, 128 at most, got {name!r}"
        )
    if not callable(function):
        raise StudyError(f"register_dataset: {name!r} must have a function, got {function!r}")
    _registered[name] = function


def is_registered(name: str) -> bool:
    """Whether `read_registered` knows that name."""
    return name in _registered


def read_registered(name: str) -> Source:
    """What the registered function gives.

    Raises:
        StudyError: it gives something else than arrays to classify. Its own errors pass through:
            they are a defect of the person's program, and the traceback shows where.
    """
    given = _registered[name]()
    if not isinstance(given, Mapping):
        raise StudyError(
            f"data.name: {name!r}: its function must give a mapping with x and y, "
            f"got {type(given).__name__}"
        )
    return from_arrays("name", name, "registered", given)
