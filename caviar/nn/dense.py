"""A fully connected layer's linear part, for one lane or a stack of them."""

from __future__ import annotations

import tensorflow as tf


def dense(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
    """The product x w of every lane.

    Args:
        x: activations `[batch, fan_in]`, or `[stack, batch, fan_in]`. Without the stack axis they
            are shared by all lanes, as a stack's minibatch is.
        w: weights `[fan_in, units]` of one lane, or `[stack, fan_in, units]`.

    Returns:
        `[batch, units]`, or `[stack, batch, units]`.
    """
    if w.shape.rank == 3 and x.shape.rank == 2:
        return _shared(x, w)
    return tf.matmul(x, w)


def _shared(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
    """All lanes in one product `[batch, fan_in] [fan_in, stack * units]`: large ones run faster."""
    stack, fan_in, units = w.shape
    side_by_side = tf.reshape(tf.transpose(w, (1, 0, 2)), (fan_in, stack * units))
    z = tf.reshape(tf.matmul(x, side_by_side), (-1, stack, units))
    return tf.transpose(z, (1, 0, 2))
