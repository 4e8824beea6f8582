"""From what a study asks for to the strategy that does it."""

from __future__ import annotations

from functools import partial

from caviar.search.box import Box
from caviar.search.caviar import CaviarStrategy
from caviar.search.cma_es import CmaEs
from caviar.search.drawing import Drawing
from caviar.search.grid import Grid
from caviar.search.optuna import Optuna
from caviar.search.quasi_random import Halton, Sobol
from caviar.search.searcher import Searcher
from caviar.search.uniform import Uniform
from caviar.space.levels import levels, sizes
from caviar.study.readiness import check_installed
from caviar.study.records import Signature, Trial, Value
from caviar.study.signature import signature_of
from caviar.study.spec import StudySpec


def caviar_strategy(spec: StudySpec, *, slices: int = 1) -> CaviarStrategy:
    """A fresh caviar strategy.

    Args:
        spec: the study.
        slices: how many slices share the work; it changes how trials are packed, no result.
    """
    return CaviarStrategy(
        drawing=Drawing(searcher_of(spec), spec.space, spec.search.points, Box.between(spec.home)),
        signature_of=partial(signature_of, spec),
        trials=spec.search.trials,
        rungs=spec.rungs(),
        reduction_factor=spec.search.reduction_factor,
        brackets=spec.search.brackets,
        budget=spec.budget,
        metric=spec.metric,
        stack=spec.resources.stack,
        slices=slices,
    )


def searcher_of(spec: StudySpec) -> Searcher:
    """A fresh searcher, as `search.searcher` says.

    Raises:
        StudyError: if it needs a package that is not installed.
    """
    check_installed(spec)
    name, axes = spec.search.searcher, spec.space.axes
    match name:
        case "tpe" | "gp":
            return Optuna(name, axes, spec.seed)
        case "cmaes":
            return CmaEs(axes, spec.seed)
        case "grid":
            counts = sizes(axes, spec.search.trials)
            found = zip(spec.space.domains.values(), counts, strict=True)
            return Grid([levels(domain, count) for domain, count in found], spec.seed)
        case "random":
            return Uniform(len(axes), spec.seed)
        case "halton":
            return Halton(len(axes), spec.seed)
        case _:
            return Sobol(len(axes), spec.seed)


def some_trials(spec: StudySpec, most: int = 8, among: int = 64) -> dict[Signature, Trial]:
    """The study's first trial of each kind of network, by signature.

    Batch size, optimiser and sizes make no kind of their own.

    Args:
        spec: the study.
        most: kinds, at most.
        among: trials looked at.
    """
    searcher, home = Sobol(spec.space.dimensions, spec.seed), Box.between(spec.home)
    kinds: dict[tuple[Value, ...], tuple[Signature, Trial]] = {}
    for index in range(min(among, spec.search.trials)):
        point = home.place(searcher.point(index))
        values = spec.space.decode(point)
        signature = signature_of(spec, values)
        kind = (values["layers"], signature.activation, signature.batch_norm)
        kinds.setdefault(kind, (signature, Trial(index, tuple(point.tolist()), values)))
    return dict(list(kinds.values())[:most])
