"""What the plots show of each trial: its best value, how far it came, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from caviar.report.evidence import Evidence
from caviar.report.page.axes import Axis, axes_of
from caviar.report.page.markup import NONE, plotly
from caviar.report.page.palette import CATEGORIES, of_order
from caviar.report.page.work import Clock, clock
from caviar.study.metric_words import is_share, metric_name, metric_value
from caviar.study.records import Measurement, TrialState

FEWEST: Final = 4
"""Trials that a rung needs to be worth a view of its own."""
MOST_VIEWS: Final = 5
TICKS: Final = {"tickformat": ".2~%"}
"""How Plotly writes shares on an axis."""
BEST: Final = (
    "A trial's best is its best result at the end of a rung or day, where a checkpoint was kept; "
    "an epoch between two rungs does not count."
)
"""What is meant by it, for captions."""


@dataclass(frozen=True)
class Scores:
    """Values of the study's metric, by trial.

    Attributes:
        evidence: of the study.
    """

    evidence: Evidence

    @property
    def label(self) -> str:
        """The metric in words, safe for Plotly."""
        return plotly(self.name)

    @property
    def name(self) -> str:
        """The metric as a person calls it; not yet safe for Plotly."""
        return metric_name(self.evidence.metric)

    def told(self, value: float | None) -> str:
        """A value of the metric as a person reads it: an accuracy in percent."""
        return NONE if value is None else metric_value(self.evidence.metric, value)

    @property
    def ticks(self) -> dict[str, str]:
        """How Plotly writes values of the metric on an axis."""
        return TICKS if is_share(self.evidence.metric) else {}

    @cached_property
    def best(self) -> Mapping[int, float]:
        """By trial, its best value, as `caviar.report.account.bests_of` defines it."""
        return {trial: self.value(found) for trial, found in self.evidence.bests.items()}

    @cached_property
    def lost(self) -> frozenset[int]:
        """Trials that diverged."""
        states = enumerate(self.evidence.states)
        return frozenset(trial for trial, state in states if state == TrialState.DIVERGED)

    @cached_property
    def epochs(self) -> Mapping[int, int]:
        """By trial, the last epoch it was measured at."""
        return {trial: curve[-1].epoch for trial, curve in self.evidence.curves.items() if curve}

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """Epochs by which trials are told apart: the rungs; none of pandas."""
        return tuple(sorted({rung["epoch"] for rung in self.evidence.account["rungs"]}))

    @cached_property
    def axes(self) -> list[Axis]:
        """Of the searched hyperparameters."""
        return axes_of(self.evidence.spec.space.domains.items(), self.evidence.trials)

    @cached_property
    def clock(self) -> Clock:
        """When slices were at work."""
        return clock(self.evidence)

    @cached_property
    def raised(self) -> bool:
        """Whether the trials are days of pandas."""
        return bool(self.evidence.account["diary"])

    def value(self, measurement: Measurement) -> float:
        """The metric of a measurement."""
        return float(getattr(measurement, self.evidence.metric))

    def way(self, trial: int) -> list[Measurement]:
        """A trial's curve; of a panda's day with the end of the day that it went on from."""
        curve = list(self.evidence.curves[trial])
        parent = self.evidence.trials[trial].parent
        if parent is None:
            return curve
        before = self.evidence.curves.get(parent[0], ())
        return [m for m in before if m.epoch == parent[1]] + curve

    def colour(self, trial: int) -> str:
        """The darker, or on a dark page the lighter, the further a trial came; or its panda's."""
        if self.raised:
            return CATEGORIES[(self.evidence.trials[trial].draw or 0) % len(CATEGORIES)]
        reached = sum(self.epochs.get(trial, 0) >= step for step in self.steps)
        return of_order(max(0, reached - 1), len(self.steps))

    def at(self, epoch: int) -> dict[int, float]:
        """By trial, its value after so many epochs, of those that got there."""
        found = {}
        for trial, curve in self.evidence.curves.items():
            for measurement in curve:
                if measurement.epoch == epoch and not measurement.diverged:
                    found[trial] = self.value(measurement)
        return {trial: value for trial, value in found.items() if math.isfinite(value)}

    def views(self) -> list[tuple[str, Mapping[int, float]]]:
        """Labels and values: the best of each trial, and what they had at each rung."""
        rungs = [(step, self.at(step)) for step in self.steps]
        told = [(after(step), found) for step, found in rungs if len(found) >= FEWEST]
        return [("best of each", self.best), *told[: MOST_VIEWS - 1]]


def after(epochs: int) -> str:
    """As "after 3 epochs"."""
    return f"after {epochs} epoch{'s' * (epochs != 1)}"
