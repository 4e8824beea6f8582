"""Which example goes to train, dev or test: stratified, seeded, disjoint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from caviar.errors import StudyError

LARGE = 100_000
"""From this many examples on, one in a hundred is enough to compare trials by."""

_SALT = 0x5EED_DA7A
"""Keeps the cut's random stream apart from every other one that starts at the study's seed."""

Fractions = tuple[float, float, float]
"""Shares of train, dev and test; they add up to 1."""


def default_fractions(examples: int) -> Fractions:
    """60/20/20 for small sets, 98/1/1 for large ones (Ng, Machine Learning Yearning, ch. 7)."""
    return (0.6, 0.2, 0.2) if examples < LARGE else (0.98, 0.01, 0.01)


def check_fractions(fractions: Sequence[float]) -> Fractions:
    """The same fractions, if they can be cut by.

    Raises:
        StudyError: they are not three shares of 1, or train or dev would be empty.
    """
    sound = len(fractions) == 3 and all(np.isfinite(f) and f >= 0.0 for f in fractions)
    if not sound or abs(sum(fractions) - 1.0) > 1e-6 or min(fractions[:2]) <= 0.0:
        raise StudyError(
            "data.fractions: train, dev and test must be three shares that add up to 1, "
            f"train and dev above 0, got {list(fractions)}"
        )
    train, dev, test = (float(f) for f in fractions)
    return train, dev, test


def generator(seed: int) -> np.random.Generator:
    """The cut's random stream, a function of the study's seed alone.

    Raises:
        StudyError: the seed is negative.
    """
    if seed < 0:
        raise StudyError(f"seed: must be >= 0, got {seed}")
    return np.random.default_rng([seed, _SALT])


def stratified_split(
    labels: NDArray[np.int32],
    shares: Sequence[float],
    rng: np.random.Generator,
    class_names: Sequence[str],
    place: str = "data",
) -> list[NDArray[np.int64]]:
    """Cuts rows by shares so that every class is represented alike in each part.

    Args:
        labels: class numbers `[n]`.
        shares: one a part, adding up to 1; the first part takes what rounding leaves.
        rng: where the shuffle within each class comes from.
        class_names: for the message.
        place: of the data, for the message.

    Returns:
        Row numbers of each part, ascending, disjoint, together all of them.

    Raises:
        StudyError: a class has fewer examples than there are parts that want some.
    """
    totals = np.bincount(labels, minlength=len(class_names))
    _check_totals(place, totals, sum(share > 0.0 for share in shares), class_names)
    counts = np.stack([class_counts(totals, share) for share in shares[1:]])
    _leave_one(counts, totals)
    bounds = np.cumsum(counts, axis=0)
    parts: list[list[NDArray[np.int64]]] = [[] for _ in shares]
    for number in range(len(totals)):
        rows = rng.permutation(np.flatnonzero(labels == number))
        pieces = np.split(rows, bounds[:, number])
        for part, piece in zip(parts, [pieces[-1], *pieces[:-1]], strict=True):
            part.append(piece)
    return [np.sort(np.concatenate(part)) for part in parts]


def class_counts(totals: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """How many of each class a part takes, by largest remainders and never none of a class.

    Args:
        totals: examples of each class `[classes]`.
        share: the part's, in [0, 1].
    """
    if share <= 0.0:
        return np.zeros_like(totals)
    quotas = totals * share
    counts = np.floor(quotas).astype(np.int64)
    missing = round(float(quotas.sum())) - int(counts.sum())
    counts[np.argsort(counts - quotas, kind="stable")[:missing]] += 1
    return np.where(totals > 0, np.maximum(counts, 1), 0)


def _leave_one(counts: NDArray[np.int64], totals: NDArray[np.int64]) -> None:
    """Gives the first part back an example of each class that rounding took all of."""
    for number in np.flatnonzero((totals > 0) & (counts.sum(axis=0) >= totals)):
        while counts[:, number].sum() >= totals[number]:
            counts[np.argmax(counts[:, number]), number] -= 1


def _check_totals(
    place: str, totals: NDArray[np.int64], parts: int, class_names: Sequence[str]
) -> None:
    for number in np.flatnonzero((totals > 0) & (totals < parts)):
        raise StudyError(
            f"{place}: class {class_names[int(number)]!r} must have at least one example for each "
            f"of {parts} parts, got {totals[number]}"
        )
