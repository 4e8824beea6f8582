"""Where pandas start: at given points, in the middle of the space, then all over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np

from caviar.search.box import Box
from caviar.search.drawing import TRIES
from caviar.search.quasi_random import Sobol
from caviar.space.search_space import SearchSpace
from caviar.study.records import Value


class Starts:
    """From a panda's number to what its first day has, and why; a function of the seed."""

    def __init__(
        self,
        space: SearchSpace,
        points: Sequence[Mapping[str, Value]],
        seed: int,
        box: Box | None = None,
    ) -> None:
        """Takes what is known before the first day.

        Args:
            space: what is searched.
            points: hyperparameters that a person gave; the middle gives what they leave open.
            seed: the study's.
            box: what the other starts lie in; by default the whole cube.
        """
        self._space = space
        self._points = points
        self._box = box or Box.whole(space.dimensions)
        self._cover = Sobol(space.dimensions, seed)
        middle = np.full(space.dimensions, 0.5)
        self._middle = self._box.place(middle)
        self._has_middle = space.feasible_point(self._middle)

    def __call__(self, number: int) -> tuple[Mapping[str, Value], str]:
        """Where the panda of this number starts."""
        if number < len(self._points):
            return self._given(self._points[number]), "from a given point"
        number -= len(self._points)
        if self._has_middle:
            if number == 0:
                return self._space.decode(self._middle), "from the middle of the space"
            number -= 1
        feasible = filter(
            self._space.feasible_point,
            (self._box.place(self._cover.point(draw)) for draw in range(TRIES)),
        )
        found = next(islice(feasible, number, None), self._middle)
        return self._space.decode(found), f"from point {number} of the cover"

    def _given(self, given: Mapping[str, Value]) -> Mapping[str, Value]:
        point = self._middle.copy()
        for axis, (name, domain) in enumerate(self._space.domains.items()):
            if name in given:
                point[axis] = domain.encode(given[name])
        return self._space.decode(point)
