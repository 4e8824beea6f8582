"""Optuna's importance evaluators, asked about points of the unit cube.

They see coordinates, so a logarithm or 1 - beta is respected as the search respects it. Optuna is
imported only when something is asked.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from caviar.report.marginals import DEEPEST
from caviar.search.optuna import distribution_kinds

if TYPE_CHECKING:
    from optuna.study import Study

Array = NDArray[np.float64]

TARGET: Final = 0.1
"""PED-ANOVA asks what it takes to be among so many of the best ..."""
FEWEST_BEST: Final = 8
"""... or among so many trials, where the tenth would be fewer."""


def fanova(x: Array, y: Array, bounds: Array, trees: int, seed: int) -> Array:
    """`[d]`: what share of the variance of `y` each coordinate alone decides, by Optuna's fANOVA.

    Args:
        x: `[n, d]`.
        y: `[n]`, not all alike.
        bounds: `[d, 2]` of the coordinates.
        trees: of its forest.
        seed: of its forest.
    """
    from optuna.importance import FanovaImportanceEvaluator

    interval, _ = distribution_kinds()
    names = [str(axis) for axis in range(len(bounds))]
    kinds = {name: interval(*pair) for name, pair in zip(names, bounds, strict=True)}
    rows = [dict(zip(names, row, strict=True)) for row in x.tolist()]
    evaluator = FanovaImportanceEvaluator(n_trees=trees, max_depth=DEEPEST, seed=seed)
    with _quiet():
        found = evaluator.evaluate(_study(rows, kinds, y), params=names)
    return np.array([float(found[name]) for name in names])


def ped_anova(
    x: Array, active: NDArray[np.bool_], y: Array, bounds: Array, choices: Mapping[int, int]
) -> Array:
    """`[d]`, summing to 1: how far the best tenth lies apart from all trials, coordinate by it.

    A coordinate that some trials do not have counts by how many of the best have it, as Optuna's
    conditional PED-ANOVA does.

    Args:
        x: `[n, d]`.
        active: `[n, d]`: who has which hyperparameter.
        y: `[n]`, lower is better.
        bounds: `[d, 2]`.
        choices: by coordinate without order, how many equal cells it has.
    """
    from optuna.importance import PedAnovaImportanceEvaluator

    interval, set_of_cells = distribution_kinds()
    kinds: dict[str, Any] = {}
    for axis, pair in enumerate(bounds):
        cells = choices.get(axis)
        kinds[str(axis)] = set_of_cells(range(cells)) if cells else interval(*pair)
    rows = []
    for row, mask in zip(x.tolist(), active, strict=True):
        here = [axis for axis in range(len(bounds)) if mask[axis]]
        rows.append({str(a): int(row[a] * choices[a]) if a in choices else row[a] for a in here})
    quantile = min(0.5, max(TARGET, FEWEST_BEST / len(y)))
    names = [name for axis, name in enumerate(kinds) if active[:, axis].any()]
    with _quiet():
        evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile)
        found = evaluator.evaluate(_study(rows, kinds, y), params=names)
    told = np.array([float(found.get(name, 0.0)) for name in kinds])
    return np.asarray(told / told.sum() if told.sum() > 0 else told)


def _study(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Any], y: Array) -> Study:
    """A study in memory, to be minimised; of trials that ended."""
    import optuna

    study = optuna.create_study()
    for row, value in zip(rows, y.tolist(), strict=True):
        own = {name: kinds[name] for name in row}
        trial = optuna.create_trial(value=value, params=dict(row), distributions=own)
        study.add_trial(trial)
    return study


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's remarks on the studies that are made here; its verbosity is the person's."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)
