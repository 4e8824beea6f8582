"""What holds weights down: L2 and L1 in the cost, and a largest norm after the update.

They concern a layer's weights `w` alone, never its bias, gamma or beta: these are few, and holding
them to zero would hold a layer's outputs there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf


def penalty(
    params: Sequence[Mapping[str, tf.Tensor]],
    l1: tf.Tensor | float | None = None,
    l2: tf.Tensor | float | None = None,
) -> tf.Tensor:
    """What is added to the cost: l2 / 2 sum w^2 + l1 sum |w|, over all layers' weights.

    Its gradient is l2 w + l1 sign(w), with sign(0) = 0, and exactly 0 where both are 0. Padded
    weights are 0 and add nothing.

    Args:
        params: of one network, or a stack; each layer's `w` is `[fan_in, units]`, or `[stack,
            fan_in, units]`.
        l1: `[]` or `[stack]`; None leaves the term out.
        l2: likewise.

    Returns:
        `[]`, or `[stack]`.
    """
    weights = [layer["w"] for layer in params]
    terms = []
    if l2 is not None:
        terms.append(0.5 * l2 * tf.add_n([_sum(tf.square(w)) for w in weights]))
    if l1 is not None:
        terms.append(l1 * tf.add_n([_sum(tf.abs(w)) for w in weights]))
    return tf.add_n(terms) if terms else tf.zeros(weights[0].shape[:-2], weights[0].dtype)


def max_norm(w: tf.Tensor, limit: tf.Tensor | float) -> tf.Tensor:
    """Scales the weights that come into a unit back to the Euclidean norm `limit` if beyond it.

    Srebro and Shraibman, "Rank, Trace-Norm and Max-Norm" (2005); used with dropout by Srivastava et
    al. (2014). A norm that is not finite is left alone: hiding a divergence would not end it.

    Args:
        w: `[..., fan_in, units]`, a hidden layer's.
        limit: `[]` or `[stack]`; 0 is no limit, and gives exactly `w`.

    Returns:
        Weights of `w`'s shape.
    """
    limit = tf.convert_to_tensor(limit, w.dtype)[..., tf.newaxis, tf.newaxis]
    norm = tf.sqrt(tf.reduce_sum(tf.square(w), axis=-2, keepdims=True))
    beyond = (limit > 0.0) & (norm > limit) & tf.math.is_finite(norm)
    return w * tf.where(beyond, limit / norm, tf.ones((), w.dtype))


def _sum(weights: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(weights, axis=(-2, -1))
