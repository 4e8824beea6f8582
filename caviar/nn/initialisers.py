"""First weights, drawn on the host at their true shape so that padding cannot change them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STREAM = 1
"""Sets these draws apart from every other use of a study's seed."""


def he_normal(seed: int, trial: int, layer: int, fan_in: int, fan_out: int) -> NDArray[np.float64]:
    """Weights `[fan_in, fan_out]` of variance 2 / fan_in: ReLU then keeps the signal's variance.

    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers" (2015), equation 10.

    Args:
        seed: the study's.
        trial: the trial's index.
        layer: from 0, the output layer last.
        fan_in: true inputs.
        fan_out: true units.
    """
    key = np.random.SeedSequence((seed, _STREAM, trial, layer))
    rng = np.random.Generator(np.random.Philox(key))
    return rng.normal(scale=np.sqrt(2.0 / fan_in), size=(fan_in, fan_out))
