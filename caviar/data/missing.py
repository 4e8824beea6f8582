"""Missing values: filled in by the training part's own statistic, never by dev's or test's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Source
from caviar.errors import StudyError


def fill_values(source: Source, rows: NDArray[np.int64], how: str) -> NDArray[np.float32] | None:
    """What stands in for a missing value of each feature.

    Of a text column (one-hot) it is always the most frequent text: texts have no mean.

    Args:
        source: the data on disk; NaN is missing.
        rows: the training part's rows of the split `train`.
        how: `mean`, `median` or `most_frequent`.

    Returns:
        float32 `[features]`, NaN for features of which nothing is missing; None if that is all.

    Raises:
        StudyError: a feature has no value at all in the training part.
    """
    missing = _missing(source)
    if not missing.any():
        return None
    values = np.full(missing.shape, np.nan, np.float32)
    texts = np.zeros(missing.shape, bool)
    x = source.splits["train"].x
    for block in source.one_hot:
        texts[block] = True
        if missing[block].any():
            counts = np.nansum(x[rows, block], axis=0)
            _check_some(source, block.start, counts.sum() > 0)
            values[block] = np.arange(len(counts)) == counts.argmax()
    for column in np.flatnonzero(missing & ~texts):
        known = x[rows, column]
        known = known[~np.isnan(known)]
        _check_some(source, int(column), known.size > 0)
        values[column] = _statistic(known, how)
    return values


def fill(x: NDArray[Any], values: NDArray[np.float32] | None) -> NDArray[Any]:
    """`x` with every NaN replaced by its feature's value; the same array if it has none."""
    if values is None:
        return x
    return np.where(np.isnan(x), values, x)


def _missing(source: Source) -> NDArray[np.bool_]:
    """Which features have a missing value in any split, bool `[features]`."""
    found = np.zeros(source.splits["train"].x.shape[1], bool)
    for examples in source.splits.values():
        if examples.x.dtype.kind == "f":
            found |= np.isnan(examples.x).any(axis=0)
    return found


def _statistic(known: NDArray[Any], how: str) -> float:
    if how == "mean":
        return float(known.mean(dtype=np.float64))
    if how == "median":
        return float(np.median(known))
    values, counts = np.unique(known, return_counts=True)
    return float(values[counts.argmax()])


def _check_some(source: Source, column: int, some: bool) -> None:
    if not some:
        raise StudyError(
            f"{source.place}: {source.feature(column)}: must have a value in the training part "
            "to fill in where it is missing, got none"
        )
