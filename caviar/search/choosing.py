"""From what a study asks for to the strategy that does it, whichever it is."""

from __future__ import annotations

import math
from itertools import pairwise

from caviar.search.auto import AutoStrategy, Means
from caviar.search.box import Box
from caviar.search.caviar import LOOK_AHEAD
from caviar.search.factory import caviar_strategy
from caviar.search.keeping import Keeper, Upbringing
from caviar.search.knobs import Knobs
from caviar.search.panda import PandaKeeper
from caviar.search.population import PopulationKeeper
from caviar.search.raising import Raising
from caviar.search.starting import Starts
from caviar.search.strategy import Strategy
from caviar.study.signature import signatures
from caviar.study.spec import StudySpec

POPULATION = 8
"""Pandas of a population, unless the study says how many."""
TRIALS_PER_SLICE = 4
"""Fewer trials a slice than this, and starting the slice costs more than it brings."""


def strategy_of(spec: StudySpec, *, slices: int = 1) -> Strategy:
    """A fresh strategy, as `search.strategy` says.

    Args:
        spec: the study.
        slices: how many slices share the work.
    """
    match spec.search.strategy:
        case "panda" | "population":
            return raising_strategy(spec, slices=slices)
        case "auto":
            return auto_strategy(spec, slices=slices)
    return caviar_strategy(spec, slices=slices)


def raising_strategy(spec: StudySpec, *, pandas: int | None = None, slices: int = 1) -> Raising:
    """A fresh strategy that raises pandas, one by one or as a population.

    Args:
        spec: the study.
        pandas: how many; by default as the study says.
        slices: how many slices share the work.
    """
    knobs = Knobs(spec.space)
    start = Starts(spec.space, spec.search.points, spec.seed, Box.between(spec.home))
    keeper: Keeper = PandaKeeper(start, knobs)
    if spec.search.strategy == "population":
        keeper = PopulationKeeper(start, knobs, spec.seed)
    return Raising(
        keeper,
        knobs,
        signatures(spec),
        Upbringing(
            pandas=pandas or pandas_of(spec),
            days=spec.panda.days,
            day_epochs=spec.panda.day_epochs,
            metric=spec.metric,
            budget=spec.budget,
            noise=spec.search.noise,
            stack=spec.resources.stack,
            slices=slices,
        ),
    )


def auto_strategy(spec: StudySpec, *, slices: int = 1) -> AutoStrategy:
    """A fresh strategy that chooses between the two."""
    budget = spec.budget
    means = Means(
        slices,
        budget.hours,
        budget.slice_hours,
        budget.trial_epochs,
        _trial_cost(spec),
        spec.search.reduction_factor**2,
    )
    return AutoStrategy(
        lambda first: caviar_strategy(
            _one_by_one(spec) if first else spec,
            slices=slices,
            look_ahead=1 if first else LOOK_AHEAD,
        ),
        lambda pandas: raising_strategy(spec, pandas=spec.panda.pandas or pandas, slices=slices),
        means,
    )


def pandas_of(spec: StudySpec) -> int:
    """How many pandas a study raises."""
    usual = POPULATION if spec.search.strategy == "population" else 1
    return spec.panda.pandas or usual


def useful_slices(spec: StudySpec) -> int:
    """How many slices a study has work for: each panda lives long enough for one of its own."""
    if spec.is_raised:
        return pandas_of(spec)
    return max(1, math.ceil(spec.search.trials / TRIALS_PER_SLICE))


def _one_by_one(spec: StudySpec) -> StudySpec:
    """The study with one trial an assignment."""
    resources = spec.resources.model_copy(update={"stack": 1})
    return spec.model_copy(update={"resources": resources})


def _trial_cost(spec: StudySpec) -> float:
    """Epochs that a trial takes on average where of each rung 1/eta goes on."""
    rungs, eta = spec.rungs(), spec.search.reduction_factor
    steps = enumerate(pairwise(rungs), 1)
    later = [(late - early) / float(eta**place) for place, (early, late) in steps]
    return rungs[0] + sum(later)
