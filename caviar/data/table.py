"""Tables of a person's own, `.csv` and `.parquet`: one row an example, one column the class.

Numbers stay numbers, truths become 0 and 1, texts one column per text (one-hot). What a column's
texts are is taken from the whole file: a text the training part lacks is a column of zeros there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Examples, Source
from caviar.data.labels import class_numbers
from caviar.data.request import Request
from caviar.data.table_file import read_frame
from caviar.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

MOST_TEXTS = 1000
"""Different texts a column may have; with more of them it is a name or a sentence."""

_FEW_TEXTS = 20
"""Up to so many different texts a column may have however few rows there are."""

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ].*)?|\d\d?([./-])\d\d?\2\d{2,4}([T ,].*)?")
"""A date as people write it, perhaps with a time."""

_MOST_LOST = 0.1
"""What rounding to float32 may take from a number, in standard deviations of its column."""

_MOSTLY_NUMBERS = 0.8
"""From this share of readable numbers on, the other texts of a column are slips of the pen."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column as features.

    Attributes:
        values: float32 `[n, features]`, NaN where it is missing.
        name: the column's.
        one_hot: whether it was text.
        warning: what a person should know of it; empty if all is well.
    """

    values: NDArray[np.float32]
    name: str
    one_hot: bool
    warning: str = ""

    @property
    def width(self) -> int:
        """How many features it became."""
        return self.values.shape[1]


def read_table(path: Path, request: Request) -> Source:
    """A table as a data set of one split.

    Raises:
        StudyError: naming the file and the column, and the row where it is one row's fault.
    """
    place = f"data.path: {path.name!r}"
    frame = read_frame(place, path, request.drop)
    label = _check_columns(place, frame, request)
    names, (y,) = class_numbers([f"{place}: column {label!r}"], [_labels(place, frame[label])])
    kept = [name for name in frame.columns if name != label and name not in request.drop]
    if not kept:
        raise StudyError(f"{place}: must have a column besides the label {label!r}, got none")
    columns = [
        _features(f"{place}: column {name!r}", frame[name], name in request.categorical)
        for name in kept
    ]
    x = np.concatenate([column.values for column in columns], axis=1)
    return Source(
        name=path.name,
        version="file",
        class_names=names,
        feature_shape=(x.shape[1],),
        splits={"train": Examples(x, y)},
        feature_names=tuple(column.name for column in columns for _ in range(column.width)),
        one_hot=_blocks(columns),
        key="path",
        warnings=tuple(f"{place}: {column.warning}" for column in columns if column.warning),
    )


def _check_columns(place: str, frame: pd.DataFrame, request: Request) -> str:
    columns = list(frame.columns)
    if request.label is None:
        raise StudyError(
            f"data.label: is missing: it names the column that holds the class, one of "
            f"{_listed(columns)}"
        )
    _check_known(place, "label", [request.label], columns)
    for key in ("drop", "categorical"):
        _check_known(place, key, getattr(request, key), columns)
        if request.label in getattr(request, key):
            raise StudyError(f"data.{key}: must not name the label, got {request.label!r}")
    return request.label


def _check_known(place: str, key: str, names: Sequence[str], columns: list[str]) -> None:
    for name in names:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, n=1, cutoff=0.0)[0]
            raise StudyError(f"data.{key}: {place[11:]} has no column {name!r}; nearest: {near!r}")


def _listed(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _labels(place: str, column: pd.Series) -> NDArray[np.generic]:
    import pandas as pd

    for row in np.flatnonzero(column.isna())[:1]:
        raise StudyError(
            f"{place}: column {column.name!r}: must have a class in every row, "
            f"got none in row {row} (from 0); a cell with NA or None counts as empty"
        )
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return column.astype(str).to_numpy(dtype=np.str_)
    return column.to_numpy()


def _features(place: str, column: pd.Series, categorical: bool) -> _Column:
    import pandas as pd

    kinds = pd.api.types
    name = str(column.name)
    if kinds.is_datetime64_any_dtype(column) or kinds.is_timedelta64_dtype(column):
        raise StudyError(f"{place}: must be numbers, truths or texts, got dates; see data.drop")
    if not column.notna().any():
        raise StudyError(f"{place}: must have a value somewhere, got none; data.drop leaves it out")
    if not categorical and not kinds.is_numeric_dtype(column):
        column = _numbers(column)
    if categorical or not kinds.is_numeric_dtype(column):
        return _one_hot(place, name, column, categorical)
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    with np.errstate(over="ignore"):  # too large for float32 becomes inf, which is refused by row
        values = numbers.astype(np.float32)
    return _Column(values[:, None], name, one_hot=False, warning=_warning(name, numbers, values))


def _warning(name: str, numbers: NDArray[np.float64], values: NDArray[np.float32]) -> str:
    """What is suspicious about a column of numbers, in float64 as read and in float32 as kept."""
    if not np.isfinite(values).all():
        return ""
    if len(numbers) > _FEW_TEXTS and (np.diff(numbers) == 1.0).all():
        return f"column {name!r} counts the rows; if it is only a name, drop it by data.drop"
    scale = max(np.abs(numbers).max(), np.finfo(np.float64).tiny)
    tiny = np.abs(values) < np.finfo(np.float32).tiny  # devices take it for 0
    lost = np.where(tiny, 0.0, values.astype(np.float64)) / scale - numbers / scale
    if np.abs(lost).max() > _MOST_LOST * (numbers / scale).std() > 0.0:
        return (
            f"column {name!r} differs by too little, or is too small, for float32: subtract a "
            "constant from it, or scale it up"
        )
    return ""


def _numbers(column: pd.Series) -> pd.Series:
    """Truths with gaps, decimals and other numbers that pandas takes for texts, as numbers."""
    known = column.dropna()
    if all(isinstance(value, Number | np.bool_) for value in known):
        return column.astype("Float64")
    return column


def _one_hot(place: str, name: str, column: pd.Series, categorical: bool) -> _Column:
    known = column.dropna()
    strange = known.map(lambda value: isinstance(value, dict | list | tuple | np.ndarray | bytes))
    for row in known.index[strange][:1]:
        kind = type(known[row]).__name__
        raise StudyError(f"{place}: must be numbers, truths or texts, got a {kind} in row {row}")
    texts = sorted(set(known.astype(str)))
    if not categorical:
        _check_texts(place, known.astype(str), texts)
    if len(texts) > MOST_TEXTS:
        raise StudyError(
            f"{place}: must have at most {MOST_TEXTS} different texts, got {len(texts)}; "
            "data.drop leaves it out"
        )
    codes = column.astype(str).map({text: code for code, text in enumerate(texts)})
    values = np.zeros((len(column), len(texts)), np.float32)
    rows = np.flatnonzero(column.notna())
    values[rows, codes.to_numpy()[rows].astype(int)] = 1.0
    values[np.flatnonzero(column.isna())] = np.nan
    return _Column(values, name, one_hot=True)


def _check_texts(place: str, known: pd.Series, texts: Sequence[str]) -> None:
    """Refuses texts that one-hot columns would only hide: dates, names, numbers with slips."""
    import pandas as pd

    if all(_DATE.fullmatch(text) for text in texts):
        raise StudyError(
            f"{place}: must be numbers, truths or texts, got dates such as {texts[0]!r}; data.drop "
            "leaves it out"
        )

    numbers = pd.to_numeric(known, errors="coerce")
    slips = known[numbers.isna()]
    if len(slips) and len(slips) <= (1 - _MOSTLY_NUMBERS) * len(known):
        raise StudyError(
            f"{place}: must be numbers as most of it are, got {slips.iloc[0]!r} in row "
            f"{slips.index[0]} (from 0)"
        )
    if len(texts) > max(_FEW_TEXTS, len(known) // 2):
        raise StudyError(
            f"{place}: must be numbers, or texts that come again, got {len(texts)} different texts "
            f"in {len(known)} rows, such as {texts[0]!r}; data.drop leaves it out"
        )


def _blocks(columns: list[_Column]) -> tuple[slice, ...]:
    starts = np.cumsum([0, *(column.width for column in columns)]).tolist()
    return tuple(
        slice(start, start + column.width)
        for start, column in zip(starts[:-1], columns, strict=True)
        if column.one_hot
    )
