"""Whether dev and test look like train: if not, what does well on dev may do badly elsewhere.

Two comparisons, both conservative: a difference is told only if it is large (it would matter) and far
beyond chance, with every feature and class counted as a chance of its own (Bonferroni). A random cut
passes; a dev part collected at another time or place usually does not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from caviar.data.dataset import Part, Source

_CHANCE = 1e-6
"""How often a part drawn at random from the same data would be told to differ."""

_LARGE = 0.2
"""A difference of means in standard deviations; "small" in Cohen's words (Statistical Power, 1988)."""

_LARGE_SHARE = 0.05
"""A difference between the shares of one class in two parts."""

_ROWS = 10_000
"""Rows of a part that are looked at, evenly spread: enough for a difference that matters."""

_REACH = 4.0
"""Standardised values count as at most this far out, so that no single one decides."""


def shift_warnings(
    source: Source,
    parts: Mapping[str, Part],
    mean: NDArray[np.float32],
    std: NDArray[np.float32],
) -> tuple[str, ...]:
    """A line for each part, dev and test, whose classes or features are not those of train.

    Args:
        source: for the names of classes and features.
        parts: `train`, `dev` and perhaps `test`.
        mean: of the training part, `[features]`.
        std: of the training part, `[features]`.
    """
    train = parts["train"]
    seen = _statistics(train, mean, std)
    lines = []
    for name in ("dev", "test"):
        if name in parts:
            found = _classes(source, train.y, parts[name].y)
            found += _features(source, seen, _statistics(parts[name], mean, std))
            if found:
                lines.append(f"the {name} part does not look like the training part: {found}")
    return tuple(lines)


def _classes(source: Source, train: NDArray[np.int32], part: NDArray[np.int32]) -> str:
    """The class whose share differs most, in words, or nothing."""
    classes = len(source.class_names)
    p, q = (np.bincount(y, minlength=classes) / len(y) for y in (train, part))
    pooled = (p * len(train) + q * len(part)) / (len(train) + len(part))
    error = np.sqrt(pooled * (1 - pooled) * (1 / len(train) + 1 / len(part)))
    worst = int(np.abs(q - p).argmax())
    beyond = abs(q[worst] - p[worst]) > _far(classes) * error[worst]
    if not beyond or abs(q[worst] - p[worst]) < _LARGE_SHARE:
        return ""
    return (
        f"class {source.class_names[worst]!r} is {q[worst]:.1%} of it and {p[worst]:.1%} of train; "
    )
