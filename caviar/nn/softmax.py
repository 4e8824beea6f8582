"""The softmax head: cross-entropy and accuracy from logits, lane by lane."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Scores(NamedTuple):
    """What a head says of each example, `[batch]` or `[stack, batch]`.

    Attributes:
        loss: cross-entropy in nats.
        correct: 1 where the largest logit is the label's, else 0.
    """

    loss: tf.Tensor
    correct: tf.Tensor


def scores(logits: tf.Tensor, labels: tf.Tensor) -> Scores:
    """Cross-entropy `log sum exp z - z_y`, never through the probabilities, and hits.

    The largest logit is subtracted first, so that no exponential overflows. Its gradient at the
    logits is y_hat - y.

    Args:
        logits: `[batch, classes]` or `[stack, batch, classes]`.
        labels: class indices `[batch]`, shared by all lanes.
    """
    shifted = logits - tf.stop_gradient(tf.reduce_max(logits, axis=-1, keepdims=True))
    truth = tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    label_logit = tf.reduce_sum(shifted * truth, axis=-1)
    loss = tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=-1)) - label_logit
    return Scores(loss, tf.stop_gradient(tf.cast(tf.equal(label_logit, 0.0), logits.dtype)))
