"""The columns of a person's table, and how a cell of them becomes features.

`caviar.data.table` learns this from the whole file: numbers stay numbers, truths become 0 and 1,
texts one feature a text. Here it is kept with the winner, so that new rows can be given as the old
ones were. A missing value is filled in by what stood in for it in the training part (`data.missing`
in the study file); where nothing was missing then, it is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Source
from caviar.data.request import Request
from caviar.data.table import read_table
from caviar.data.table_file import read_frame
from caviar.errors import StudyError
from caviar.study.wording import nearest, show

_TRUTHS: Final = {"true": 1.0, "false": 0.0}
_SUFFIXES: Final = (".csv", ".parquet")
MISSING: Final = frozenset(
    {"", "na", "n/a", "nan", "-nan", "null", "none", "<na>", "#na", "#n/a"},
)
"""Cells that hold nothing, in small letters; pandas takes these for it."""


@dataclass(frozen=True)
class Column:
    """A column that features are made of.

    Attributes:
        name: as in the file's first line.
        texts: that it may hold, a feature each; None for numbers.
        fill: the features of a missing value, `[width]`; None if it may not be missing.
    """

    name: str
    texts: tuple[str, ...] | None = None
    fill: tuple[float, ...] | None = None

    @property
    def width(self) -> int:
        """How many features it becomes."""
        return 1 if self.texts is None else len(self.texts)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Column:
        """The inverse of `dataclasses.asdict`."""
        texts, fill = plain["texts"], plain["fill"]
        return cls(
            str(plain["name"]),
            None if texts is None else tuple(map(str, texts)),
            None if fill is None else tuple(map(float, fill)),
        )

    def features(self, cell: str, place: str) -> list[float]:
        """What a cell becomes, `[width]`.

        Raises:
            StudyError: it is empty, or not what the column holds.
        """
        text = cell.strip()
        if text.lower() in MISSING and text not in (self.texts or ()):
            return self._filled(cell, place)
        if self.texts is None:
            return [number(text, place)]
        found = _place(text, self.texts)
        if found is None:
            raise StudyError(f"{place}: must be a text of the data set: {_near(text, self.texts)}")
        return [float(place == found) for place in range(len(self.texts))]

    def _filled(self, cell: str, place: str) -> list[float]:
        if self.fill is None:
            raise StudyError(f"{place}: must have a value, got {show(cell)}; fill it in first")
        return list(self.fill)


def number(text: str, place: str) -> float:
    """A cell's number; truths are 1 and 0.

    Raises:
        StudyError: it is none, or not finite.
    """
    try:
        found = _TRUTHS.get(text.strip().lower())
        value = float(text) if found is None else found
    except ValueError:
        raise StudyError(f"{place}: must be a number, got {show(text)}") from None
    if not abs(value) <= float(np.finfo(np.float32).max):
        raise StudyError(f"{place}: must be a finite number in float32, got {show(text)}")
    return value


def columns_of(
    data: Sequence[tuple[str, Any]], fills: NDArray[np.float32] | None = None
) -> tuple[Column, ...]:
    """The columns of a study's table; () if its data are no table.

    The file is read again, as `Dataset` keeps features alone.

    Args:
        data: `StudySpec.data`.
        fills: `Dataset.fills`, what stood in for missing values.

    Raises:
        StudyError: it can no longer be read.
    """
    named = {field.name for field in fields(Request)}
    request = Request(**{key: value for key, value in data if key in named})
    if request.path is None or Path(request.path).suffix.lower() not in _SUFFIXES:
        return ()
    path = Path(request.path).expanduser()
    source = read_table(path, request)
    frame = read_frame(f"data.path: {path.name!r}", path, request.drop)
    texts = {
        source.feature_names[block.start]: sorted(
            set(frame[source.feature_names[block.start]].dropna().astype(str))
        )
        for block in source.one_hot
    }
    return tuple(_columns(source, texts, fills))


def _columns(
    source: Source, texts: Mapping[str, Sequence[str]], fills: NDArray[np.float32] | None
) -> Iterator[Column]:
    known = np.full(len(source.feature_names), np.nan) if fills is None else fills
    for name in dict.fromkeys(source.feature_names):
        own = known[[name == other for other in source.feature_names]].tolist()
        fill = None if any(map(math.isnan, own)) else tuple(own)
        yield Column(name, tuple(texts[name]) if name in texts else None, fill)


def encode(
    rows: Sequence[Sequence[str]], columns: Sequence[Column], places: Sequence[str]
) -> NDArray[np.float32]:
    """Cells as features, float32 `[n, features]`.

    Args:
        rows: of each example a cell a column.
        columns: in that order.
        places: what errors call the rows.

    Raises:
        StudyError: a cell is not what its column holds.
    """
    alike = _all_numbers(rows) if all(column.texts is None for column in columns) else None
    if alike is not None:
        return alike
    found = [
        [
            value
            for cell, column in zip(row, columns, strict=True)
            for value in column.features(cell, f"{place}, column {show(column.name)}")
        ]
        for row, place in zip(rows, places, strict=True)
    ]
    return np.array(found, np.float32).reshape(len(rows), sum(c.width for c in columns))


def _all_numbers(rows: Sequence[Sequence[str]]) -> NDArray[np.float32] | None:
    """Cells as float32, in one go; None where one of them is no finite number."""
    try:
        with np.errstate(over="ignore"):
            found = np.array(rows, np.float64).astype(np.float32)
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None


def _place(text: str, texts: Sequence[str]) -> int | None:
    """Where a text is among others; numbers that were taken for texts count as equal numbers."""
    if text in texts:
        return texts.index(text)
    try:
        return [float(other) for other in texts].index(float(text))
    except ValueError:
        return None


def _near(text: str, texts: Sequence[str]) -> str:
    shown = texts if len(texts) <= 10 else [*texts[:10], "..."]
    return f"got {show(text)}, {nearest(text, shown)}"
