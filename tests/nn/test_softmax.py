"""The head: values by hand, no overflow, the gradient y_hat - y, and logistic regression."""

import numpy as np
import pytest
import tensorflow as tf

from caviar.nn.softmax import cost, hard_max, probabilities, scores


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    return tf.constant(3 * rng.normal(size=(3, 7, 5))), rng.integers(0, 5, 7)


def test_loss_and_hits_by_hand():
    found = scores(tf.constant([[0.0, 0.0], [np.log(3.0), 0.0]], tf.float64), tf.constant([1, 0]))
    np.testing.assert_allclose(found.loss, [np.log(2.0), -np.log(0.75)], rtol=1e-12)
    np.testing.assert_array_equal(found.correct, [0.0, 1.0])
    assert scores(tf.constant([[1.0, 0.0]]), tf.constant([1])).correct.numpy() == [0.0]


@pytest.mark.parametrize("logits", [[0.0] * 4, [1.0, 2.0, 2.0, 0.0], [-1e30, 0.0, 0.0, 0.0]])
def test_of_equal_logits_one_alone_is_right(logits):
    """Else weights of zero, which say the same of every class, would be right of every example."""
    every = tf.constant([logits] * 4)
    hits = scores(every, tf.range(4)).correct
    np.testing.assert_array_equal(hits, hard_max(every)[0])
    stack = scores(tf.stack([every, every]), tf.range(4)).correct
    np.testing.assert_array_equal(stack, [hits, hits])


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


def _slope(function, logits):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = tf.reduce_sum(function(logits))
    return tape.gradient(value, logits)


def test_smoothed_the_gradient_is_y_hat_minus_the_smoothed_y(problem):
    logits, labels = problem
    smoothing = tf.constant([0.0, 0.1, 0.5], tf.float64)
    found = _slope(lambda z: cost(z, labels, smoothing), logits)
    e = smoothing.numpy()[:, None, None]
    truth = (1 - e) * np.eye(5)[labels] + e / 5
    np.testing.assert_allclose(found, tf.nn.softmax(logits) - truth, rtol=1e-9, atol=1e-12)


def test_the_smoothed_cost_equals_keras(problem):
    logits, labels = problem
    keras = tf.keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=0.2, reduction=None
    )
    found = cost(logits[0], labels, 0.2)
    np.testing.assert_allclose(found, keras(np.eye(5)[labels], logits[0]), rtol=1e-6)


def test_without_smoothing_or_at_zero_the_cost_is_the_loss(problem):
    logits, labels = tf.cast(problem[0], tf.float32), problem[1]
    compiled = tf.function(cost, jit_compile=True)
    loss = tf.function(scores, jit_compile=True)(logits, labels).loss
    np.testing.assert_array_equal(compiled(logits, labels), loss)
    np.testing.assert_array_equal(compiled(logits, labels, tf.zeros(3)), loss)
    np.testing.assert_array_equal(compiled(logits, labels, tf.zeros(3), tf.ones(5)), loss)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_a_stack_equals_its_lanes(problem, dtype):
    logits, labels = tf.cast(problem[0], dtype), problem[1]
    smoothing, weights = tf.constant([0.0, 0.1, 0.5], dtype), tf.constant([1, 2, 0.5, 1, 0.5])
    compiled = tf.function(cost, jit_compile=True)
    stack = compiled(logits, labels, smoothing, weights)
    assert stack.dtype == dtype
    for lane in range(3):
        alone = compiled(logits[lane], labels, smoothing[lane], weights)
        np.testing.assert_allclose(stack[lane], alone, rtol=1e-6)


def test_class_weights_multiply_loss_and_gradient(problem):
    logits, labels = problem
    weights = tf.constant([1.0, 2.0, 0.0, 0.5, 1.5])
    each = weights.numpy()[labels]
    assert len(set(each)) > 2
    plain, weighted = (lambda z: cost(z, labels)), (lambda z: cost(z, labels, None, weights))
    np.testing.assert_allclose(weighted(logits), each * plain(logits), rtol=1e-12)
    expected = each[:, None] * _slope(plain, logits)
    np.testing.assert_allclose(_slope(weighted, logits), expected, rtol=1e-10, atol=1e-12)


def test_with_two_classes_it_is_logistic_regression_on_the_difference():
    rng = np.random.default_rng(2)
    logits, labels = tf.constant(2 * rng.normal(size=(9, 2))), rng.integers(0, 2, 9)
    z = logits[:, 1] - logits[:, 0]
    np.testing.assert_allclose(probabilities(logits)[:, 1], tf.sigmoid(z), rtol=1e-12)
    logistic = tf.nn.sigmoid_cross_entropy_with_logits(labels.astype(float), z)
    np.testing.assert_allclose(scores(logits, labels).loss, logistic, rtol=1e-12)
    found = _slope(lambda logits: cost(logits, labels), logits)
    np.testing.assert_allclose(found[:, 1], tf.sigmoid(z) - labels, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[:, 0], -found[:, 1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_probabilities_sum_to_one_and_hard_max_is_one_hot(problem, dtype):
    logits = tf.cast(problem[0], dtype)
    y_hat = tf.function(probabilities, jit_compile=True)(logits)
    assert y_hat.dtype == dtype
    np.testing.assert_allclose(np.sum(y_hat, -1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(y_hat, tf.nn.softmax(logits), rtol=1e-5)
    chosen = tf.function(hard_max, jit_compile=True)(logits).numpy()
    np.testing.assert_array_equal(chosen.sum(-1), np.ones((3, 7)))
    np.testing.assert_array_equal(chosen.argmax(-1), np.argmax(y_hat, -1))
    np.testing.assert_array_equal(hard_max(tf.constant([[2.0, 2.0, 1.0]])), [[1.0, 0.0, 0.0]])


def test_probabilities_and_cost_of_huge_logits_are_finite():
    logits = tf.constant([[1e30, -1e30, 0.0]])
    np.testing.assert_array_equal(probabilities(logits), [[1.0, 0.0, 0.0]])
    smoothed = cost(logits, tf.constant([0]), 0.3)
    np.testing.assert_allclose(smoothed, [0.3 * 1e30], rtol=1e-6)
