"""Batch normalisation of z, before the activation, with debiased averages for dev and test.

Ioffe and Szegedy, "Batch Normalization" (2015), Algorithms 1 and 2. There is no bias under it:
subtracting the mean would cancel it, and beta takes its place. Keras starts its moving averages at
(0, 1) and after 100 steps at momentum 0.99 still holds 37 % of that; here they start at zero and
are divided by the weight they have seen, as Adam does, so that a first rung is judged fairly.

Arguments with a feature axis are `[..., features]`; a leading stack axis is carried along.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

EPSILON = 1e-3
"""Under the root; the default of tf.keras."""
MOMENTUM = 0.99
"""Weight of the past in the averages of mean and variance; the default of tf.keras."""


class Moments(NamedTuple):
    """A mean and a variance of z, `[features]` or `[stack, features]`."""

    mean: tf.Tensor
    variance: tf.Tensor


def moments(z: tf.Tensor) -> Moments:
    """The minibatch's mean and (biased) variance of `z [..., batch, features]`."""
    mean = tf.reduce_mean(z, axis=-2)
    centred = z - tf.expand_dims(mean, -2)
    return Moments(mean, tf.reduce_mean(tf.square(centred), axis=-2))


def normalise(
    z: tf.Tensor, of: Moments, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float = EPSILON
) -> tf.Tensor:
    """Normalises: gamma (z - mean) / sqrt(variance + epsilon) + beta.

    Args:
        z: `[..., batch, features]`.
        of: the moments to normalise by: the minibatch's in training, the averages afterwards.
        gamma: scale `[..., features]`.
        beta: shift `[..., features]`.
        epsilon: under the root.

    Returns:
        Values of `z`'s shape.
    """
    scale = gamma * tf.math.rsqrt(of.variance + epsilon)
    centred = z - tf.expand_dims(of.mean, -2)
    return centred * tf.expand_dims(scale, -2) + tf.expand_dims(beta, -2)


def average(past: Moments, new: Moments, momentum: float = MOMENTUM) -> Moments:
    """The exponentially weighted averages, `momentum past + (1 - momentum) new`; first past: 0."""
    return Moments(*(momentum * p + (1.0 - momentum) * n for p, n in zip(past, new, strict=True)))


def debiased(averages: Moments, step: tf.Tensor, momentum: float = MOMENTUM) -> Moments:
    """The averages divided by the weight they have seen, `1 - momentum ** step`.

    Args:
        averages: as `average` made them, `[..., features]`.
        step: how many times, >= 1, `[...]`, in the averages' dtype.
        momentum: the one they were made with.
    """
    seen = tf.expand_dims(1.0 - tf.pow(tf.cast(momentum, step.dtype), step), -1)
    return Moments(averages.mean / seen, averages.variance / seen)
