"""A table's file as a data frame: the reading itself, and columns that can be called by a name.

What columns hold is for `table` to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from caviar.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
"""What people separate columns by in the place of commas."""


def read_frame(place: str, path: Path, drop: Sequence[str] = ()) -> pd.DataFrame:
    """A `.csv` or `.parquet` file with its rows numbered from 0.

    Args:
        place: of the file, for messages.
        path: of the file.
        drop: columns that will be ignored, and so need no name of their own.

    Raises:
        StudyError: it cannot be read, is empty, or two of its columns have one name.
    """
    try:
        parquet = path.suffix.lower() == ".parquet"
        frame, given = _read_parquet(path) if parquet else _read_csv(place, path)
    except ImportError as error:
        raise StudyError(f"{place}: reading parquet needs pyarrow: pip install pyarrow") from error
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise StudyError(f"{place}: must be text in UTF-8, got the byte {byte:#04x}") from error
    except (OSError, ValueError) as error:  # pandas' and pyarrow's parsers raise ValueErrors
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise StudyError(f"{place}: could not be read as a table: {reason[:200]}") from error
    if frame.empty:
        raise StudyError(f"{place}: must have rows and columns, got {list(frame.shape)}")
    frame.columns = _told_apart(given)
    _check_names(place, given, list(frame.columns), drop)
    return frame


def _read_parquet(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """The rows, and the columns' names as they stand in the file."""
    import pandas as pd

    frame = pd.read_parquet(path)
    # An index with a name is a column of the file.
    frame = frame.reset_index(drop=all(name is None for name in frame.index.names))
    return frame, [str(name) for name in frame.columns]


def _read_csv(place: str, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """The rows, and the columns' names as they stand in the file."""
    import pandas as pd

    header = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False)
    names = [str(name) for name in header.iloc[0]]
    for sign, word in _SEPARATORS.items():
        if len(names) == 1 and sign in names[0]:
            raise StudyError(f"{place}: columns must be separated by commas, got {word}")
    return pd.read_csv(path, low_memory=False).reset_index(drop=True), names


def _told_apart(names: list[str]) -> list[str]:
    """The same names, a nameless one by its place and a second of the same with its number."""
    told: list[str] = []
    for place, name in enumerate(names):
        wanted = name or f"Unnamed: {place}"
        again = sum(wanted == other for other in names[:place])
        told.append(f"{wanted}.{again}" if again else wanted)
    return told


def _check_names(place: str, given: list[str], told: list[str], drop: Sequence[str]) -> None:
    for number, (name, own) in enumerate(zip(given, told, strict=True)):
        if name == own or own in drop:
            continue
        rule = f"column names must differ, got {name!r} twice"
        if not name:
            rule = f"every column must have a name, got none for column {number} (from 0)"
        raise StudyError(f'{place}: {rule}; data.drop = ["{own}"] leaves it out')
