"""The winner's card as others read it: held against its shape, and against the journal.

`caviar.winner.card` writes it. A person may edit it, as its `intended_use`, so nobody takes what it
says on trust.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.study.database import DAMAGED
from caviar.study.details import VALUE
from caviar.study.reads import Reads
from caviar.study.shapes import MisfitError, Shape, misfit

FILE: Final = "winner/card.json"
"""In a study directory."""
FORMATS: Final = (1, 2)
"""That can be read."""
TEST_READ: Final = "test_read"
"""The event of a reading of the test set."""

_NUMBER: Final = (float, None)
_MEAN: Final = {"mean": _NUMBER, "low?": _NUMBER, "high?": _NUMBER}
_EXAMPLES: Final = {
    "examples?": int,
    "confusion?": ([[int]], None),
    "per_class?": (
        [{"class": str, "examples": int, "recall?": _NUMBER, "precision?": _NUMBER}],
        None,
    ),
    "ensemble?": ({str: _NUMBER}, None),
}
_WHO: Final = {"name": str, "trial": (int, None), "hyperparameters": {str: VALUE}}
_RUN: Final = {
    "trial?": int,
    "replicate?": int,
    "value": _NUMBER,
    "train_accuracy?": _NUMBER,
    "dev_accuracy?": _NUMBER,
    "diverged?": bool,
    "note?": str,
}
_CANDIDATE: Final = {
    "name": str,
    "trial?": (int, None),
    "hyperparameters?": {str: VALUE},
    "mean": _NUMBER,
    "low?": _NUMBER,
    "high?": _NUMBER,
    "search_value?": _NUMBER,
    "runs": [_RUN],
}
_TEST: Final = _EXAMPLES | {
    "read_at?": str,
    "by?": str,
    "readings?": int,
    "accuracy": _MEAN,
    "sampling?": ({"low": _NUMBER, "high": _NUMBER}, None),
    "runs?": [{"replicate": int, "accuracy": _NUMBER}],
}
CARD: Final[Shape] = {
    "study?": str,
    "metric?": str,
    "winner": _WHO | {"epochs": int},
    "source?": {"kind?": str, "retraining?": (int, None)},
    "candidates": [_CANDIDATE],
    "confidence?": float,
    "beats_baseline?": (bool, None),
    "difference?": (_MEAN, None),
    "test?": (_TEST, None),
    "dev?": (_EXAMPLES, None),
    "exported?": ({"trial?": int, "replicate?": int, "files?": [str]}, None),
    "data?": {},
    "space?": [{"name": str}],
    "seeds?": {"study?": int, "replicates?": [int]},
    "packages?": {str: object},
    "hardware?": {},
    "cost?": ({}, None),
    "sentences": [str],
    "intended_use?": str,
}
"""What readers trust a card to be."""


def read(directory: Path) -> dict[str, Any] | None:
    """The winner's card, or None if there is none.

    Raises:
        StudyError: it is damaged, or of a caviar that this one does not know.
    """
    file = directory / FILE
    try:
        found = json.loads(file.read_text("utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StudyError(f"{file}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{file}: cannot be read: {error}") from None
    if not isinstance(found, dict) or found.get("format") not in FORMATS:
        raise StudyError(f"{file}: is no card of this version of caviar")
    wrong = misfit(found, CARD) or _ragged(found)
    if wrong:
        raise StudyError(f"{file}: {DAMAGED}: {wrong}")
    return found


def check_readings(told: int, journal: Reads, directory: Path) -> None:
    """Refuses a card that tells of more readings of the test set than the journal.

    Fewer are no contradiction: a process that dies after a reading leaves the card of before.

    Args:
        told: `readings` of a card that was read before the journal.
        journal: the study's, open.
        directory: the study's.

    Raises:
        StudyError: the journal lacks a reading.
    """
    known = len(journal.events(TEST_READ)) if told else 0
    if told > known:
        raise StudyError(
            f"{directory / FILE}: tells of {told} reading{'s' * (told > 1)} of the test set, and "
            f"the journal of {known or 'none'}: one of them was edited"
        )


def readings(card: Mapping[str, Any] | None) -> int:
    """How often the test set had been read by a card."""
    test = (card or {}).get("test")
    return int(test.get("readings", 1)) if test else 0


def _ragged(card: Mapping[str, Any]) -> str:
    """What is wrong with a card's tables of who was taken for whom; ""."""
    for part in ("test", "dev"):
        rows = (card.get(part) or {}).get("confusion")
        if rows and any(len(row) != len(rows) for row in rows):
            return f"{part}.confusion must have as many columns as rows"
    return ""


def _refuse(constant: str) -> float:
    raise MisfitError(f"a number must be finite, got {constant}")
