"""Functional ANOVA of a random forest on a box: what single coordinates, and pairs, decide.

A tree is a function that is constant on boxes, so its marginals are sums over its leaves. Single
coordinates are what Optuna's evaluator computes (a test holds the two equal on the same forest);
pairs it does not offer, and resampling needs it faster.

Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance",
2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

DEEPEST: Final = 64
"""Levels of a tree, as Optuna has it."""
_THINNEST: Final = 1e-12
"""Widths below it are rounding."""

Array = NDArray[np.float64]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Leaves:
    """A regression tree as the boxes on which it is constant.

    Attributes:
        low: `[leaves, d]` lower corners.
        high: `[leaves, d]` upper corners.
        value: `[leaves]`.
    """

    low: Array
    high: Array
    value: Array


def forest(x: Array, y: Array, trees: int, seed: int) -> Any:
    """A random forest, fitted as Optuna's evaluator fits its own.

    Args:
        x: `[n, d]`.
        y: `[n]`.
        trees: how many.
        seed: of the resampling.
    """
    from sklearn.ensemble import RandomForestRegressor

    grown = RandomForestRegressor(n_estimators=trees, max_depth=DEEPEST, random_state=seed)
    return grown.fit(x, y)


def fit(grown: Any, x: Array, y: Array) -> float:
    """How much of the variance of `y` a forest predicts where its trees have not seen it.

    Args:
        grown: by `forest`, from the same `x` and `y`.
        x: `[n, d]`.
        y: `[n]`, not all alike.

    Returns:
        At most 1; 0 for no better than the mean, below for worse.
    """
    told, count = np.zeros(len(y)), np.zeros(len(y))
    for tree, seen in zip(grown.estimators_, grown.estimators_samples_, strict=True):
        rows = np.setdiff1d(np.arange(len(y)), seen)
        told[rows] += tree.predict(x[rows])
        count[rows] += 1
    known = count > 0  # with few trees a trial may be in every one
    error = y[known] - told[known] / count[known]
    return float(1 - np.mean(error**2) / np.var(y))


def shares(
    grown: Any, bounds: Array, axes: Sequence[int], pairs: Sequence[Pair] = ()
) -> tuple[Array, Array]:
    """What share of a forest's variance over a box is decided by coordinates, and by pairs.

    Args:
        grown: by `forest`.
        bounds: `[d, 2]`, low and high; all that the forest was fitted to lies within.
        axes: the coordinates asked about.
        pairs: of any coordinates.

    Returns:
        `[axes]` main effects, and `[pairs]` interactions: what two decide together beyond what
        each decides alone. Means over the trees; zeros if no tree has a variance.
    """
    found = [_shares(_leaves(one.tree_, bounds), axes, pairs) for one in grown.estimators_]
    told = [one for one in found if one is not None]
    if not told:
        return np.zeros(len(axes)), np.zeros(len(pairs))
    return np.mean([m for m, _ in told], axis=0), np.mean([p for _, p in told], axis=0)


def _leaves(tree: Any, bounds: Array) -> Leaves:
    """A tree of scikit-learn's as boxes; its nodes come before their children."""
    low = np.tile(bounds[:, 0], (tree.node_count, 1))
    high = np.tile(bounds[:, 1], (tree.node_count, 1))
    features, thresholds = tree.feature.tolist(), tree.threshold.tolist()
    children = zip(tree.children_left.tolist(), tree.children_right.tolist(), strict=True)
    for node, (left, right) in enumerate(children):
        if left < 0:
            continue
        low[left], high[left] = low[node], high[node]
        low[right], high[right] = low[node], high[node]
        high[left, features[node]] = low[right, features[node]] = thresholds[node]
    at = tree.feature < 0
    return Leaves(low[at], high[at], tree.value[at].reshape(-1))


def _shares(
    leaves: Leaves, axes: Sequence[int], pairs: Sequence[Pair]
) -> tuple[Array, Array] | None:
    """The same of one tree; None if it is constant."""
    widths = np.maximum(leaves.high - leaves.low, _THINNEST)
    volume = widths.prod(axis=1)
    total = _variance(leaves.value, volume)
    if not total > 0:
        return None
    asked = {*axes, *(axis for pair in pairs for axis in pair)}
    cuts = {axis: _cut(leaves.low[:, axis], leaves.high[:, axis]) for axis in asked}
    main = {
        axis: _variance(_ratio(inside, volume / widths[:, axis], leaves.value), sizes)
        for axis, (inside, sizes) in cuts.items()
    }
    both = np.empty(len(pairs))
    for place, (one, other) in enumerate(pairs):
        weight = volume / (widths[:, one] * widths[:, other])
        (inside, sizes), (beside, breadths) = cuts[one], cuts[other]
        held = (inside * weight) @ beside.T
        marginal = ((inside * (weight * leaves.value)) @ beside.T) / held
        joint = _variance(marginal.ravel(), np.outer(sizes, breadths).ravel())
        both[place] = max(0.0, joint - main[one] - main[other])
    return np.array([main[axis] for axis in axes]) / total, both / total


def _cut(low: Array, high: Array) -> tuple[Array, Array]:
    """An axis in stretches: `[stretches, leaves]`, 1 where a leaf holds one, and their widths."""
    ends = np.unique(np.concatenate([low, high]))
    middles = (ends[1:] + ends[:-1]) / 2
    inside = (low <= middles[:, None]) & (middles[:, None] < high)
    return inside.astype(np.float64), np.diff(ends)


def _ratio(inside: Array, weight: Array, value: Array) -> Array:
    """`[stretches]`: the mean value over all other coordinates."""
    return np.asarray((inside @ (weight * value)) / (inside @ weight))


def _variance(values: Array, weights: Array) -> float:
    mean = np.average(values, weights=weights)
    return float(np.average((values - mean) ** 2, weights=weights))
