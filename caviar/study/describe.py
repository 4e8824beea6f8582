"""What a study amounts to before it runs: its space, networks, rungs and cost, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from caviar.space.domain import Choice, Integer, Value, samples
from caviar.study.hyperparameter import Hyperparameter, as_domain, extremes
from caviar.study.signature import padded_shape
from caviar.study.spec import HYPERPARAMETERS, StudySpec


@dataclass(frozen=True, slots=True)
class HyperparameterRow:
    """One hyperparameter as a line of a table.

    Attributes:
        name: its flat name.
        scale: `linear`, `log`, `one_minus`, `choices`, or `fixed`.
        low: the value at 0 of the unit interval; the value itself if fixed.
        high: the value at 1; the value itself if fixed.
        samples: the values at 0.1, 0.3, 0.5, 0.7 and 0.9; none if fixed.
    """

    name: str
    scale: str
    low: Value
    high: Value
    samples: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """A study in figures.

    Attributes:
        rows: the hyperparameters that its optimisers use, in the order of the file.
        weights: of its smallest and its largest network; None while the data are unknown.
        rungs: epochs at which trials are compared.
        trials_at_rung: the most trials that can train up to each rung.
        trial_epochs: what it costs, in epochs of one trial, if no trial diverges or comes late.
        most_trial_epochs: what it can cost when the best of every rung comes after its share.
        most_compiled_steps: how many signatures its trials can have; each costs seconds a slice.
    """

    rows: tuple[HyperparameterRow, ...]
    weights: tuple[int, int] | None
    rungs: tuple[int, ...]
    trials_at_rung: tuple[int, ...]
    trial_epochs: int
    most_trial_epochs: int
    most_compiled_steps: int


def describe(
    spec: StudySpec, features: int | None = None, classes: int | None = None
) -> Description:
    """The study in figures; `features` and `classes` of its data tell the networks' sizes."""
    known = features is not None and classes is not None
    return Description(
        rows=tuple(
            _row(name, spec.hyperparameter(name))
            for name in HYPERPARAMETERS
            if name not in spec.training.unused
        ),
        weights=_extreme_weights(spec, features or 0, classes or 0) if known else None,
        rungs=spec.rungs(),
        trials_at_rung=trials_at_rung(spec),
        trial_epochs=trial_epochs(spec),
        most_trial_epochs=trial_epochs(spec) + late_trial_epochs(spec),
        most_compiled_steps=most_compiled_steps(spec),
    )


def count_weights(layers: int, units: int, features: int, classes: int) -> int:
    """The trained numbers of a network: weights, batch norm's gamma and beta, the output's bias."""
    hidden = features * units + (layers - 1) * units * units
    return hidden + layers * 2 * units + units * classes + classes


def trials_at_rung(spec: StudySpec) -> tuple[int, ...]:
    """The most trials that train up to each rung: of each, 1/eta rounded down goes on.

    The last count is at least one: a study without a promotion to the top makes a completion run.
    """
    counts = [spec.search.trials]
    for _ in spec.rungs()[1:]:
        counts.append(counts[-1] // spec.search.reduction_factor)
    return (*counts[:-1], max(counts[-1], 1))


def late_trial_epochs(spec: StudySpec) -> int:
    """What completion runs can add: of each rung one that came best after its share was spent."""
    return sum(spec.search.max_epochs - epochs for epochs in spec.rungs()[:-1])


def trial_epochs(spec: StudySpec) -> int:
    """The trial-epochs that the rungs' shares cost if nothing diverges.

    A completion run goes on from the highest rung that promotions reach.
    """
    rungs, counts = spec.rungs(), trials_at_rung(spec)
    total = counts[0] * rungs[0]
    reached = rungs[0]
    for (previous, epochs), count in zip(pairwise(rungs), counts[1:], strict=True):
        is_completion = epochs == rungs[-1] and reached < previous
        total += epochs - reached if is_completion else count * (epochs - previous)
        reached = epochs if count else reached
    return total


def most_compiled_steps(spec: StudySpec) -> int:
    """An upper bound of the signatures that its trials can have."""
    depths, widths = _values(spec.network.layers), _values(spec.network.units)
    # Depth and width are padded independently of one another.
    shapes = len({padded_shape(spec, depth, widths[0])[0] for depth in depths}) * len(
        {padded_shape(spec, depths[0], width)[1] for width in widths}
    )
    batches = len(_values(spec.training.batch_size))
    return min(spec.search.trials, shapes * batches * len(spec.training.optimizers))


def _values(hyperparameter: Hyperparameter) -> Sequence[int]:
    """Every value that a whole number can take."""
    if isinstance(hyperparameter, Choice):
        return [int(choice) for choice in hyperparameter.choices]
    if isinstance(hyperparameter, Integer):
        return range(hyperparameter.low, hyperparameter.high + 1, hyperparameter.step)
    return [int(extremes(hyperparameter)[0])]


def _row(name: str, hyperparameter: Hyperparameter) -> HyperparameterRow:
    domain = as_domain(hyperparameter)
    if domain is None:
        value: Value = hyperparameter  # type: ignore[assignment]
        return HyperparameterRow(name, "fixed", value, value, ())
    low, high = domain.bounds
    return HyperparameterRow(name, domain.scale_name, low, high, samples(domain))


def _extreme_weights(spec: StudySpec, features: int, classes: int) -> tuple[int, int]:
    layers, units = extremes(spec.network.layers), extremes(spec.network.units)
    least, most = zip(layers, units, strict=True)
    return (
        count_weights(int(least[0]), int(least[1]), features, classes),
        count_weights(int(most[0]), int(most[1]), features, classes),
    )
