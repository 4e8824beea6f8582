"""Signatures: which compiled step a trial shares with others.

Every signature costs seconds of compiling on every slice that meets it, and padding costs
multiplications in every step. Small networks compute in less time than they compile: one padded
shape serves them all. Of large networks the depth is exact and the width goes into one of a few
buckets.
"""

from __future__ import annotations

from collections.abc import Mapping
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
        spec: of the study; its largest network decides how much is padded.
        hyperparameters: layers, units, batch_size and optimizer are read.
    """
    layers, units = int(hyperparameters["layers"]), int(hyperparameters["units"])
    depth, width = padded_shape(spec, layers, units)
    return Signature(
        widths=(width,) * depth,
        batch_size=int(hyperparameters["batch_size"]),
        optimizer=str(hyperparameters["optimizer"]),
    )


def padded_shape(spec: StudySpec, layers: int, units: int) -> tuple[int, int]:
    """The padded depth, and the padded width of every hidden layer."""
    most_layers, (least_units, most_units) = int(extremes(spec.network.layers)[1]), _units(spec)
    small = _weights(most_layers, most_units) <= SMALL_WEIGHTS
    depth = most_layers if small else layers
    if least_units == most_units:
        return depth, units
    whole = _round_up(most_units)
    return depth, whole if small else min(_bucket(units), whole)


def _units(spec: StudySpec) -> tuple[int, int]:
    least, most = extremes(spec.network.units)
    return int(least), int(most)


def _weights(layers: int, units: int) -> int:
    return units * (NOMINAL_ENDS + (layers - 1) * units)


def _round_up(units: int) -> int:
    return -(-units // LANE) * LANE


def _bucket(units: int) -> int:
    """The smallest bucket that holds `units`."""
    factor = 1
    while units > BUCKETS[-1] * factor:
        factor *= 2
    return min(bucket * factor for bucket in BUCKETS if bucket * factor >= units)
