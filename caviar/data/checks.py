"""What is refused before any training: data that no network could learn to classify."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Examples, Source
from caviar.errors import StudyError

_CHUNK = 8192


def check_source(source: Source, *, missing: bool = False) -> None:
    """Refuses labels out of range, a single class, NaN and infinities.

    Args:
        source: the data on disk.
        missing: whether NaN stands for a missing value that will be filled in.

    Raises:
        StudyError: naming the data set, the split, the row and the value.
    """
    for split, examples in source.splits.items():
        place = source.split_place(split)
        if len(examples) == 0:
            raise StudyError(f"{place}: must have examples, got 0")
        _check_labels(place, examples, len(source.class_names))
        _check_finite(source, split, missing)
    present = np.unique(source.splits["train"].y)
    if len(present) < 2:
        raise StudyError(
            f"{source.place}: must have examples of at least two classes, "
            f"got only {source.class_names[present[0]]!r}"
        )


def check_cut(source: Source, labels: Mapping[str, NDArray[np.int32]]) -> None:
    """Refuses a dev part that a class of the training part is missing from.

    Only a dev part that the data set brings can be so: ours is stratified.

    Args:
        source: the data on disk.
        labels: of each part by its name.

    Raises:
        StudyError: naming the class.
    """
    for number in np.setdiff1d(labels["train"], labels["dev"])[:1]:
        raise StudyError(
            f"{source.place}: the dev part must have examples of every class, "
            f"got none of {source.class_names[number]!r}"
        )


def _check_labels(place: str, examples: Examples, classes: int) -> None:
    for row in np.flatnonzero((examples.y < 0) | (examples.y >= classes))[:1]:
        raise StudyError(
            f"{place}: labels must be in [0, {classes}), got {examples.y[row]} in row {row}"
        )


def _check_finite(source: Source, split: str, missing: bool) -> None:
    x = source.splits[split].x
    if x.dtype.kind != "f":
        return
    for start in range(0, len(x), _CHUNK):
        piece = x[start : start + _CHUNK]
        bad = np.isinf(piece) if missing else ~np.isfinite(piece)
        for row, column in np.argwhere(bad)[:1]:
            raise StudyError(_not_finite(source, split, start + int(row), int(column)))


def _not_finite(source: Source, split: str, row: int, column: int) -> str:
    value = source.splits[split].x[row, column]
    where, feature = source.split_place(split), source.feature(column)
    if not np.isnan(value):
        return (
            f"{where}: features must be finite, got {value} in row {row}, {feature}; the largest "
            "that float32 holds is 3.4e38"
        )
    text = any(block.start <= column < block.stop for block in source.one_hot)
    way = "most_frequent" if text else "mean"
    advice = f'data.missing = "{way}" would fill it in'
    if source.feature_names:
        return f"{where}: {feature}: must have a value, got none in row {row} (from 0); {advice}"
    return f"{where}: features must be finite, got nan in row {row}, {feature}; {advice}"
