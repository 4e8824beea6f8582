"""The JSON that a journal keeps: read, and held against the shape that it was written in."""

from __future__ import annotations

import json
from typing import Any, Final

from caviar.study.records import ChangeKind
from caviar.study.shapes import MisfitError, Shape, misfit

VALUE: Final = (float, str, bool)
"""A hyperparameter's value."""
_VALUES: Final = {str: VALUE}
_PLAIN: Final = frozenset([float, int, str, bool])
_MAYBE_WHOLE: Final = (int, None)
_ENDS: Final = [[float]]

_FINALS: Final = {
    "number": int,
    "epochs": int,
    "seeds": int,
    "candidates": [
        {
            "name": str,
            "hyperparameters": _VALUES,
            "trial?": _MAYBE_WHOLE,
            "score?": (float, None),
            "share?": float,
        }
    ],
    "kind?": str,
}

CHANGES: Final[dict[str, Shape]] = {
    ChangeKind.EXTEND: {"trials?": int, "max_epochs?": int, "days?": int, "budget?": {str: object}},
    ChangeKind.ADD_TRIALS: {"trials": int},
    ChangeKind.ADD_POINT: {"hyperparameters": _VALUES},
    ChangeKind.STOP: {"why?": str},
    ChangeKind.STOP_TRIAL: {"trial": int},
    ChangeKind.PAUSE: {},
    ChangeKind.CONTINUE: {},
    ChangeKind.NARROW: {"name": str, "low?": VALUE, "high?": VALUE, "choices?": [VALUE]},
    ChangeKind.NUDGE: {"hyperparameters": _VALUES, "panda?": _MAYBE_WHOLE},
    ChangeKind.ROLLBACK: {"day": int, "panda?": _MAYBE_WHOLE},
    ChangeKind.CHOOSE: {"strategy": str, "pandas?": _MAYBE_WHOLE, "why": str},
}
"""What belongs to a change, by its kind."""

EVENTS: Final[dict[str, Shape]] = {
    "round": {
        "number": int,
        "bounds": _ENDS,
        "box": _ENDS,
        "cells": [[int]],
        "stands_on": int,
        "elites": [int],
        "whys": [str],
        "why": str,
    },
    "change": {"kind": str, "detail": {}},
    "data_set_read": {
        "name?": str,
        "version?": str,
        "fingerprint": str,
        "class_names?": [str],
        "features?": int,
        "image_shape?": ([int], None),
        "train?": int,
        "dev?": int,
        "test?": int,
    },
    "driver_started": {"pid?": int, "slices?": int, "versions?": {str: str}},
    "driver_resumed": {"pid?": int, "slices?": int, "versions?": {str: str}},
    "driver_stopped": {"finished": bool, "trouble?": str, "ending?": str},
    "slice_arrived": {"slice?": str, "held?": str},
    "slice_failed": {"slice?": str, "error?": str},
    "trial_failed": {"trial": int, "error": str},
    "trial_stopped": {"trial": int, "error": str},
    "width_decided": {"signature": str, "width": int, "evidence": {}},
    "retraining_begun": _FINALS,
    "sizes_begun": _FINALS,
    "storage_used": {"uri": str, "part": str},
    "winner_chosen": {
        "name": str,
        "trial": _MAYBE_WHOLE,
        "retraining": _MAYBE_WHOLE,
        "exported": int,
        "checkpoints": [str],
    },
    "test_read": {
        "at": str,
        "by": str,
        "readings": int,
        "fingerprint": str,
        "chosen": {"name": str},
        "results": {},
    },
}
"""What belongs to an event, by its kind; of others nothing is known."""


def read(text: str, shape: Shape, what: str) -> Any:
    """Plain data out of a cell.

    Args:
        text: the cell.
        shape: what it must hold.
        what: the cell, for the message.

    Raises:
        MisfitError: it is no JSON, or JSON of another shape.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError, TypeError):
        raise MisfitError(f"{what} is no JSON") from None
    wrong = misfit(found, shape)
    if wrong:
        raise MisfitError(f"{what}: {wrong}")
    return found


def point(text: str, trial: int) -> tuple[float, ...]:
    """A trial's place in the unit cube."""
    found = tuple(json.loads(text))
    if not all(type(one) in {float, int} and 0 <= one <= 1 for one in found):
        raise MisfitError(f"trial {trial} must be in the unit cube, got {text[:60]}")
    return found


def check_values(values: Any, trial: int) -> None:
    """Looks at hyperparameters; quick, as there are ten thousand of them.

    Raises:
        MisfitError: they are none.
    """
    if type(values) is not dict or not _PLAIN.issuperset(map(type, values.values())):
        wrong = misfit(values, _VALUES)
        raise MisfitError(f"the hyperparameters of trial {trial}: {wrong or 'are none'}")
