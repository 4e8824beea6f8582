"""Inverted dropout: units are switched off at random while training, and the rest made up for it.

Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout" (2014). Dividing by keep_prob
keeps each unit's expected activation, so nothing changes on dev and test, where it is off.

All lanes share the draws and each compares them with its own keep_prob: trials are compared under
common random numbers, and a unit that a strict lane keeps, every more generous lane keeps too.
"""

from __future__ import annotations

import tensorflow as tf

from caviar.nn import draws as random

_STREAM = 1
"""Sets these draws apart from the other uses of the key."""


def draws(
    key: tf.Tensor,
    step: tf.Tensor | int,
    layer: int,
    batch: int,
    units: int,
    dtype: tf.DType = tf.float32,
) -> tf.Tensor:
    """Uniform draws from [0, 1) for one layer in one step, `[batch, units]`.

    Args:
        key: `[2]`, int32; of the study's seed.
        step: `[]`, how many steps were taken before.
        layer: the hidden layer, from 0.
        batch: examples.
        units: of the layer; padding it changes no draw of the others.
        dtype: of the result; the draws are the same in all of them.
    """
    return random.uniform(random.stream(key, _STREAM, step, layer), batch, units, dtype)


def dropout(x: tf.Tensor, draws: tf.Tensor, keep_prob: tf.Tensor) -> tf.Tensor:
    """Keeps a unit where its draw is below `keep_prob`, divided by it; else 0.

    At `keep_prob` 1 the result is exactly `x`.

    Args:
        x: activations `[..., batch, units]`.
        draws: from [0, 1), `[batch, units]`, shared by all lanes.
        keep_prob: in (0, 1], `[]` or `[stack]`.

    Returns:
        Values of `x`'s shape.
    """
    keep = tf.cast(keep_prob, x.dtype)[..., tf.newaxis, tf.newaxis]
    return x * tf.where(draws < keep, 1.0 / keep, tf.zeros((), x.dtype))
