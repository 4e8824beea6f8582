"""The population: many pandas at once, the worse ones going on from the better ones' models.

Population based training (Jaderberg et al., "Population Based Training of Neural Networks", 2017),
asynchronously: when a panda of the worse quarter has ended a day, its next one goes on from the
model of one of the better quarter, with the hyperparameters of that one moved a step up or down in
the unit cube of the scales. The others go on as they are.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from caviar.search.days import COPY, DAY, Day, Days, Panda
from caviar.search.keeping import Plan
from caviar.search.knobs import Knobs
from caviar.search.panda import Start

QUARTER: Final = 4
"""One in so many copies, and one in so many is copied."""
STEP: Final = 0.1
"""How far a copy's hyperparameters move, as a share of their axes."""


class PopulationKeeper:
    """Keeps all pandas together (`caviar.search.keeping.Keeper`)."""

    def __init__(self, start: Start, knobs: Knobs, seed: int) -> None:
        """Takes where pandas start, what can be moved, and the study's seed."""
        self._start = start
        self._knobs = knobs
        self._seed = seed

    def first(self, panda: Panda, days: Days) -> Plan:
        """The panda's first day, from where the study says."""
        values, why = self._start(panda.number)
        return Plan(values, None, DAY, f"first day, {why}")

    def next(self, panda: Panda, days: Days) -> Plan:
        """Goes on, or goes on from a better one's model."""
        last = panda.days[-1]
        ranking = _ranking(days)
        few = max(1, len(ranking) // QUARTER) if len(ranking) > 1 else 0
        place = ranking.index(panda)
        is_worse = place >= len(ranking) - few
        better = [_good(other) for other in ranking[:few] if other is not panda]
        models = [day for day in better if day is not None]
        good = _good(panda)
        if models and (is_worse or good is not last):
            draws = np.random.default_rng((self._seed, panda.number, len(panda.days)))
            return self._copy(draws, models, place, len(ranking))
        if good is last:
            return Plan(last.trial.hyperparameters, last, DAY, f"{_place(place, ranking)}: goes on")
        return self._anew(panda, last, len(days.days))

    def _copy(self, draws: np.random.Generator, models: list[Day], place: int, count: int) -> Plan:
        """A better one's model, its hyperparameters moved a step up or down."""
        model = models[int(draws.integers(len(models)))]
        signs = [1 if up else -1 for up in draws.random(self._knobs.space.dimensions) < 0.5]
        values = self._knobs.shaken(model.trial.hyperparameters, signs, STEP)
        other = f"panda {model.trial.draw}, day {model.number}"
        return Plan(values, model, COPY, f"{place + 1} of {count}: a copy of {other}, moved a step")

    def _anew(self, panda: Panda, last: Day, index: int) -> Plan:
        """Where nobody is better than what failed: another beginning."""
        values, why = self._start(index)
        return Plan(values, None, DAY, f"{last.verdict}, and none to copy: anew, {why}")


def _ranking(days: Days) -> list[Panda]:
    """The pandas that have ended a day, the best first by the last day they ended."""
    known = [panda for panda in days.pandas if _ended(panda) is not None]
    return sorted(known, key=lambda panda: (_cost(panda), panda.number))


def _cost(panda: Panda) -> float:
    ended = _ended(panda)
    return ended.cost if ended is not None else math.inf


def _ended(panda: Panda) -> Day | None:
    """The last of its days that is over."""
    return next((day for day in reversed(panda.days) if day.ended is not None), None)


def _good(panda: Panda) -> Day | None:
    """That day, if its model can be gone on from."""
    ended = _ended(panda)
    return ended if ended is not None and ended.is_good else None


def _place(place: int, ranking: list[Panda]) -> str:
    return f"{place + 1} of {len(ranking)}"
