"""What a study amounts to before it runs: its space, networks, rungs and cost, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from caviar.space.condition import Following
from caviar.space.domain import Value, samples
from caviar.space.home import home_span, person_bounds
from caviar.study.cost import Cost, cost_of
from caviar.study.hyperparameter import Conditional, Held, extremes, values
from caviar.study.signature import bucketed, is_small, unit_ranges
from caviar.study.spec import StudySpec
from caviar.study.tables import Network
from caviar.study.where import share_feasible


@dataclass(frozen=True, slots=True)
class HyperparameterRow:
    """One hyperparameter as a line of a table.

    Attributes:
        name: its flat name.
        scale: `linear`, `log`, `one_minus`, `choices`, or `fixed`.
        low: the value at 0 of the unit interval; the value itself if fixed.
        high: the value at 1; the value itself if fixed.
        samples: the values at 0.1, 0.3, 0.5, 0.7 and 0.9; none if fixed.
        when: where it is active, as `optimizer = adam`; empty if everywhere.
        grows: how far `low` and `high` may grow, if they may.
    """

    name: str
    scale: str
    low: Value
    high: Value
    samples: tuple[Value, ...]
    when: str = ""
    grows: tuple[Value, Value] | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """A study in figures.

    Attributes:
        rows: the hyperparameters that its trials use, in the order of the file.
        weights: of its smallest and its largest network; None while the data are unknown.
        cost: trials at each rung and trial-epochs.
        most_compiled_steps: how many signatures its trials can have; each costs seconds a slice.
        constraints: what points must fulfil to be tried.
        feasible: the share of points that do, from 1,000 draws.
    """

    rows: tuple[HyperparameterRow, ...]
    weights: tuple[int, int] | None
    cost: Cost
    most_compiled_steps: int
    constraints: tuple[str, ...]
    feasible: float


def describe(
    spec: StudySpec, features: int | None = None, classes: int | None = None
) -> Description:
    """The study in figures; `features` and `classes` of its data tell the networks' sizes."""
    known = features is not None and classes is not None
    return Description(
        rows=_rows(spec),
        weights=_extreme_weights(spec, features or 0, classes or 0) if known else None,
        cost=cost_of(spec),
        most_compiled_steps=most_compiled_steps(spec),
        constraints=tuple(map(str, spec.space.constraints)),
        feasible=share_feasible(spec.space),
    )


def count_weights(
    units: Sequence[int], features: int, classes: int, batch_norm: bool = True
) -> int:
    """The trained numbers of a network: weights, and gamma and beta or else biases.

    Args:
        units: of each hidden layer; none for softmax regression.
        features: of an example.
        classes: of the labels.
        batch_norm: whether hidden layers have gamma and beta in the place of a bias.
    """
    weights = sum(one * other for one, other in pairwise((features, *units, classes)))
    return weights + (2 if batch_norm else 1) * sum(units) + classes


def most_compiled_steps(spec: StudySpec) -> int:
    """An upper bound of the signatures that its trials can have."""
    network, training = spec.network, spec.training
    layers = set(values(network.layers))
    kinds = _kinds(spec, "activation") * _kinds(spec, "batch_norm")
    deep = sorted(int(depth) for depth in layers - {0})
    shapes = _all_shapes(spec, deep)
    if unit_ranges(spec, grown=True) != unit_ranges(spec):
        shapes += _all_shapes(spec, deep, grown=True)
    batches = len(values(training.batch_size)) * len(training.optimizers)
    return min(spec.search.trials, (shapes * kinds + (0 in layers)) * batches)


def _kinds(spec: StudySpec, name: str) -> int:
    """How many values a choice of `[network]` has, with the default where it can be inactive."""
    held = getattr(spec.network, name)
    default = {Network.model_fields[name].default} if isinstance(held, Conditional) else set()
    return len({*values(held), *default})


def _all_shapes(spec: StudySpec, deep: Sequence[int], *, grown: bool = False) -> int:
    """Padded shapes of networks of all these depths; with units `grown` as far as they may."""
    if deep and is_small(spec, grown=grown):
        return 1
    return sum(_shapes(spec, depth, grown=grown) for depth in deep)


def _shapes(spec: StudySpec, depth: int, *, grown: bool) -> int:
    """Padded shapes of networks that deep, where the depth is exact."""
    units = spec.network.units
    if isinstance(units, tuple):
        return prod(_widths(held, grown=grown) for held in units[:depth])
    return _widths(units, grown=grown)


def _widths(units: Held, *, grown: bool) -> int:
    least, most = (int(bound) for bound in extremes(units, grown=grown))
    within = (int(one) for one in values(units) if least <= int(one) <= most)
    return len({bucketed(least, most, one) for one in within})


def _rows(spec: StudySpec) -> tuple[HyperparameterRow, ...]:
    space = spec.space
    names = [n for n in spec.hyperparameters if n in space.domains or n in space.fixed]
    return tuple(row for name in names for row in _rows_of(spec, name))


def _rows_of(spec: StudySpec, name: str) -> list[HyperparameterRow]:
    """One row; of a value that follows another's, one for each it can have."""
    space = spec.space
    when = str(space.conditions.get(name, ""))
    domain = space.domains.get(name)
    if domain is not None:
        low, high = person_bounds(domain)
        drawn = samples(domain, *home_span(domain))
        grows = None if (low, high) == domain.bounds else domain.bounds
        return [HyperparameterRow(name, domain.scale_name, low, high, drawn, when, grows)]
    value = space.fixed[name]
    if not isinstance(value, Following):
        return [HyperparameterRow(name, "fixed", value, value, (), when)]
    return [
        HyperparameterRow(name, "fixed", own, own, (), f"{value.other} = {wanted}")
        for wanted, own in value.values
    ]


def _extreme_weights(spec: StudySpec, features: int, classes: int) -> tuple[int, int]:
    ranges, norms = unit_ranges(spec), values(spec.network.batch_norm)
    # Of every depth: a narrow hidden layer can make a network smaller than none.
    depths = [ranges[: int(depth)] for depth in values(spec.network.layers)]
    least = (count_weights([a for a, _ in d], features, classes, all(norms)) for d in depths)
    most = (count_weights([b for _, b in d], features, classes, any(norms)) for d in depths)
    return min(least), max(most)
