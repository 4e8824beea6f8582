"""Signatures: which compiled step a trial shares with others.

Every signature costs seconds of compiling on every slice that meets it, and padding costs
multiplications in every step. Small networks compute in less time than they compile: one padded
shape serves them all. Of large networks the depth is exact and every width goes into one of a few
buckets. A network without hidden layers has a signature of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from itertools import pairwise
from typing import Final

from caviar.space.domain import Value
from caviar.study.hyperparameter import extremes
from caviar.study.records import Signature
from caviar.study.spec import StudySpec

SMALL_WEIGHTS: Final = 200_000
"""A study whose largest network has at most this many weights pads all its networks to one."""

NOMINAL_ENDS: Final = 128
"""Features plus classes when counting weights: a signature must follow from the spec alone."""

LANE: Final = 16
"""Padded widths are multiples of this: float32 lanes of the widest vector register."""

BUCKETS: Final = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768)
"""Padded widths of large networks, then their doubles: steps of 1.33 and 1.5, so that a product
of padded matrices does on average 1.4 and at worst 2.25 times the multiplications."""


def signature_of(spec: StudySpec, hyperparameters: Mapping[str, Value]) -> Signature:
    """The signature of one trial; a function of the spec and its hyperparameters alone.

    Args:
        spec: of the study; its largest network decides how much is padded, and its space which
            techniques are compiled in.
        hyperparameters: those that are structure are read; an inactive one has its default.
    """
    return signatures(spec)(hyperparameters)


def signatures(spec: StudySpec) -> Callable[[Mapping[str, Value]], Signature]:
    """`signature_of` for many trials of one study, which has few shapes of networks."""
    shapes = lru_cache(maxsize=4096)(partial(padded_widths, spec))
    return partial(_signature, spec.training.precision, spec.techniques, shapes)


def _signature(
    precision: str,
    techniques: tuple[str, ...],
    padded: Callable[[tuple[int, ...]], tuple[int, ...]],
    hyperparameters: Mapping[str, Value],
) -> Signature:
    return Signature(
        widths=padded(units_of(hyperparameters)),
        batch_size=int(hyperparameters["batch_size"]),
        optimizer=str(hyperparameters["optimizer"]),
        precision=precision,
        activation=str(hyperparameters.get("activation", "relu")),
        batch_norm=bool(hyperparameters.get("batch_norm", True)),
        techniques=techniques,
    )


def units_of(hyperparameters: Mapping[str, Value]) -> tuple[int, ...]:
    """A trial's true widths, hidden layer by hidden layer; () for softmax regression."""
    places = range(1, int(hyperparameters["layers"]) + 1)
    names = ("units" if "units" in hyperparameters else f"units_{place}" for place in places)
    return tuple(int(hyperparameters[name]) for name in names)


def padded_widths(spec: StudySpec, units: tuple[int, ...]) -> tuple[int, ...]:
    """The padded width of every layer of a network with these units, padded layers included."""
    if not units:
        return ()
    homes = zip(unit_ranges(spec), units, strict=False)
    # What grew beyond a person's bounds costs only those who are there.
    grown = not all(least <= one <= most for (least, most), one in homes)
    ranges = unit_ranges(spec, grown=grown)
    if not is_small(spec, grown=grown):
        layers = zip(ranges, units, strict=False)
        return tuple(bucketed(least, most, one) for (least, most), one in layers)
    widths = [_widest(least, most) for least, most in ranges]
    fewest = max(int(extremes(spec.network.layers)[0]), 1)
    # A lane passes through a layer it lacks, which must be as wide as the one before.
    common = max(widths[fewest - 1 :])
    return (*widths[: fewest - 1], *[common] * (len(widths) - fewest + 1))


def unit_ranges(spec: StudySpec, *, grown: bool = False) -> tuple[tuple[int, int], ...]:
    """The least and the most units of every layer of the study's deepest network.

    As the study file gives them, or with bounds `grown` as far as they may.
    """
    units, deepest = spec.network.units, int(extremes(spec.network.layers)[1])
    held = units if isinstance(units, tuple) else (units,) * deepest
    found = (extremes(one, grown=grown) for one in held)
    return tuple((int(least), int(most)) for least, most in found)


def is_small(spec: StudySpec, *, grown: bool = False) -> bool:
    """Whether one padded shape serves all networks within these ranges."""
    most = [units for _, units in unit_ranges(spec, grown=grown)]
    ends = NOMINAL_ENDS * max(most, default=0)
    return ends + sum(one * other for one, other in pairwise(most)) <= SMALL_WEIGHTS


def _widest(least: int, most: int) -> int:
    """A width that holds all of a range; fixed units are not padded."""
    return most if least == most else _round_up(most)


def bucketed(least: int, most: int, units: int) -> int:
    """The padded width of one layer of a large network, of a range of units from least to most."""
    return units if least == most else min(_bucket(units), _round_up(most))


def _round_up(units: int) -> int:
    return -(-units // LANE) * LANE


def _bucket(units: int) -> int:
    """The smallest bucket that holds `units`."""
    factor = 1
    while units > BUCKETS[-1] * factor:
        factor *= 2
    return min(bucket * factor for bucket in BUCKETS if bucket * factor >= units)
