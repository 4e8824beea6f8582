"""From what a study asks for to the strategy that does it."""

from __future__ import annotations

from functools import partial

from caviar.search.caviar import CaviarStrategy
from caviar.search.quasi_random import Sobol
from caviar.study.signature import signature_of
from caviar.study.spec import StudySpec


def caviar_strategy(spec: StudySpec, *, slices: int = 1) -> CaviarStrategy:
    """A fresh caviar strategy.

    Args:
        spec: the study.
        slices: how many slices share the work; it changes how trials are packed, no result.
    """
    return CaviarStrategy(
        searcher=Sobol(spec.space.dimensions, spec.seed),
        decode=spec.space.decode,
        signature_of=partial(signature_of, spec),
        trials=spec.search.trials,
        rungs=spec.rungs(),
        reduction_factor=spec.search.reduction_factor,
        metric=spec.metric,
        stack=spec.resources.stack,
        slices=slices,
    )
