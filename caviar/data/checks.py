"""What is refused before any training: data that no network could learn to classify."""

from __future__ import annotations

import numpy as np

from caviar.data.dataset import Examples, Source
from caviar.errors import StudyError

_CHUNK = 8192


def check_source(source: Source) -> None:
    """Refuses labels out of range, a single class, NaN and infinities.

    Raises:
        StudyError: naming the data set, the split, the row and the value.
    """
    for split, examples in source.splits.items():
        place = f"data.name: {source.name!r}: split {split!r}"
        if len(examples) == 0:
            raise StudyError(f"{place}: must have examples, got 0")
        _check_labels(place, examples, len(source.class_names))
        _check_finite(place, examples)
    present = np.unique(source.splits["train"].y)
    if len(present) < 2:
        raise StudyError(
            f"data.name: {source.name!r}: must have examples of at least two classes, "
            f"got only {source.class_names[present[0]]!r}"
        )


def _check_labels(place: str, examples: Examples, classes: int) -> None:
    for row in np.flatnonzero((examples.y < 0) | (examples.y >= classes))[:1]:
        raise StudyError(
            f"{place}: labels must be in [0, {classes}), got {examples.y[row]} in row {row}"
        )


def _check_finite(place: str, examples: Examples) -> None:
    if examples.x.dtype.kind != "f":
        return
    for start in range(0, len(examples), _CHUNK):
        bad = np.argwhere(~np.isfinite(examples.x[start : start + _CHUNK]))
        for row, column in bad[:1]:
            value = examples.x[start + row, column]
            raise StudyError(
                f"{place}: features must be finite, got {value} in row {start + row}, "
                f"feature {column}"
            )
