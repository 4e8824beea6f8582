"""CMA-ES as a searcher, by the library under Optuna's sampler (`cmaes`, of the extra `optuna`).

Optuna's own sampler learns from completed trials alone and keeps its state pickled in them; told
generation by generation the library learns from trials that were compared at rungs, and its state
is a function of what the searcher was told.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from caviar.search.box import Box
from caviar.search.searcher import Suggestion
from caviar.search.uniform import uniform_point
from caviar.space.axis import Axis
from caviar.study.records import Round, Trial

if TYPE_CHECKING:
    from cmaes import CMA

SIGMA: Final = 1 / 6
"""The first step's width on every axis; Optuna's."""
STALE: Final = 8
"""Suggestions in a row that were of no use, after which the next ones are uniform."""


class CmaEs:
    """Suggests the covariance matrix adaptation's samples (Hansen, 2016).

    It moves over the ordered axes; those without order, of which no covariance can be told, are
    drawn uniformly. A generation is told when each of its trials has a result, by rank: the highest
    rung reached, there the score.
    """

    def __init__(self, axes: Sequence[Axis], seed: int) -> None:
        """Makes a searcher that was told nothing.

        Args:
            axes: `[d]`, of the space.
            seed: >= 0.
        """
        self._dimensions = len(axes)
        self._ordered = [i for i, axis in enumerate(axes) if axis.ordered or axis.cells is None]
        self._seed = seed
        self._restarts = 0
        self._cma = self._fresh() if self._ordered else None
        self._generation: dict[int, tuple[float, ...]] = {}
        self._standing: dict[int, tuple[int, float]] = {}
        self._last_draw = -1

    @property
    def ahead(self) -> int:
        """As many as the generation still wants: they do not learn from one another."""
        return max(1, self._size - len(self._generation))

    def suggest(self, draw: int, box: Box) -> Suggestion:
        """A sample within the box."""
        point = box.place(uniform_point(self._seed, draw, self._dimensions))
        if draw - self._last_draw > STALE or self._cma is None:
            return Suggestion(point, "random")
        point[self._ordered] = self._sample(self._cma, draw, box)
        return Suggestion(point, "cmaes")

    def note(self, entry: Trial | Round) -> None:
        """A trial was taken up; if it was sampled, it belongs to the generation of now."""
        if not isinstance(entry, Trial):
            return
        if entry.draw is not None:
            self._last_draw = max(self._last_draw, entry.draw)
        if entry.origin == "cmaes":
            self._generation[entry.index] = tuple(entry.point[axis] for axis in self._ordered)

    def observe(self, trial: Trial, epoch: int, score: float) -> None:
        """Takes the score at a rung; with the generation's last one the distribution moves."""
        if trial.index not in self._generation:
            return
        lost = not math.isfinite(score)
        self._standing[trial.index] = (0, math.inf) if lost else (-epoch, score)
        if self._cma is not None and len(self._standing) == self._size:
            self._tell(self._cma)

    @property
    def _size(self) -> int:
        """Trials of a generation."""
        return self._cma.population_size if self._cma is not None else 1

    def _sample(self, cma: CMA, draw: int, box: Box) -> NDArray[np.float64]:
        """Coordinates of the ordered axes, a function of the draw and of what was told."""
        cma = copy.deepcopy(cma)  # asking must leave no trace
        cma.reseed_rng(int(np.random.SeedSequence((self._seed, draw)).generate_state(1)[0]))
        low, high = np.asarray(box.low)[self._ordered], np.asarray(box.high)[self._ordered]
        return np.asarray(np.clip(cma.ask(), low, high), dtype=np.float64)

    def _tell(self, cma: CMA) -> None:
        """Tells the generation by rank, the best first; another begins, and afresh at the end."""
        order = sorted(self._standing, key=lambda trial: (self._standing[trial], trial))
        points = [np.array(self._generation[trial]) for trial in order]
        cma.tell([(point, float(rank)) for rank, point in enumerate(points)])
        self._generation, self._standing = {}, {}
        if cma.should_stop():
            self._restarts += 1
            self._cma = self._fresh()

    def _fresh(self) -> CMA:
        """The distribution at its start: in the middle, and after a restart anywhere."""
        from cmaes import CMA

        d = len(self._ordered)
        middle = np.full(d, 0.5)
        mean = uniform_point(self._seed, self._restarts, d) if self._restarts else middle
        return CMA(mean=mean, sigma=SIGMA, bounds=np.tile([0.0, 1.0], (d, 1)), seed=0)
