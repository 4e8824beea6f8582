"""First weights, drawn on the host at their true shape so that padding cannot change them.

In a layer of n inputs a unit's z is a sum of n terms, so the weights' variance must fall as 1/n for
z to keep the inputs' size from layer to layer; each kind says with which factor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

_STREAM = 1
"""Sets these draws apart from every other use of a study's seed."""


def _he(fan_in: int, fan_out: int) -> float:
    """For ReLU; He, Zhang, Ren and Sun, "Delving Deep into Rectifiers" (2015), equation 10."""
    return 2.0 / fan_in


def _xavier(fan_in: int, fan_out: int) -> float:
    """For tanh: signal and gradient both; Glorot and Bengio (2010), equation 12."""
    return 2.0 / (fan_in + fan_out)


def _lecun(fan_in: int, fan_out: int) -> float:
    """For any activation of slope 1; LeCun, Bottou, Orr and Mueller (1998), equation 16."""
    return 1.0 / fan_in


def _zeros(fan_in: int, fan_out: int) -> float:
    """To show why not: all units of a layer get the same gradient and stay alike for ever."""
    return 0.0


VARIANCES: Mapping[str, Callable[[int, int], float]] = MappingProxyType(
    {"he": _he, "xavier": _xavier, "lecun": _lecun, "zeros": _zeros}
)
"""A kind's variance of weights from `(fan_in, fan_out)`, by name as in `network.initializer`."""


def initial_weights(
    kind: str, seed: int, trial: int, layer: int, fan_in: int, fan_out: int, scale: float = 1.0
) -> NDArray[np.float64]:
    """Normal draws `[fan_in, fan_out]` of the kind's variance.

    The draws below are the same for every kind and scale: kinds differ in size alone.

    Args:
        kind: one of `VARIANCES`.
        seed: the study's.
        trial: the trial's index.
        layer: from 0, the output layer last.
        fan_in: true inputs.
        fan_out: true units.
        scale: multiplies the standard deviation.
    """
    key = np.random.SeedSequence((seed, _STREAM, trial, layer))
    rng = np.random.Generator(np.random.Philox(key))
    deviation = scale * np.sqrt(VARIANCES[kind](fan_in, fan_out))
    return rng.normal(scale=deviation, size=(fan_in, fan_out))
