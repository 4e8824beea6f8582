"""caviar's own strategies as methods of `replaying.py`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from curves import Table
from replay_plain import ETA, rungs_of
from replaying import Job, Make, Method

from caviar.search.caviar import CaviarStrategy
from caviar.search.drawing import Drawing
from caviar.search.quasi_random import Sobol
from caviar.search.searcher import Searcher
from caviar.search.strategy import Strategy
from caviar.study.records import Measurement, Signature

ONE_KIND = Signature((64,), 32, "adam")
"""Every network of a table shares a compiled step: packing is not what is measured."""

MakeStrategy = Callable[[Table, int, int, int], Strategy]
"""From table, seed, workers and budget to a fresh strategy that packs one trial an assignment."""


class StrategyMethod:
    """A strategy of caviar's, driven as the broker does, with each epoch told when it is over."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy

    def ask(self) -> Job | None:
        """The next assignment, which must be of one trial."""
        assignment = self.strategy.next_assignment({ONE_KIND})
        if assignment is None:
            return None
        (trial,) = assignment.trials
        return Job(trial, np.array(self.strategy.trials[trial].point), assignment.last_epoch)

    def tell(self, trial: int, epoch: int, loss: float) -> bool:
        """Observes; a diverged trial is over."""
        diverged = math.isinf(loss)
        seen = math.nan if diverged else loss
        told = Measurement(trial, epoch, seen, 0.0, seen, 0.0, 1.0, diverged=diverged)
        self.strategy.observe([told])
        return not diverged


def strategy_with(searcher: Searcher, table: Table, workers: int, budget: int) -> CaviarStrategy:
    """The caviar strategy on a table, with as many trials as the budget can begin."""
    return CaviarStrategy(
        drawing=Drawing(searcher, table.space, ()),
        signature_of=lambda _: ONE_KIND,
        trials=budget,
        rungs=rungs_of(table.epochs),
        reduction_factor=ETA,
        metric="dev_loss",
        stack=1,
        slices=workers,
    )


def sobol(table: Table, seed: int, workers: int, budget: int) -> Strategy:
    """Sobol points, promoted."""
    return strategy_with(Sobol(table.dimensions, seed), table, workers, budget)


def method_of(make: MakeStrategy) -> Make:
    """A strategy's factory as a method's."""

    def method(table: Table, seed: int, workers: int, budget: int) -> Method:
        return StrategyMethod(make(table, seed, workers, budget))

    return method


CAVIAR = {"caviar-sobol": method_of(sobol), "caviar": method_of(sobol)}
"""The methods of this module by name."""
