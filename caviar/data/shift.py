"""Whether dev and test look like train: if not, what does well on dev may do badly elsewhere.

Conservative on purpose: a difference is told only if it is large (it would matter) and far beyond
chance, with every feature and class counted as a chance of its own (Bonferroni). A random cut
passes; a dev part collected at another time or place usually does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Part, Source
from caviar.data.normalise import standardise

_CHANCE = 1e-6
"""How often a part drawn at random from the same data would be told to differ."""

_LARGE = 0.2
"""A difference of means in standard deviations; Cohen (Statistical Power, 1988) calls it small."""

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
            found = [
                _strangers(source, train.y, parts[name].y),
                _classes(source, train.y, parts[name].y),
                _features(source, seen, _statistics(parts[name], mean, std)),
            ]
            if any(found):
                told = "; ".join(filter(None, found))
                lines.append(f"the {name} part does not look like the training part: {told}")
    return tuple(lines)


def _strangers(source: Source, train: NDArray[np.int32], part: NDArray[np.int32]) -> str:
    """A class that the training part has no example of, in words, or nothing."""
    for number in np.setdiff1d(part, train)[:1]:
        return f"train has no example of its class {source.class_names[number]!r}"
    return ""


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
        f"class {source.class_names[worst]!r} is {q[worst]:.1%} of it and {p[worst]:.1%} of train"
    )


@dataclass(frozen=True, slots=True)
class _Statistics:
    """Means and variances over a part of each feature's values and of their squares, `[2, f]`."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    rows: int


def _statistics(part: Part, mean: NDArray[np.float32], std: NDArray[np.float32]) -> _Statistics:
    rows = np.linspace(0, len(part) - 1, min(len(part), _ROWS)).astype(int)
    totals, squares = np.zeros((2, len(mean))), np.zeros((2, len(mean)))
    for some in np.array_split(rows, -(-len(rows) // 1024)):
        z = np.clip(standardise(part.x[some], mean, std), -_REACH, _REACH)
        for number, values in enumerate((z, z * z)):
            totals[number] += values.sum(axis=0, dtype=np.float64)
            squares[number] += np.einsum("nf,nf->f", values, values, dtype=np.float64)
    means = totals / len(rows)
    return _Statistics(means, np.maximum(squares / len(rows) - means**2, 0.0), len(rows))


def _features(source: Source, train: _Statistics, part: _Statistics) -> str:
    """The feature whose mean or mean square differs most, in words, or nothing."""
    # The larger deviation of the two: a pixel that hardly ever varied in train has next to none.
    deviation = np.sqrt(np.maximum(train.variance, part.variance))
    difference = part.mean - train.mean
    # What never varied in either part counts in the units of the training part itself.
    size = np.abs(difference) / np.where(deviation > 0, deviation, 1.0)
    error = np.sqrt(1 / train.rows + 1 / part.rows)
    enough = max(_LARGE, _far(size.size) * error)
    mean, spread = int(size[0].argmax()), int(size[1].argmax())
    if size[0, mean] >= enough:
        moved = f"{difference[0, mean]:+.1f} standard deviations of train away"
        return f"the mean of {source.feature(mean)} is {moved}"
    if size[1, spread] >= enough:
        times = np.sqrt(part.mean[1, spread] / max(train.mean[1, spread], 1e-12))
        return f"the spread of {source.feature(spread)} is {times:.2g} times that in train"
    return ""


def _far(chances: int) -> float:
    """How many standard errors are beyond chance when the largest of so many is looked at."""
    return -NormalDist().inv_cdf(_CHANCE / 2 / chances)
