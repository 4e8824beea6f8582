"""Random search: independent uniform draws, against which every other searcher is measured."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from caviar.search.box import Box
from caviar.search.searcher import Suggestion
from caviar.study.records import Round, Trial


class Uniform:
    """Suggests independent uniform points (Bergstra and Bengio, 2012): `random` in a study file.

    Point `draw` is a function of (`seed`, `draw`) and the dimensions alone.
    """

    ahead: Final = 1_000_000
    """It does not learn: all of it may be drawn at once."""

    def __init__(self, dimensions: int, seed: int) -> None:
        """Makes the sequence.

        Args:
            dimensions: d >= 0; with 0 every point is empty.
            seed: >= 0.
        """
        self.dimensions = dimensions
        self._seed = seed

    def suggest(self, draw: int, box: Box) -> Suggestion:
        """Point `draw`, moved into the box."""
        return Suggestion(box.place(uniform_point(self._seed, draw, self.dimensions)), "random")

    def note(self, entry: Trial | Round) -> None:
        """Takes no notice: random search does not learn."""

    def observe(self, trial: Trial, epoch: int, score: float) -> None:
        """Takes no notice either."""


def uniform_point(seed: int, draw: int, dimensions: int) -> NDArray[np.float64]:
    """A uniform point `[d]` of [0, 1)^d, a function of its arguments alone."""
    return np.random.default_rng((seed, draw)).random(dimensions)
