"""Hyperparameters as Optuna's parameters, each with the distribution it was drawn from.

Where Optuna has no word for what caviar knows: a `one_minus` axis becomes the parameter
`one_minus_beta_1`, which is 1 - beta_1 on Optuna's log scale, so that its plots and samplers see
the decades that were searched; the value itself is the trial's attribute `beta_1`. A scale that
Optuna cannot join with a step loses the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from caviar.errors import StudyError
from caviar.report.exports.material import Life, Material
from caviar.space.domain import Choice, Domain, Integer
from caviar.study.records import Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

ONE_MINUS: Final = "one_minus_"
"""Begins the names of parameters that are one minus a hyperparameter."""


class Parameters:
    """Which hyperparameters of a trial Optuna knows as parameters, under which names."""

    def __init__(self, material: Material) -> None:
        space = material.evidence.spec.space
        self._domains: Mapping[str, Domain] = space.domains
        self._searched = {name: distribution(domain) for name, domain in space.domains.items()}
        others = (name for name in material.varied if name not in self._searched)
        values = {
            name: [
                t.hyperparameters[name]
                for t in material.evidence.trials
                if name in t.hyperparameters
            ]
            for name in others
        }
        self._seen = {name: seen(found) for name, found in values.items()}

    def of(self, life: Life) -> tuple[dict[str, Value], dict[str, BaseDistribution]]:
        """A trial's parameters, and what each was drawn from; only those that it has.

        Raises:
            StudyError: one lies outside the space.
        """
        params: dict[str, Value] = {}
        kinds: dict[str, BaseDistribution] = {}
        for name, value in life.trial.hyperparameters.items():
            kind = self._searched.get(name) or self._seen.get(name)
            if kind is None:
                continue
            self._check(life, name, value)
            ours = f"{ONE_MINUS}{name}" if self.is_mirrored(name) else name
            params[ours] = mirrored(float(value)) if ours != name else value
            kinds[ours] = kind
        return params, kinds

    def _check(self, life: Life, name: str, value: Value) -> None:
        """Refuses a value that was never drawn from the axis: a journal may have been edited.

        Raises:
            StudyError: naming trial, hyperparameter and rule.
        """
        if name in self._domains:
            try:
                self._domains[name].encode(value)
            except StudyError as error:
                raise StudyError(f"trial {life.trial.index}: {name}: {error}") from None

    def is_mirrored(self, name: str) -> bool:
        """Whether Optuna is told of one minus the value."""
        return name in self._domains and self._domains[name].scale_name == "one_minus"


def mirrored(value: float) -> float:
    """One minus the value, to twelve digits: for 0.9 a person expects 0.1."""
    return float(f"{1.0 - value:.12g}")


def distribution(domain: Domain) -> BaseDistribution:
    """A domain as Optuna has it."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.choices)
    low, high = domain.bounds
    log = domain.scale_name == "log"
    if isinstance(domain, Integer):
        return IntDistribution(domain.low, domain.high, log=log, step=1 if log else domain.step)
    low, high = float(low), float(high)
    if domain.scale_name == "one_minus":
        return FloatDistribution(mirrored(high), mirrored(low), log=True)
    step = None if log else getattr(domain, "step", None)
    return FloatDistribution(low, high, log=log, step=step)


def seen(values: list[Value]) -> BaseDistribution:
    """What holds values that no domain is known of: the days of pandas have such."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    numbers = [value for value in values if not isinstance(value, str | bool)]
    if len(numbers) < len(values):
        return CategoricalDistribution(tuple(dict.fromkeys(values)))
    if all(isinstance(value, int) for value in numbers):
        return IntDistribution(int(min(numbers)), int(max(numbers)))
    return FloatDistribution(float(min(numbers)), float(max(numbers)))
