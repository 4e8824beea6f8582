"""Watching the layers learn, inside the compiled epoch: norms of gradients and weights.

A norm reads a whole gradient again, which costs as much as a tenth of a step on a CPU; so only
every so many steps are watched, counted backwards from the epoch's last one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from caviar.nn.network import Params
from caviar.study.records import Watch

WATCH_EVERY: Final = 16
"""Of so many steps one is watched."""


def every_watched(steps: tf.Tensor) -> tf.Tensor:
    """How many of an epoch's `steps` are watched, at least 1, so that it can be divided by."""
    return tf.maximum((steps - 1) // WATCH_EVERY + 1, 1)


def square_norms(layers: Params, watched: tf.Tensor | None, before: tf.Tensor | None) -> tf.Tensor:
    """Squared Euclidean norms of each layer's weights `w`, added to `before` where watched.

    Args:
        layers: weights or their gradients, with or without the stack axis.
        watched: `[]` boolean; None: always, and from nothing.
        before: `[layers]` or `[stack, layers]`.

    Returns:
        Of `before`'s shape.
    """

    def squares() -> tf.Tensor:
        return tf.stack([tf.reduce_sum(tf.square(layer["w"]), (-2, -1)) for layer in layers], -1)

    if watched is None:
        return squares()
    return tf.cond(watched, lambda: before + squares(), lambda: before)


def watch_of(
    layers: int,
    gradient_norm: NDArray[np.float64],
    weight_norm: NDArray[np.float64],
    idle: NDArray[np.float64],
) -> Watch:
    """What was watched of a lane with `layers` hidden layers, padded ones left out.

    Args:
        layers: true hidden layers.
        gradient_norm: `[padded layers + 1]`, the output layer last.
        weight_norm: likewise.
        idle: `[padded layers]`.
    """

    def true(values: NDArray[np.float64]) -> tuple[float, ...]:
        return tuple(float(v) for v in (*values[:layers], values[-1]))

    # Of weights that are not finite nothing can be said: a comparison with NaN is just false.
    told = np.where(np.isfinite(weight_norm[:layers]), idle[:layers], np.nan)
    return Watch(true(gradient_norm), true(weight_norm), tuple(float(v) for v in told))
