"""Tables of a person's own, `.csv` and `.parquet`: one row an example, one column the class.

Numbers stay numbers, truths become 0 and 1, texts one column per text (one-hot). What a column's
texts are is taken from the whole file: a text the training part lacks is a column of zeros there.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Examples, Source
from caviar.data.labels import class_numbers
from caviar.data.request import Request
from caviar.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

MOST_TEXTS = 1000
"""Different texts a column may have; with more of them it is a name or a sentence."""

_MOSTLY_NUMBERS = 0.8
"""From this share of readable numbers on, the other texts of a column are slips of the pen."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column as features.

    Attributes:
        values: float32 `[n, features]`, NaN where it is missing.
        name: the column's.
        one_hot: whether it was text.
    """

    values: NDArray[np.float32]
    name: str
    one_hot: bool

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
    frame = _read(place, path)
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
    )


def _read(place: str, path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        if path.suffix.lower() == ".parquet":
            frame = pd.read_parquet(path).reset_index(drop=True)
        else:
            frame = pd.read_csv(path, low_memory=False)
    except ImportError as error:
        raise StudyError(f"{place}: reading parquet needs pyarrow: pip install pyarrow") from error
    except (OSError, ValueError) as error:  # pandas' and pyarrow's parsers raise ValueErrors
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise StudyError(f"{place}: could not be read as a table: {reason[:200]}") from error
    frame.columns = [str(name) for name in frame.columns]
    if frame.empty:
        raise StudyError(f"{place}: must have rows and columns, got {list(frame.shape)}")
    return frame


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
            f"got none in row {row} (from 0)"
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
    if not categorical and not kinds.is_numeric_dtype(column):
        column = _truths(column)
    if categorical or not kinds.is_numeric_dtype(column):
        return _one_hot(place, name, column, categorical)
    with np.errstate(over="ignore"):  # too large for float32 becomes inf, which is refused by row
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
    return _Column(numbers[:, None], name, one_hot=False)


def _truths(column: pd.Series) -> pd.Series:
    """A column of truths with gaps, which pandas takes for text, as numbers."""
    known = column.dropna()
    if len(known) and all(isinstance(value, bool | np.bool_) for value in known):
        return column.astype("boolean").astype("Float64")
    return column


def _one_hot(place: str, name: str, column: pd.Series, categorical: bool) -> _Column:
    known = column.dropna()
    strange = known.map(lambda value: isinstance(value, dict | list | tuple | np.ndarray | bytes))
    for row in known.index[strange][:1]:
        kind = type(known[row]).__name__
        raise StudyError(f"{place}: must be numbers, truths or texts, got a {kind} in row {row}")
    texts = sorted(set(known.astype(str)))
    if not texts:
        raise StudyError(f"{place}: must have a value somewhere, got none; data.drop leaves it out")
    if not categorical:
        _check_texts(place, known.astype(str))
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


def _check_texts(place: str, known: pd.Series) -> None:
    """Refuses a column of numbers with a few texts in it: one-hot would hide the mistake."""
    import pandas as pd

    numbers = pd.to_numeric(known, errors="coerce")
    slips = known[numbers.isna()]
    if len(slips) and len(slips) <= (1 - _MOSTLY_NUMBERS) * len(known):
        raise StudyError(
            f"{place}: must be numbers as most of it are, got {slips.iloc[0]!r} in row "
            f"{slips.index[0]} (from 0)"
        )


def _blocks(columns: list[_Column]) -> tuple[slice, ...]:
    starts = np.cumsum([0, *(column.width for column in columns)]).tolist()
    return tuple(
        slice(start, start + column.width)
        for start, column in zip(starts[:-1], columns, strict=True)
        if column.one_hot
    )
