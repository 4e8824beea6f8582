"""Drawing: how a searcher's suggestions become trials.

What a person gave comes first; what is infeasible, or was tried before, is drawn again. Where a
study stands in its searcher's sequence is told by its trials alone, so a replay goes on from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from caviar.search.box import Box
from caviar.search.searcher import Searcher, Suggestion
from caviar.space.domain import Domain
from caviar.study.records import Round, Trial, Value

TRIES: Final = 10_000
"""Suggestions in a row that may be infeasible or known before the space counts as exhausted."""
FILLINGS: Final = 100
"""Suggestions looked at for what a person left open."""
GIVEN: Final = "given"
"""The origin of trials that a person asked for."""

Configuration = tuple[tuple[str, Value], ...]
"""Hyperparameters as what can be looked up."""


class Space(Protocol):
    """What a search needs of a space: `caviar.space.search_space.SearchSpace`."""

    @property
    def domains(self) -> Mapping[str, Domain]:
        """The searched hyperparameters, in the order of the coordinates."""
        ...

    def decode(self, point: Iterable[float]) -> Mapping[str, Value]:
        """A point of the unit cube as hyperparameters."""
        ...

    def feasible(self, hyperparameters: Mapping[str, Value]) -> bool:
        """Whether the constraints hold."""
        ...


class Drawing:
    """Makes the trials of one study.

    Attributes:
        searcher: suggests points.
        box: what they must lie in.
        exhausted: whether nothing new was to be found any more.
    """

    def __init__(
        self,
        searcher: Searcher,
        space: Space,
        points: Iterable[Mapping[str, Value]] = (),
        box: Box | None = None,
    ) -> None:
        """Makes a fresh one.

        Args:
            searcher: fresh.
            space: what its points mean.
            points: hyperparameters that are tried first; the searcher gives what they leave open.
            box: what points must lie in; by default the whole cube.
        """
        self.searcher = searcher
        self.box = box or Box.whole(len(space.domains))
        self.exhausted = False
        self._space = space
        self._given = deque(points)
        self._tried: dict[Configuration, int] = {}
        self._next = 0

    @property
    def space(self) -> Space:
        """What its points mean."""
        return self._space

    def next(self, index: int) -> tuple[Trial, Round | None] | None:
        """The next trial and the round that begins with it; None if the space is exhausted.

        Nothing changes: `note` both once they are decided.
        """
        if self.exhausted:
            return None
        for given in self._given:
            found = self._from_given(index, given)
            if found is not None:
                return found
        for draw, suggestion in self._suggestions(TRIES):
            values = self._space.decode(suggestion.point)
            if _key(values) not in self._tried and self._space.feasible(values):
                origin, why = suggestion.origin, suggestion.why
                trial = Trial(index, _plain(suggestion.point), values, origin, why, draw)
                return trial, suggestion.round
        self.exhausted = True
        return None

    def note(self, entry: Trial | Round) -> None:
        """A trial was taken up, or a round begun: now, or in the journal that is replayed."""
        if isinstance(entry, Trial):
            self._tried.setdefault(_key(entry.hyperparameters), entry.index)
            if entry.draw is not None:
                self._next = max(self._next, entry.draw + 1)
            if entry.origin == GIVEN:
                self._drop(entry.hyperparameters)
            elif entry.draw is not None:
                # The searcher had its turn, so that whatever is left is known already.
                self._given.clear()
        self.searcher.note(entry)

    def give(self, hyperparameters: Mapping[str, Value]) -> None:
        """These are tried next."""
        self._given.append(hyperparameters)
        self.exhausted = False

    def within(self, box: Box) -> None:
        """From now on points lie in this box."""
        self.box, self.exhausted = box, False

    def awaits(self, hyperparameters: Mapping[str, Value]) -> bool:
        """Whether just these were given and are still to be tried."""
        return any(_key(given) == _key(hyperparameters) for given in self._given)

    def tried(self, given: Mapping[str, Value]) -> int | None:
        """The trial that is all that a given one could be; None if something is open or new."""
        values = self._values(self._overlaid(self._middle(), given), given)
        is_open = (self._space.domains.keys() & values.keys()) - given.keys()
        return None if is_open else self.twin(values)

    def twin(self, hyperparameters: Mapping[str, Value]) -> int | None:
        """The trial that has these hyperparameters already, or None."""
        return self._tried.get(_key(hyperparameters))

    def _suggestions(self, most: int) -> Iterator[tuple[int, Suggestion]]:
        """The next suggestions, at most so many, with their numbers."""
        for draw in range(self._next, self._next + most):
            suggestion = self.searcher.suggest(draw, self.box)
            if suggestion is None:
                return
            yield draw, suggestion

    def _from_given(
        self, index: int, given: Mapping[str, Value]
    ) -> tuple[Trial, Round | None] | None:
        """The trial of what a person gave; None if all it could be was tried already.

        It is tried whatever the constraints say, but what it leaves open is chosen so that they
        hold, if that is soon found.
        """
        last: tuple[Trial, Round | None] | None = None
        for draw, suggestion in self._fillings(given):
            point = self._overlaid(suggestion.point, given)
            values = self._values(point, given)
            if _key(values) not in self._tried:
                trial = Trial(index, _plain(point), values, GIVEN, "", draw)
                if self._space.feasible(values):
                    return trial, suggestion.round
                last = last or (trial, suggestion.round)
        return last

    def _fillings(self, given: Mapping[str, Value]) -> Iterator[tuple[int | None, Suggestion]]:
        """Points whose coordinates stand in for what a person left open, with their numbers.

        They are the searcher's, and at the end the middle; that alone if nothing is open.
        """
        middle = Suggestion(self._middle())
        values = self._values(self._overlaid(middle.point, given), given)
        if (self._space.domains.keys() & values.keys()) - given.keys():
            yield from self._suggestions(FILLINGS)
        yield None, middle

    def _middle(self) -> NDArray[np.float64]:
        return self.box.place(np.full(self.box.dimensions, 0.5))

    def _values(
        self, point: NDArray[np.float64], given: Mapping[str, Value]
    ) -> Mapping[str, Value]:
        """A point's hyperparameters; what was given to the digit, which the cube rounds."""
        values = self._space.decode(point)
        own = {name: given[name] for name in self._space.domains.keys() & given.keys()}
        return {
            name: type(value)(own[name]) if name in own else value for name, value in values.items()
        }

    def _drop(self, hyperparameters: Mapping[str, Value]) -> None:
        """What was given is tried now."""
        for given in self._given:
            if all(hyperparameters.get(name, value) == value for name, value in given.items()):
                self._given.remove(given)
                return

    def _overlaid(
        self, point: NDArray[np.float64], given: Mapping[str, Value]
    ) -> NDArray[np.float64]:
        overlaid = point.copy()
        for axis, (name, domain) in enumerate(self._space.domains.items()):
            if name in given:
                overlaid[axis] = domain.encode(given[name])
        return overlaid


def _plain(point: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(point.tolist())


def _key(hyperparameters: Mapping[str, Value]) -> Configuration:
    return tuple(sorted(hyperparameters.items()))
