"""Optuna's samplers as searchers: TPE and a Gaussian process, by ask and tell (extra `optuna`).

A sampler is asked afresh for every suggestion, in a study in memory that is made of what the
searcher was told: so asking leaves no trace, and a replay asks the same question. It sees the unit
cube alone, every ordered axis a float from 0 to 1 on the domain's own scale: log and one_minus
are right by construction, those that Optuna does not know too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from caviar.search.box import Box
from caviar.search.searcher import Suggestion
from caviar.search.uniform import uniform_point
from caviar.space.axis import Axis
from caviar.space.cells import equal_cell, equal_centre
from caviar.study.records import Round, Trial

if TYPE_CHECKING:
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
    )
    from optuna.samplers import BaseSampler
    from optuna.trial import TrialState

STARTUP: Final = 10
"""Trials with a result before a sampler is asked; until then draws are uniform (Optuna's)."""
AHEAD: Final = 4
"""Trials drawn before they can start: few, since each is drawn without the others' results."""
STALE: Final = 8
"""Suggestions in a row that were of no use, after which the next ones are uniform."""
MOST_TRIALS: Final = {"tpe": 250, "gp": 120}
"""Trials shown to a sampler, so that a suggestion's time is bounded."""
BEST_SHARE: Final = 0.25
"""Of these, the best; the rest are the latest."""


@dataclass(slots=True)
class Told:
    """What a searcher was told of a trial.

    Attributes:
        point: `[d]` in the unit cube.
        scores: by epoch, lower is better, all finite.
        lost: whether it diverged, or failed.
    """

    point: tuple[float, ...]
    scores: dict[int, float] = field(default_factory=dict)
    lost: bool = False

    @property
    def known(self) -> bool:
        """Whether there is a result."""
        return self.lost or bool(self.scores)

    @property
    def rung(self) -> int:
        """The highest epoch it was compared at; 0 if there is none, or it is lost."""
        return 0 if self.lost else max(self.scores, default=0)

    @property
    def standing(self) -> tuple[int, float]:
        """What trials are ranked by, the least the best: the highest rung, there the score."""
        return -self.rung, self.scores[self.rung] if self.rung else math.inf


class Optuna:
    """Suggests what one of Optuna's samplers would.

    Trials at the highest rung so far are told as complete, those below it as pruned with their
    score at each rung, what diverged as the worst, and what has no result yet as running.
    """

    ahead: Final = AHEAD

    def __init__(self, name: str, axes: Sequence[Axis], seed: int) -> None:
        """Makes a searcher that was told nothing.

        Args:
            name: "tpe" or "gp".
            axes: `[d]`, of the space.
            seed: >= 0.
        """
        self._axes = tuple(axes)
        self._seed = seed
        self._name = name
        self._names = [f"{axis:04}" for axis in range(len(axes))]
        self._told: dict[int, Told] = {}
        self._last_draw = -1

    @property
    def told(self) -> Sequence[Told]:
        """What it was told of each trial, in the order they were taken up."""
        return list(self._told.values())

    def suggest(self, draw: int, box: Box) -> Suggestion:
        """What the sampler suggests within the box; a uniform point as long as it knows little."""
        everywhere = box == Box.whole(len(self._axes))
        trials = [told for told in self.told if everywhere or box.contains(told.point)]
        known = sum(told.known for told in trials)
        stale = draw - self._last_draw > STALE
        if known < STARTUP or stale or not self._axes:
            point = uniform_point(self._seed, draw, len(self._axes))
            return Suggestion(box.place(point), "random")
        return Suggestion(self._asked(draw, box, trials), self._name)

    def note(self, entry: Trial | Round) -> None:
        """A trial was taken up."""
        if isinstance(entry, Trial):
            self._told[entry.index] = Told(entry.point)
            if entry.draw is not None:
                self._last_draw = max(self._last_draw, entry.draw)

    def observe(self, trial: Trial, epoch: int, score: float) -> None:
        """Takes the score at a rung; what is infinite loses the trial."""
        told = self._told[trial.index]
        if math.isfinite(score):
            told.scores[epoch] = score
        else:
            told.lost = True

    def _asked(self, draw: int, box: Box, told: Sequence[Told]) -> NDArray[np.float64]:
        """What a fresh sampler answers in a fresh study."""
        import optuna

        kinds = dict(zip(self._names, self._distributions(box), strict=True))
        shown = shown_of(told, MOST_TRIALS[self._name])
        seed = int(np.random.SeedSequence((self._seed, draw)).generate_state(1)[0])
        with _quiet():
            study = optuna.create_study(sampler=_sampler(self._name, seed))
            for results, one in self._results(shown):
                params = dict(zip(self._names, self._params(one.point), strict=True))
                trial = optuna.create_trial(params=params, distributions=kinds, **results)
                study.add_trial(trial)
            params = study.ask(kinds).params
        return self._point([params[name] for name in self._names])

    def _results(self, shown: Sequence[Told]) -> Iterator[tuple[dict[str, Any], Told]]:
        """What Optuna is told of each trial, beside its point."""
        telling = as_rungs if self._name == "tpe" else as_one_rung
        return zip(telling(shown), shown, strict=True)

    def _distributions(self, box: Box) -> list[BaseDistribution]:
        """What Optuna is to draw of each axis."""
        interval, set_of = distribution_kinds()
        return [
            interval(low, high)
            if axis.ordered or axis.cells is None
            else set_of(cells or tuple(range(axis.cells)))
            for axis, low, high, cells in zip(self._axes, box.low, box.high, box.cells, strict=True)
        ]

    def _params(self, point: Sequence[float]) -> list[Any]:
        """A point as Optuna has it: the coordinate of an ordered axis, else the cell's number."""
        return [
            u if axis.ordered or axis.cells is None else equal_cell(u, axis.cells)
            for axis, u in zip(self._axes, point, strict=True)
        ]

    def _point(self, params: Sequence[Any]) -> NDArray[np.float64]:
        """The inverse of `_params`, but for the place within a cell."""
        point = [
            param if axis.ordered or axis.cells is None else equal_centre(param, axis.cells)
            for axis, param in zip(self._axes, params, strict=True)
        ]
        return np.array(point, dtype=np.float64)


def as_rungs(shown: Sequence[Told]) -> list[dict[str, Any]]:
    """For TPE, which ranks the complete first, then the pruned by how far and how well they came.

    Complete are those at the highest rung of all.
    """
    top = max(told.rung for told in shown)
    found: list[dict[str, Any]] = []
    for told in shown:
        if not told.known:
            found.append({"state": _state("RUNNING")})
        elif told.rung == top > 0:
            found.append({"value": told.scores[top], "intermediate_values": dict(told.scores)})
        else:
            scores = {} if told.lost else dict(told.scores)
            found.append({"state": _state("PRUNED"), "intermediate_values": scores})
    return found


def as_one_rung(shown: Sequence[Told]) -> list[dict[str, Any]]:
    """For a Gaussian process, whose values must be comparable: all by the score at one rung.

    It is the highest at which there are enough scores. What diverged is as bad as the worst; who
    has no score there is told as running, where it is of no use to try again.
    """
    counts = Counter(epoch for told in shown if not told.lost for epoch in told.scores)
    rung = max((epoch for epoch, count in counts.items() if count >= STARTUP), default=0)
    worst = max((told.scores[rung] for told in shown if rung in told.scores), default=0.0)
    return [
        {"value": worst if told.lost else told.scores[rung]}
        if told.lost or rung in told.scores
        else {"state": _state("RUNNING")}
        for told in shown
    ]


def shown_of(told: Sequence[Told], most: int) -> list[Told]:
    """At most so many trials, in order: those without a result, the best, the latest."""
    if len(told) <= most:
        return list(told)
    running = [one for one in told if not one.known][-most // 2 :]
    known = [one for one in told if one.known]
    ranked = sorted(range(len(known)), key=lambda i: (known[i].standing, i))
    best = set(ranked[: int(BEST_SHARE * most)])
    latest = [i for i in range(len(known)) if i not in best]
    room = most - len(running) - len(best)
    kept = sorted(best | set(latest[-room:]))
    return [*(known[i] for i in kept), *running]


def _sampler(name: str, seed: int) -> BaseSampler:
    """A sampler that was asked nothing."""
    from optuna.samplers import GPSampler, TPESampler

    return TPESampler(seed=seed) if name == "tpe" else GPSampler(seed=seed)


@cache
def distribution_kinds() -> tuple[type[FloatDistribution], type[CategoricalDistribution]]:
    """Optuna's own, but not copied with every trial that has them: most of the time went there."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    class Interval(FloatDistribution):
        def __deepcopy__(self, memo: dict[int, Any]) -> Interval:
            return self

    class SetOfCells(CategoricalDistribution):
        def __deepcopy__(self, memo: dict[int, Any]) -> SetOfCells:
            return self

    return Interval, SetOfCells


def _state(name: str) -> TrialState:
    from optuna.trial import TrialState

    return TrialState[name]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's line about every study it makes; its verbosity is the person's own."""
    from optuna import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)
