"""How much each hyperparameter decided among the trials of a cohort, and how sure that is.

What is explained is a trial's rank, as the share of the others that did better: no metric's scale
matters, and whoever diverged simply comes last. Forests of regression trees on the coordinates of
the unit cube tell what decides it (`caviar.report.forests`).

A hyperparameter that only some trials have is weighed among these, beside what all of them have,
and its share made smaller by how little of all variance lies among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from caviar.report.forests import RESAMPLES, Found, Group, of_all, of_some
from caviar.report.marginals import Pair
from caviar.report.optuna_importance import ped_anova

FEWEST: Final = 16
"""Trials, at least, to weigh anything by ..."""
FEWEST_EACH: Final = 2
"""... and so many for every hyperparameter that varies."""
MOST: Final = 160
"""Trials that forests are fitted to; of more, so many are drawn by chance ..."""
MOST_OF_SOME: Final = 96
"""... of those that have what others have not, of which there can be many groups."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """What a cohort tried and how it did.

    Attributes:
        x: `[n, d]` coordinates; cells at their centres.
        active: `[n, d]`: who has which hyperparameter.
        y: `[n]` in [0, 1], the share of the others that did better.
        bounds: `[d, 2]` of the coordinates.
        choices: by coordinate without order, how many cells it has.
    """

    x: Array
    active: NDArray[np.bool_]
    y: Array
    bounds: Array
    choices: dict[int, int]


@dataclass(frozen=True)
class Weighed:
    """What decided; NaN where too few trials can tell, or none differ.

    Attributes:
        used: trials that forests were fitted to.
        fit: how much of the variance of unseen trials the forest of all trials predicts; at most 1.
        fits: `[d]` the same of the forest by which each was weighed.
        share: `[d]` of the variance, decided by each hyperparameter alone.
        again: `[resamples, d]` the same of resampled trials.
        floor: `[d]` what a coordinate of chance reaches beside it.
        ped: `[d]` of PED-ANOVA, summing to 1.
        trials: `[d]` who has it.
        pairs: those that decide most together, first.
        together: `[pairs]` shares of the variance beyond what each decides alone.
        together_again: `[resamples, pairs]`.
        together_floor: what the first of all reaches with chance.
    """

    used: int
    fit: float
    fits: Array
    share: Array
    again: Array
    floor: Array
    ped: Array
    trials: NDArray[np.int64]
    pairs: tuple[Pair, ...]
    together: Array
    together_again: Array
    together_floor: float


def enough(trials: int, varied: int) -> bool:
    """Whether so many trials can tell so many hyperparameters apart at all."""
    return trials >= max(FEWEST, FEWEST_EACH * varied)


def weigh(points: Points, seed: int) -> Weighed:
    """Weighs every hyperparameter that differs among trials that did not all do alike.

    Args:
        points: of a cohort.
        seed: of the forests and the resampling.
    """
    random = np.random.default_rng(seed)
    d = points.x.shape[1]
    share, floor, fits = np.full((3, d), np.nan)
    again = np.full((RESAMPLES, d), np.nan)
    whole: Found | None = None
    used = 0
    shared: tuple[int, ...] = ()
    for rows, columns, told in _groups(points):
        if not enough(len(rows), len(columns)) or not np.ptp(points.y[rows]) > 0:
            continue
        everyone = len(rows) == len(points.y)
        drawn = _drawn(rows, MOST if everyone else MOST_OF_SOME, random)
        at = np.ix_(drawn, columns)
        own = [columns.index(axis) for axis in told]
        group = Group(points.x[at], points.y[drawn], points.bounds[columns], own)
        found = of_all(group, seed, random) if everyone else of_some(group, seed, random)
        part = _part(points.y[rows], points.y)
        share[told], again[:, told] = part * found.main, part * found.again
        floor[told], fits[told] = part * found.floor, found.fit
        if everyone:
            whole, used, shared = found, len(drawn), tuple(columns)
    ped = ped_anova(points.x, points.active, points.y, points.bounds, points.choices)
    empty = np.empty((RESAMPLES, 0))
    return Weighed(
        used=used,
        fit=whole.fit if whole else 0.0,
        fits=fits,
        share=share,
        again=again,
        floor=floor,
        ped=ped,
        trials=points.active.sum(axis=0),
        pairs=tuple((shared[a], shared[b]) for a, b in whole.pairs) if whole else (),
        together=whole.together if whole else empty[0],
        together_again=whole.together_again if whole else empty,
        together_floor=whole.together_floor if whole else 0.0,
    )


def _groups(points: Points) -> Iterator[tuple[list[int], list[int], list[int]]]:
    """Trials that have the same hyperparameters: rows, columns they vary, those told by them.

    First come all trials with what everyone has; then, of each hyperparameter that only some have,
    those trials with all that every one of them has.
    """
    masks = list(dict.fromkeys(map(tuple, points.active.T.tolist())))
    for mask in sorted(masks, key=sum, reverse=True):
        rows = np.flatnonzero(mask)
        had = points.active[rows].all(axis=0)
        varied = [a for a in np.flatnonzero(had).tolist() if np.ptp(points.x[rows, a]) > 0]
        told = [a for a in varied if tuple(points.active[:, a].tolist()) == mask]
        if told:
            yield rows.tolist(), varied, told


def _drawn(rows: Sequence[int], most: int, random: np.random.Generator) -> list[int]:
    """The rows, or as many of them as forests are fitted to."""
    if len(rows) <= most:
        return list(rows)
    return sorted(random.choice(rows, most, replace=False).tolist())


def _part(own: Array, everyone: Array) -> float:
    """How much of the variance of all lies among some, around their own mean."""
    return float(len(own) * np.var(own) / (len(everyone) * np.var(everyone)))
