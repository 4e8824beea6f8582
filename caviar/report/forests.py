"""What the forests of one group of trials say, and how far that is chance.

A forest is fitted to the trials, and again to resampled ones for the spread. Each time a coordinate
of pure chance is added: whoever decides no more than chance does is not told from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from caviar.report.marginals import Pair, fit, forest, shares
from caviar.report.optuna_importance import fanova

TREES: Final = 32
"""Trees of a forest ..."""
TREES_OF_MANY: Final = 16
MANY: Final = 96
"""... of so many trials or more, which vary less and take longer."""
TREES_AGAIN: Final = 8
"""Trees of a forest that is fitted to resampled trials."""
RESAMPLES: Final = 24
INTERVAL: Final = (5.0, 95.0)
"""Percentiles of the resamples."""
PAIRS: Final = 5
"""Interactions that are told."""
_PAIRED: Final = 6
"""Hyperparameters among which interactions are looked for."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Trials that have the same hyperparameters: `x [n, k]`, `y [n]`, `bounds [k, 2]`.

    `own` are the columns that are told by them.
    """

    x: Array
    y: Array
    bounds: Array
    own: Sequence[int]


@dataclass(frozen=True)
class Found:
    """What one group's forests say; `main` and `again` of its own columns, pairs of any."""

    fit: float
    main: Array
    again: Array
    floor: float
    pairs: tuple[Pair, ...]
    together: Array
    together_again: Array
    together_floor: float


def of_all(group: Group, seed: int, random: np.random.Generator) -> Found:
    """By Optuna's evaluator, and with the interactions of the strongest."""
    trees = TREES if len(group.y) < MANY else TREES_OF_MANY
    grown = forest(group.x, group.y, trees, seed)
    main = fanova(group.x, group.y, group.bounds, trees, seed)[group.own]
    pairs = _strongest(grown, group, main)
    together = shares(grown, group.bounds, (), pairs)[1]
    again = _again(group, TREES_AGAIN, pairs, group.own[int(np.argmax(main))], random)
    return Found(fit(grown, group.x, group.y), main, *again[:2], pairs, together, *again[2:])


def of_some(group: Group, seed: int, random: np.random.Generator) -> Found:
    """The same without interactions, asked only about what is told by them.

    Optuna's evaluator has no way to be asked about a few of a forest's columns and takes seconds.
    """
    grown = forest(group.x, group.y, TREES_OF_MANY, seed)
    main = shares(grown, group.bounds, group.own)[0]
    again = _again(group, TREES_AGAIN // 2, (), group.own[0], random)
    return Found(fit(grown, group.x, group.y), main, *again[:2], (), np.empty(0), *again[2:])


def _strongest(grown: Any, group: Group, main: Array) -> tuple[Pair, ...]:
    """The pairs that decide most together, of the coordinates that decide most alone."""
    first = sorted(group.own[i] for i in np.argsort(-main, kind="stable")[:_PAIRED])
    pairs = tuple(combinations(first, 2))
    together = shares(grown, group.bounds, (), pairs)[1]
    best = np.argsort(-together, kind="stable")[:PAIRS]
    return tuple(pairs[place] for place in best)


def _again(
    group: Group, trees: int, pairs: tuple[Pair, ...], first: int, random: np.random.Generator
) -> tuple[Array, float, Array, float]:
    """The same of resampled trials beside a coordinate of chance, and what that one reaches."""
    n, chance = group.x.shape
    bounds = np.vstack([group.bounds, (0.0, 1.0)])
    axes, asked = (*group.own, chance), (*pairs, (first, chance))
    found = []
    for _ in range(RESAMPLES):
        x = np.column_stack([group.x, random.random(n)])
        rows, seed = random.integers(n, size=n), int(random.integers(2**31))
        found.append(shares(forest(x[rows], group.y[rows], trees, seed), bounds, axes, asked))
    mains, both = np.array([m for m, _ in found]), np.array([b for _, b in found])
    floor, pairs_floor = (float(np.percentile(one[:, -1], INTERVAL[1])) for one in (mains, both))
    return mains[:, :-1], floor, both[:, :-1], pairs_floor
