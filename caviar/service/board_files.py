"""The files in which a driver that is a job tells how its study stands: names, shapes, bounds.

They lie beside the job's log, where the cluster's dashboard serves them, so whoever may submit may
write them: what is read is bounded in size and held against its shape before anything is shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from caviar.study.details import VALUE
from caviar.study.shapes import Shape, misfit

FOLDER: Final = "caviar"
"""In the logs folder of the driver's node; in it one for each job, by its submission id."""
STATUS: Final = "status.json"
"""How the study stands, written with every look at the broker."""
PAGE: Final = "page.json"
"""What its page shows, made of the journal."""
TRIALS: Final = "trials.json"
ROUNDS: Final = "rounds.json"
MOST: Final[Mapping[str, int]] = {
    STATUS: 2**19, PAGE: 2**21, TRIALS: 2**25, ROUNDS: 2**22, "trials": 2**23,
}  # fmt: skip
"""Bytes of each; what would be longer is not written, and not read."""
SHARED: Final = 20
"""Trials, with their curves, of one file."""

_NUMBER: Final = (float, None)
_VALUES: Final = {str: (*VALUE, None)}
_ROW: Final = {
    "trial": int, "state": str, "epochs": int, "best_epoch": (int, None), "best_value": _NUMBER,
    "origin?": (str, None), "dev_accuracy?": _NUMBER, "dev_loss?": _NUMBER, "train_loss?": _NUMBER,
    "reason": (str, None), "hyperparameters": _VALUES,
}  # fmt: skip
_STANDING: Final = {
    "study?": str, "stage?": (str, None), "finished?": bool, "ending?": (str, None),
    "counts?": ({str: int}, None), "trial_epochs?": (int, None), "elapsed_s?": _NUMBER,
    "trial_epochs_per_s?": _NUMBER, "metric?": (str, None), "slices?": ({str: str}, None),
    "rungs?": ([[int]], None), "at?": _NUMBER,
    "best?": ({"trial": int, "epoch": int, "hyperparameters?": _VALUES}, None),
}  # fmt: skip
_SHAPES: Final[Mapping[str, Shape]] = {
    STATUS: _STANDING | {
        "trouble?": (str, None), "best_name?": (str, None), "planned?": (int, None),
        "arrived?": (int, None), "starting?": (int, None), "room?": (str, None),
        "paused?": (bool, None), "eta_s?": _NUMBER, "likely_remaining?": (int, None),
        "winner?": (str, None), "dir?": str, "version?": str, "page_at?": _NUMBER,
    },
    PAGE: _STANDING | {
        "status": str, "finished": bool, "counts": {str: int}, "trial_epochs": int,
        "elapsed_s": float, "metric": str, "rungs": [[int]], "asked": [str], "choice": str,
        "trials": int, "rounds": int, "searched": [str], "leaders": [_ROW], "at": float,
        "every_s": float, "curves": {str: [[_NUMBER]]},
        "retraining": ({"seeds": int, "candidates": [str], "ended": int, "trainings": int}, None),
        "winner": ({"name": str, "sentences": [str]}, None),
    },
    TRIALS: {"at": float, "trials": [_ROW]},
    ROUNDS: {"at": float, "rounds": [{
        "number": int, "why": str, "stands_on": int,
        "axes": [{"name": str, "share": float, "why": str, "places": [[float]],
                  "low?": (*VALUE, None), "high?": (*VALUE, None), "values?": ([VALUE], None)}],
    }]},
    "trials": {"at": float, "trials": [_ROW | {
        "curve": [{"epoch": int, "train_loss": _NUMBER, "train_accuracy": _NUMBER,
                   "dev_loss": _NUMBER, "dev_accuracy": _NUMBER}],
        "findings": [str],
    }]},
}  # fmt: skip
_METRICS: Final = ("dev_accuracy", "dev_loss", "train_loss", "train_accuracy")
_TIMES: Final = ("at", "page_at", "elapsed_s")
_LATEST_S: Final = 1e12
"""More than any clock tells; sums of such times are finite."""


def file_of(trial: int) -> str:
    """The file that has a trial's curve."""
    return f"trials-{trial // SHARED}.json"


def kind_of(file: str) -> str:
    """What of `MOST` and of the shapes a file goes by."""
    return "trials" if file.startswith("trials-") else file


def encoded(told: Mapping[str, Any]) -> bytes:
    """A file's bytes.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(told, separators=(",", ":"), allow_nan=False).encode()


def decoded(file: str, raw: bytes | str) -> dict[str, Any] | None:
    """What a file says; None if it is none of caviar's."""
    try:
        told = json.loads(raw, parse_constant=_refuse, parse_float=_finite, parse_int=_whole)
        json.dumps(told, ensure_ascii=False).encode()  # half a character cannot be shown
    except (ValueError, RecursionError):
        return None
    if not _is_sound(file, told):
        return None
    known = {key.removesuffix("?") for key in _SHAPES[kind_of(file)]}
    return {key: told[key] for key in told if key in known}


def _is_sound(file: str, told: object) -> bool:
    """Whether plain data are what caviar writes into that file."""
    if misfit(told, _SHAPES[kind_of(file)]) or not isinstance(told, dict):
        return False
    best = told.get("best") or {}
    scores = {*_METRICS, str(told.get("metric"))} & {*best}
    sound = all(not misfit(best[key], _NUMBER) for key in scores)
    sound = sound and all(len(rung) == 3 for rung in told.get("rungs") or ())
    sound = sound and all(0 <= (told.get(key) or 0) <= _LATEST_S for key in _TIMES)
    curves = told.get("curves") or {}
    return sound and all(
        len(point) == 2 and point[0] is not None for curve in curves.values() for point in curve
    )


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def _whole(text: str) -> int:
    if len(text) > 16:  # what every reader of JSON can hold
        raise ValueError(text)
    return int(text)
