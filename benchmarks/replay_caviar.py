"""The strategies of caviar as methods of `replaying.py`.

They are what `caviar.search.factory` makes of a study file with the table's budget, epochs and seed
and defaults for the rest, but for one trial an assignment: packing is not what is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np
from curves import Table
from pydantic import PrivateAttr
from replaying import Job, Make, Method, Rows

from caviar.search.factory import caviar_strategy
from caviar.search.strategy import Strategy
from caviar.space.search_space import SearchSpace
from caviar.study.records import Measurement, Signature, Value
from caviar.study.spec import StudySpec

MakeStrategy = Callable[[Table, int, int, int], Strategy]
"""From table, seed, workers and budget to a fresh strategy that packs one trial an assignment."""

ONE_NETWORK: Mapping[str, Value] = {"layers": 1, "units": 16, "batch_size": 32, "optimizer": "adam"}
"""All networks of a table share a compiled step."""


class StrategyMethod:
    """A strategy of caviar's, driven as the broker does, with each epoch told when it is over."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self._warm: set[Signature] = set()

    def ask(self) -> Job | None:
        """The next assignment, which must be of one trial."""
        assignment = self.strategy.next_assignment(self._warm)
        if assignment is None:
            return None
        self._warm.add(assignment.signature)
        (trial,) = assignment.trials
        return Job(trial, np.array(self.strategy.trials[trial].point), assignment.last_epoch)

    def tell(self, trial: int, epoch: int, loss: float) -> bool:
        """Observes; a diverged trial is over."""
        diverged = math.isinf(loss)
        seen = math.nan if diverged else loss
        told = Measurement(trial, epoch, seen, 0.0, seen, 0.0, 1.0, diverged=diverged)
        self.strategy.observe([told])
        return not diverged


class Clairvoyant(StrategyMethod):
    """A strategy that is told, from some epoch of a trial on, the lowest loss it will ever see.

    No tuner can know that. What regret it leaves is what judging better from that epoch on could
    gain at most, with the same searcher and the same rungs.
    """

    def __init__(self, strategy: Strategy, table: Table, since: int) -> None:
        """Knows of each trial how it ends once it has `since` epochs behind it."""
        super().__init__(strategy)
        self._ends = table.losses.min(axis=1)
        self._answer, self._rows = Rows(table), dict[int, int]()
        self._since = since

    def ask(self) -> Job | None:
        """The next assignment; a new trial's row is the one that the replay answers with."""
        job = super().ask()
        if job is not None and job.trial not in self._rows:
            self._rows[job.trial] = self._answer.nearest(job.point)
        return job

    def tell(self, trial: int, epoch: int, loss: float) -> bool:
        """Observes the end in place of the loss; a diverged trial is over all the same."""
        knows = epoch >= self._since and not math.isinf(loss)
        return super().tell(trial, epoch, float(self._ends[self._rows[trial]]) if knows else loss)


class TableSpec(StudySpec):
    """A study whose space is a table's, under names that mean nothing to caviar."""

    _held: SearchSpace = PrivateAttr()

    @cached_property
    def space(self) -> SearchSpace:
        """The table's columns."""
        return self._held


def spec_of(table: Table, seed: int, budget: int, **search: str | int) -> TableSpec:
    """The study of a table; what `search` does not say of `[search]` is default."""
    raw = {
        "seed": seed,
        "search": {"max_epochs": table.epochs, "metric": "dev_loss"} | search,
        "budget": {"trial_epochs": budget},
        "resources": {"stack": 1},
    }
    spec = TableSpec.model_validate(raw)
    domains = {f"x{place}": domain for place, domain in enumerate(table.space.domains.values())}
    spec._held = SearchSpace(domains, ONE_NETWORK)
    return spec


def study(**search: str | int) -> MakeStrategy:
    """The strategy of a study with these keys in `[search]`."""

    def make(table: Table, seed: int, workers: int, budget: int) -> Strategy:
        return caviar_strategy(spec_of(table, seed, budget, **search), slices=workers)

    return make


def method_of(make: MakeStrategy) -> Make:
    """A strategy's factory as a method's."""

    def method(table: Table, seed: int, workers: int, budget: int) -> Method:
        return StrategyMethod(make(table, seed, workers, budget))

    return method


def clairvoyant(since: int) -> Make:
    """Caviar's default, told from the epoch `since` on how each trial will end."""

    def method(table: Table, seed: int, workers: int, budget: int) -> Method:
        return Clairvoyant(study()(table, seed, workers, budget), table, since)

    return method


CAVIAR: dict[str, Make] = {
    "caviar": method_of(study()),
    "caviar-sobol": method_of(study(searcher="sobol")),
    "caviar-sobol-2": method_of(study(searcher="sobol", brackets=2)),
    "caviar-sobol-4": method_of(study(searcher="sobol", brackets=4)),
    "foresight-1": clairvoyant(1),
    "foresight-3": clairvoyant(3),
    "foresight-9": clairvoyant(9),
}
"""The methods of this module by name."""
