"""Classes from labels as people write them: numbers or names, numbered by the values that occur."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caviar.errors import StudyError

_MOST_FRACTIONS = 20
"""Distinct numbers that are not whole: with more of them they measure something."""

_EXAMPLES_A_CLASS = 5
"""Distinct whole numbers are classes if each stands for at least so many examples on average."""


def class_numbers(
    places: Sequence[str], labels: Sequence[NDArray[Any]]
) -> tuple[tuple[str, ...], list[NDArray[np.int32]]]:
    """Numbers the values that occur, in their own order.

    Args:
        places: of the labels of each split, for messages.
        labels: of each split `[n]`: whole numbers, truths or names.

    Returns:
        The classes' names, and each split's class numbers, int32 `[n]`.

    Raises:
        StudyError: a label is missing, or they are numbers to be predicted, which is regression.
    """
    checked = [_checked(place, given) for place, given in zip(places, labels, strict=True)]
    kinds = {"number" if given.dtype.kind in "iuf" else "name" for given in checked}
    if len(kinds) > 1:
        raise StudyError(f"{places[1]}: must be of the same kind as in the training part")
    together = np.concatenate(checked)
    values, numbers = np.unique(together, return_inverse=True)
    _refuse_regression(places[0], values, len(together))
    bounds = np.cumsum([len(given) for given in checked])[:-1]
    split = np.split(numbers.astype(np.int32), bounds)
    return tuple(str(value) for value in values.tolist()), list(split)


def _checked(place: str, labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as whole numbers, fractions or text."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise StudyError(
            f"{place}: must be one label an example, got shape {list(labels.shape)}; "
            "of one-hot rows argmax gives the labels"
        )
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels):
        return labels.astype(np.str_)
    if labels.dtype.kind == "b":
        return labels.astype(str)
    if labels.dtype.kind == "f":
        for row in np.flatnonzero(~np.isfinite(labels))[:1]:
            raise StudyError(f"{place}: must be a class, got {labels[row]} in row {row}")
        return labels.astype(np.int64) if (labels == np.trunc(labels)).all() else labels
    if labels.dtype.kind not in "iuU":
        raise StudyError(f"{place}: must be whole numbers or names, got {labels.dtype}")
    return labels


def _refuse_regression(place: str, values: NDArray[Any], examples: int) -> None:
    if values.dtype.kind == "f":
        most = _MOST_FRACTIONS
    elif values.dtype.kind in "iu":
        most = max(_MOST_FRACTIONS, examples // _EXAMPLES_A_CLASS)
    else:
        return
    if len(values) > most:
        raise StudyError(
            f"{place}: must be classes, got {len(values)} different numbers in {examples} "
            f"examples, such as {values[0]} and {values[1]}; caviar classifies only, it does no "
            "regression"
        )
