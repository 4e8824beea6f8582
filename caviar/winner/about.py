"""`classes.json`: what a winner's model takes and what its answers mean, for whoever uses it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.winner.columns import Column

FORMAT: Final = 1
"""Of the file; another one is refused."""
FILE: Final = "classes.json"
CHECKPOINT: Final = "checkpoint.npz"
"""The exported run's checkpoint as it was, beside it."""

_KINDS: Final = ("uint8", "float32")


@dataclass(frozen=True)
class About:
    """What goes into a model and what comes out.

    Attributes:
        classes: their names, in the order of the probabilities.
        shape: of one example as it lies on disk.
        dtype: of it, `uint8` or `float32`.
        low: the least number in the dev part.
        high: the largest.
        columns: of a table, from which columns the features are made; () for other data.
    """

    classes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float | None = None
    high: float | None = None
    columns: tuple[Column, ...] = ()

    @property
    def features(self) -> int:
        """Numbers in one flattened example."""
        return math.prod(self.shape)

    def to_json(self) -> str:
        """The file's text, which UTF-8 can hold: names of folders may have bytes that it cannot."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"
        # What is lone in UTF-16 is written as JSON escapes it.
        return text.encode("utf-8", "backslashreplace").decode()

    @classmethod
    def load(cls, path: Path) -> About:
        """The inverse of `to_json`, of a file.

        Raises:
            StudyError: it is gone or damaged.
        """
        try:
            found = json.loads(path.read_text("utf-8"))
            return cls._read(found)
        except OSError as error:
            raise StudyError(f"{path}: cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(f"{path}: is damaged: {error}") from None

    @classmethod
    def _read(cls, found: Mapping[str, Any]) -> About:
        if found["format"] != FORMAT:
            raise ValueError(f"format must be {FORMAT}, got {found['format']}")
        if found["dtype"] not in _KINDS:
            raise ValueError(f"dtype must be one of {', '.join(_KINDS)}")
        low, high = (None if found[end] is None else float(found[end]) for end in ("low", "high"))
        return cls(
            classes=tuple(map(str, found["classes"])),
            shape=tuple(map(int, found["shape"])),
            dtype=found["dtype"],
            low=low,
            high=high,
            columns=tuple(Column.from_json(column) for column in found["columns"]),
        )
