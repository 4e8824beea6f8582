"""From what a study asks for to the strategy that does it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from caviar.search.box import Box
from caviar.search.caviar import LOOK_AHEAD, CaviarStrategy
from caviar.search.cma_es import CmaEs
from caviar.search.drawing import TRIES, Drawing
from caviar.search.grid import Grid
from caviar.search.optuna import Optuna
from caviar.search.quasi_random import Halton, Sobol
from caviar.search.searcher import Searcher
from caviar.search.uniform import Uniform
from caviar.search.zoom import Zoom
from caviar.space.levels import levels, sizes
from caviar.space.search_space import SearchSpace
from caviar.study.readiness import check_installed
from caviar.study.records import Signature, Trial, Value
from caviar.study.signature import signature_of, signatures
from caviar.study.spec import StudySpec


def caviar_strategy(
    spec: StudySpec, *, slices: int = 1, look_ahead: int = LOOK_AHEAD
) -> CaviarStrategy:
    """A fresh caviar strategy.

    Args:
        spec: the study.
        slices: how many slices share the work; it changes how trials are packed, no result.
        look_ahead: most trials drawn before they can start.
    """
    return CaviarStrategy(
        drawing=Drawing(searcher_of(spec), spec.space, spec.search.points, Box.between(spec.home)),
        signature_of=signatures(spec),
        trials=spec.search.trials,
        rungs=spec.rungs(),
        reduction_factor=spec.search.reduction_factor,
        brackets=spec.search.brackets,
        budget=spec.budget,
        noise=spec.search.noise,
        replicates=spec.search.replicates,
        metric=spec.metric,
        stack=spec.resources.stack,
        slices=slices,
        look_ahead=look_ahead,
    )


def searcher_of(spec: StudySpec) -> Searcher:
    """A fresh searcher, as `search.searcher` says.

    Raises:
        StudyError: if it needs a package that is not installed.
    """
    check_installed(spec)
    return searcher_on(spec.space, spec.search.searcher, spec.seed, spec.begun_trials)


def searcher_on(space: SearchSpace, name: str, seed: int, trials: int) -> Searcher:
    """A fresh searcher on a space.

    Args:
        space: of which it knows the axes alone.
        name: as `search.searcher` has it.
        seed: the study's.
        trials: about how many points a grid is to have.
    """
    axes = space.axes
    match name:
        case "tpe" | "gp":
            return Optuna(name, axes, seed)
        case "cmaes":
            return CmaEs(axes, seed)
        case "grid":
            counts = zip(space.domains.values(), sizes(axes, trials), strict=True)
            return Grid([levels(domain, count) for domain, count in counts], seed)
        case "random":
            return Uniform(len(axes), seed)
        case "halton":
            return Halton(len(axes), seed)
        case "sobol":
            return Sobol(len(axes), seed)
        case _:
            names = space.names
            return Zoom(axes, seed, space.home, lambda trial: active_axes(names, trial))


def active_axes(names: Sequence[str], trial: Trial) -> tuple[bool, ...]:
    """Of each searched hyperparameter, whether a trial has it."""
    return tuple(name in trial.hyperparameters for name in names)


def some_trials(spec: StudySpec, most: int = 8, among: int = 64) -> dict[Signature, Trial]:
    """The study's first trial of each kind of network, by signature.

    Batch size, optimiser and sizes make no kind of their own. What breaks a constraint is left out.

    Args:
        spec: the study.
        most: kinds, at most.
        among: trials looked at.
    """
    searcher, home = Sobol(spec.space.dimensions, spec.seed), Box.between(spec.home)
    kinds: dict[tuple[Value, ...], tuple[Signature, Trial]] = {}
    points = (home.place(searcher.point(index)) for index in range(TRIES))
    feasible = filter(spec.space.feasible_point, points)
    for index, point in enumerate(islice(feasible, min(among, spec.search.trials))):
        values = spec.space.decode(point)
        signature = signature_of(spec, values)
        kind = (values["layers"], signature.activation, signature.batch_norm)
        kinds.setdefault(kind, (signature, Trial(index, tuple(point.tolist()), values)))
    return dict(list(kinds.values())[:most])
