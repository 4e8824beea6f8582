"""Grid search, to teach: the same few values of every hyperparameter, all combined.

Of n trials on d axes it tries n^(1/d) values of each, so that where one axis of two matters, 25
trials have tried 5 values of it and random search 25 (Bergstra and Bengio, 2012).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from caviar.search.box import Box
from caviar.search.searcher import Suggestion
from caviar.study.records import Round, Trial

MOST_SHUFFLED: Final = 1_000_000
"""Grids larger than this are drawn from with replacement; what comes again is drawn again."""


class Grid:
    """Suggests the points of a grid in an order that the seed shuffles, then no more."""

    ahead: Final = 1_000_000
    """It does not learn: all of it may be drawn at once."""

    def __init__(self, levels: Sequence[Sequence[float]], seed: int) -> None:
        """Makes the grid.

        Args:
            levels: of each axis the coordinates tried, in [0, 1].
            seed: >= 0.
        """
        self._levels = [tuple(axis) for axis in levels]
        self._counts = tuple(map(len, self._levels))
        self._seed = seed
        few = self.size <= MOST_SHUFFLED
        self._order = np.random.default_rng(seed).permutation(self.size) if few else None

    @property
    def size(self) -> int:
        """How many points the grid has."""
        return math.prod(self._counts)

    def suggest(self, draw: int, box: Box) -> Suggestion | None:
        """The grid's point `draw` in shuffled order, moved into the box; None after the last."""
        if draw >= self.size:
            return None
        places = zip(self._levels, self._place(draw), strict=True)
        point = np.array([axis[place] for axis, place in places], dtype=np.float64)
        return Suggestion(box.place(point), "grid")

    def note(self, entry: Trial | Round) -> None:
        """Takes no notice: a grid does not learn."""

    def observe(self, trial: Trial, epoch: int, score: float) -> None:
        """Takes no notice either."""

    def _place(self, draw: int) -> Sequence[int]:
        """Which level of each axis point `draw` has."""
        if self._order is None:
            rng = np.random.default_rng((self._seed, draw))
            return [int(rng.integers(count)) for count in self._counts]
        rest, places = int(self._order[draw]), []
        for count in self._counts:
            rest, place = divmod(rest, count)
            places.append(place)
        return places
