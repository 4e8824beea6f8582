"""Gradient clipping by the global norm, each lane by its own."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from caviar.nn.network import Params
from caviar.train.state import per_lane


def global_norm(gradients: Params, rank: int = 0) -> tf.Tensor:
    """The Euclidean norm of all gradients of a lane taken together, `[]` or `[stack]`.

    Args:
        gradients: of every layer's parameters.
        rank: 1 where they lead with a stack axis, else 0.
    """
    squares = [
        tf.reduce_sum(tf.square(g), list(range(rank, g.shape.rank)))
        for layer in gradients
        for g in layer.values()
    ]
    return tf.sqrt(tf.add_n(squares))


def by_global_norm(gradients: Params, limit: tf.Tensor) -> Params:
    """Scales a lane's gradients so that their global norm is at most `limit`.

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013),
    algorithm 1. As in tf.clip_by_global_norm a norm that is not finite gives no direction to keep:
    the lane's gradients become NaN, so that it is recorded as diverged rather than standing still.
    A lane within its limit, and one without a limit, keeps its gradients to the bit.

    Args:
        gradients: of every layer's parameters, `[...]`, or `[stack, ...]` where `limit` is
            `[stack]`.
        limit: largest norm, `[]` or `[stack]`; 0 for none.
    """
    norm = global_norm(gradients, limit.shape.rank)
    whole = tf.ones_like(norm)
    scale = tf.where(norm > limit, limit / norm, whole)
    scale = tf.where(tf.math.is_finite(norm), scale, np.nan)
    scale = tf.where(limit > 0, scale, whole)
    return [{name: g * per_lane(scale, g) for name, g in layer.items()} for layer in gradients]
