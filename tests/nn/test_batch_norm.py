"""Batch norm against tf.keras, against the tape, and its debiased averages by hand."""

import numpy as np
import pytest
import tensorflow as tf

from caviar.nn.batch_norm import Moments, average, debiased, normalise, normalise_batch


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def _keras(gamma, beta, mean, variance):
    layer = tf.keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-3, dtype="float64")
    layer.build((None, len(gamma)))
    layer.set_weights([gamma, beta, mean, variance])
    return layer


def test_training_equals_keras(rng):
    z = rng.normal(2.0, 3.0, (32, 5))
    gamma, beta, mean, variance = rng.uniform(0.5, 2.0, (4, 5))
    layer = _keras(gamma, beta, mean, variance)
    expected = layer(z, training=True).numpy()

    y, moments = normalise_batch(tf.constant(z), tf.constant(gamma), tf.constant(beta))
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    new = average(Moments(tf.constant(mean), tf.constant(variance)), moments)
    np.testing.assert_allclose(new.mean, layer.moving_mean.numpy(), rtol=1e-6)
    np.testing.assert_allclose(new.variance, layer.moving_variance.numpy(), rtol=1e-6)


def test_inference_equals_keras_even_for_one_example(rng):
    z = rng.normal(2.0, 3.0, (1, 5))
    gamma, beta, mean, variance = rng.uniform(0.5, 2.0, (4, 5))
    expected = _keras(gamma, beta, mean, variance)(z, training=False).numpy()
    y = normalise(
        tf.constant(z),
        Moments(tf.constant(mean), tf.constant(variance)),
        tf.constant(gamma),
        tf.constant(beta),
    )
    np.testing.assert_allclose(y, expected, rtol=1e-12)


@pytest.mark.parametrize("stack", [(), (3,)])
def test_the_closed_gradient_equals_the_tapes(rng, stack):
    z = tf.constant(rng.normal(2.0, 3.0, (*stack, 16, 5)))
    gamma, beta = (tf.constant(rng.uniform(0.5, 2.0, (*stack, 5))) for _ in range(2))
    weight = tf.constant(rng.normal(size=z.shape))

    def plain(z, gamma, beta):
        mean = tf.reduce_mean(z, -2)
        variance = tf.reduce_mean(tf.square(z - mean[..., None, :]), -2)
        return normalise(z, Moments(mean, variance), gamma, beta)

    found = []
    for function in (lambda *a: normalise_batch(*a)[0], plain):
        with tf.GradientTape() as tape:
            tape.watch([z, gamma, beta])
            cost = tf.reduce_sum(weight * function(z, gamma, beta))
        found.append(tape.gradient(cost, [z, gamma, beta]))
    for ours, tapes in zip(*found, strict=True):
        np.testing.assert_allclose(ours, tapes, rtol=1e-9, atol=1e-12)


def test_debiased_averages_of_a_constant_are_that_constant():
    seen = Moments(tf.constant([4.0]), tf.constant([9.0]))
    averages = Moments(tf.constant([0.0]), tf.constant([0.0]))
    for step in range(1, 4):
        averages = average(averages, seen)
        fair = debiased(averages, tf.constant(float(step)))
        np.testing.assert_allclose(fair.mean, [4.0], rtol=1e-5)
        np.testing.assert_allclose(fair.variance, [9.0], rtol=1e-5)
    assert float(averages.mean[0]) < 0.2
