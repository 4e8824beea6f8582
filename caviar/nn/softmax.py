"""The softmax head: probabilities, cross-entropy and accuracy from logits, lane by lane.

For C classes; with C = 2 it is logistic regression on the difference of the two logits.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Scores(NamedTuple):
    """What a head says of each example, `[batch]` or `[stack, batch]`.

    Attributes:
        loss: cross-entropy in nats.
        correct: 1 where the label's logit is the largest, the first of equal ones, else 0.
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
    shifted = _shifted(logits)
    label_logit = _label_logit(shifted, labels)
    loss = _log_sum_exp(shifted) - label_logit
    # Not label_logit == 0: weights of zero, which say the same of every class, would be right of
    # every example.
    best = tf.argmax(logits, axis=-1, output_type=tf.int32)
    return Scores(loss, tf.cast(tf.equal(best, tf.cast(labels, tf.int32)), logits.dtype))


def cost(
    logits: tf.Tensor,
    labels: tf.Tensor,
    smoothing: tf.Tensor | float | None = None,
    class_weights: tf.Tensor | None = None,
) -> tf.Tensor:
    """What training makes small: the cross-entropy of each example, smoothed and weighted.

    With label smoothing e the truth y becomes (1 - e) y + e / C (Szegedy et al., "Rethinking the
    Inception Architecture", 2016, section 7), and the gradient at the logits y_hat less that. At
    e = 0 it is exactly `scores`'s loss. A class's weight multiplies loss and gradient; the mean
    over a batch is not divided by the batch's weights, whose mean is 1 over the training part.

    Args:
        logits: `[batch, classes]` or `[stack, batch, classes]`.
        labels: class indices `[batch]`, shared by all lanes.
        smoothing: e in [0, 1), `[]` or `[stack]`; None leaves it out.
        class_weights: `[classes]`; None leaves them out.

    Returns:
        `[batch]` or `[stack, batch]`, in nats.
    """
    shifted = _shifted(logits)
    expected = _label_logit(shifted, labels)
    if smoothing is not None:
        e = tf.convert_to_tensor(smoothing, logits.dtype)[..., tf.newaxis]
        expected = (1.0 - e) * expected + e * tf.reduce_mean(shifted, axis=-1)
    loss = _log_sum_exp(shifted) - expected
    if class_weights is not None:
        loss *= tf.gather(tf.cast(class_weights, logits.dtype), labels)
    return loss


def probabilities(logits: tf.Tensor) -> tf.Tensor:
    """y_hat: `exp z_k / sum exp z` of every class, in [0, 1] with sum 1; of `logits`'s shape."""
    exponentials = tf.exp(_shifted(logits))
    return exponentials / tf.reduce_sum(exponentials, axis=-1, keepdims=True)


def hard_max(logits: tf.Tensor) -> tf.Tensor:
    """1 for the class of the largest logit (the first, of equal ones), else 0; one-hot."""
    best = tf.argmax(logits, axis=-1, output_type=tf.int32)
    return tf.one_hot(best, logits.shape[-1], dtype=logits.dtype)


def _shifted(logits: tf.Tensor) -> tf.Tensor:
    """The logits less their largest, which changes no probability."""
    return logits - tf.stop_gradient(tf.reduce_max(logits, axis=-1, keepdims=True))


def _label_logit(shifted: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    truth = tf.one_hot(labels, shifted.shape[-1], dtype=shifted.dtype)
    return tf.reduce_sum(shifted * truth, axis=-1)


def _log_sum_exp(shifted: tf.Tensor) -> tf.Tensor:
    return tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=-1))
