"""The head: values by hand, no overflow, and the gradient y_hat - y."""

import numpy as np
import tensorflow as tf

from caviar.nn.softmax import scores


def test_loss_and_hits_by_hand():
    found = scores(tf.constant([[0.0, 0.0], [np.log(3.0), 0.0]], tf.float64), tf.constant([1, 0]))
    np.testing.assert_allclose(found.loss, [np.log(2.0), -np.log(0.75)], rtol=1e-12)
    np.testing.assert_array_equal(found.correct, [1.0, 1.0])
    assert scores(tf.constant([[1.0, 0.0]]), tf.constant([1])).correct.numpy() == [0.0]


def test_huge_logits_do_not_overflow():
    found = scores(tf.constant([[1e30, 0.0], [1e30, 0.0]]), tf.constant([0, 1]))
    np.testing.assert_array_equal(found.loss, np.float32([0.0, 1e30]))


def test_the_gradient_at_the_logits_is_y_hat_minus_y():
    rng = np.random.default_rng(0)
    logits, labels = tf.constant(rng.normal(size=(3, 7, 5))), rng.integers(0, 5, 7)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        cost = tf.reduce_sum(scores(logits, tf.constant(labels)).loss)
    expected = tf.nn.softmax(logits).numpy() - np.eye(5)[labels]
    np.testing.assert_allclose(tape.gradient(cost, logits), expected, rtol=1e-10, atol=1e-12)
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(np.tile(labels, (3, 1)), logits)
    np.testing.assert_allclose(scores(logits, tf.constant(labels)).loss, loss, rtol=1e-10)
