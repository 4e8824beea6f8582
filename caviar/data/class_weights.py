"""How much the loss of an example counts, by its class: for data with rare classes."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from caviar.errors import StudyError


def class_weights(
    asked: str | Mapping[str, float], labels: NDArray[np.int32], class_names: Sequence[str]
) -> NDArray[np.float32] | None:
    """Weights whose mean over the training examples is 1, so that learning rates keep their sense.

    `balanced` makes every class count alike: n / (classes * examples of the class), after King and
    Zeng, "Logistic Regression in Rare Events Data" (2001), as scikit-learn does.

    Args:
        asked: `none`, `balanced`, or weights by class name; a class not named has 1.
        labels: of the training part `[n]`.
        class_names: one a class.

    Returns:
        float32 `[classes]`, or None where every example counts alike.

    Raises:
        StudyError: an unknown word or class, or a weight that is no positive number.
    """
    if asked == "none":
        return None
    counts = np.bincount(labels, minlength=len(class_names))
    if asked == "balanced":
        weights = 1.0 / np.maximum(counts, 1)
    elif isinstance(asked, Mapping):
        weights = np.array([_weight(asked, name) for name in class_names])
        _check_known(asked, class_names)
    else:
        raise StudyError(
            'data.class_weights: must be "none", "balanced" or a table of weights by class, '
            f"got {asked!r}"
        )
    return (weights * (len(labels) / (weights @ counts))).astype(np.float32)


def _weight(asked: Mapping[str, float], name: str) -> float:
    weight = asked.get(name, 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not _sound(weight):
        raise StudyError(f"data.class_weights.{name}: must be a number > 0, got {weight!r}")
    return float(weight)


def _sound(weight: float) -> bool:
    return math.isfinite(weight) and weight > 0


def _check_known(asked: Mapping[str, float], class_names: Sequence[str]) -> None:
    for name in asked:
        if name not in class_names:
            near = difflib.get_close_matches(name, class_names, n=1, cutoff=0.0)
            raise StudyError(
                f"data.class_weights: no class {name!r}; the nearest of {len(class_names)} is "
                f"{near[0]!r}"
            )
