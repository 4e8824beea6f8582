"""Scrambled Sobol and Halton points: even covers of the cube, the same after every restart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, final

import numpy as np
from numpy.typing import NDArray

from caviar.search.box import Box
from caviar.search.searcher import Suggestion
from caviar.study.records import Round, Trial

if TYPE_CHECKING:
    from scipy.stats import qmc

CHUNK: Final = 256
"""Points made at once. A power of two, since SciPy warns of a first Sobol draw of another size."""


class Cover(ABC):
    """A sequence that covers the unit cube evenly, and does not learn.

    Point `i` is a function of (`seed`, `dimensions`, `i`) alone, so any index may be asked for in
    any order, and a sequence just goes on.
    """

    ahead: Final = 1_000_000
    """A cover does not learn: all of it may be drawn at once."""

    def __init__(self, dimensions: int, seed: int) -> None:
        """Makes the sequence.

        Args:
            dimensions: d >= 0; with 0 every point is empty.
            seed: >= 0; fixes the scrambling.
        """
        self.dimensions = dimensions
        self._chunk_index = -1
        self._chunk = np.empty((CHUNK, dimensions))
        rng = np.random.default_rng(seed)
        self._engine = self._make(dimensions, rng) if dimensions else None

    @staticmethod
    @abstractmethod
    def _make(dimensions: int, rng: np.random.Generator) -> qmc.QMCEngine:
        """SciPy's engine of the sequence, scrambled by `rng`."""

    def suggest(self, draw: int, box: Box) -> Suggestion:
        """Point `draw` of the sequence, moved into the box."""
        return Suggestion(box.place(self.point(draw)), "cover")

    def point(self, index: int) -> NDArray[np.float64]:
        """Point `index` >= 0 of the sequence, `[d]` in [0, 1)."""
        chunk, row = divmod(index, CHUNK)
        if chunk != self._chunk_index:
            self._chunk, self._chunk_index = self._draw(chunk), chunk
        point: NDArray[np.float64] = self._chunk[row].copy()
        return point

    def note(self, entry: Trial | Round) -> None:
        """Takes no notice: a cover of the cube does not learn."""
        return

    def observe(self, trial: Trial, epoch: int, score: float) -> None:
        """Takes no notice either."""
        return

    def _draw(self, chunk: int) -> NDArray[np.float64]:
        """Points `[CHUNK, d]` of one chunk, by jumping there from wherever the engine stands."""
        if self._engine is None:
            return self._chunk
        ahead = chunk * CHUNK - self._engine.num_generated
        if ahead < 0:
            self._engine.reset()
            ahead = chunk * CHUNK
        if ahead:
            self._engine.fast_forward(ahead)
        return np.asarray(self._engine.random(CHUNK), dtype=np.float64)


@final
class Sobol(Cover):
    """Suggests the scrambled Sobol sequence (Owen, 1998; `scipy.stats.qmc.Sobol`).

    Evenest where a power of two of its points is taken; it goes on beyond.
    """

    @staticmethod
    def _make(dimensions: int, rng: np.random.Generator) -> qmc.QMCEngine:
        from scipy.stats import qmc  # over a second to import: not for those who only look

        return qmc.Sobol(dimensions, scramble=True, rng=rng)


@final
class Halton(Cover):
    """Suggests the scrambled Halton sequence (Owen, 2017; `scipy.stats.qmc.Halton`).

    Even for any number of points; beyond some twenty dimensions its axes come to move together.
    """

    @staticmethod
    def _make(dimensions: int, rng: np.random.Generator) -> qmc.QMCEngine:
        from scipy.stats import qmc

        return qmc.Halton(dimensions, scramble=True, rng=rng)
