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


EPSILONS, MOMENTA = [1e-5, 1e-3, 0.1], [0.0, 0.9, 0.9999]


def _train_and_infer(z, gamma, beta, epsilon, momentum):
    with tf.GradientTape() as tape:
        tape.watch([z, gamma, beta])
        y, moments = normalise_batch(z, gamma, beta, epsilon)
        cost = tf.reduce_sum(y * tf.sin(z))
    averages = Moments(tf.zeros_like(moments.mean), tf.zeros_like(moments.mean))
    for _ in range(3):
        averages = average(averages, moments, momentum)
    fair = debiased(averages, tf.fill(z.shape[:-2], tf.constant(3.0, z.dtype)), momentum)
    out = normalise(z, fair, gamma, beta, epsilon)
    return [y, *averages, *fair, out, *tape.gradient(cost, [z, gamma, beta])]


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_every_lane_has_its_own_epsilon_and_momentum(rng, dtype):
    z = tf.constant(rng.normal(2.0, 3.0, (3, 16, 5)), dtype)
    gamma, beta = (tf.constant(rng.uniform(0.5, 2.0, (3, 5)), dtype) for _ in range(2))
    epsilon, momentum = tf.constant(EPSILONS, dtype), tf.constant(MOMENTA, dtype)
    compiled = tf.function(_train_and_infer, jit_compile=True)
    stack = compiled(z, gamma, beta, epsilon, momentum)
    bound = 2e-5 if dtype == tf.float32 else 1e-10
    for lane in range(3):
        scalars = compiled(z[lane], gamma[lane], beta[lane], epsilon[lane], momentum[lane])
        floats = _train_and_infer(z[lane], gamma[lane], beta[lane], EPSILONS[lane], MOMENTA[lane])
        for ours, scalar, number in zip(stack, scalars, floats, strict=True):
            assert ours.dtype == dtype
            np.testing.assert_allclose(ours[lane], scalar, rtol=bound, atol=bound)
            np.testing.assert_allclose(scalar, number, rtol=bound, atol=bound)


def test_the_debiased_averages_keep_their_digits_at_a_momentum_near_one():
    seen, averages = Moments(tf.constant([4.0]), tf.constant([9.0])), Moments(0.0, 0.0)
    momentum = tf.constant(0.99999)
    for _ in range(5):
        averages = average(averages, seen, momentum)
    fair = debiased(averages, tf.constant(5.0), momentum)
    np.testing.assert_allclose(fair.mean, [4.0], rtol=1e-6)
    np.testing.assert_allclose(fair.variance, [9.0], rtol=1e-6)


def test_without_momentum_the_averages_are_the_last_minibatchs(rng):
    past, new = (Moments(*tf.constant(rng.normal(size=(2, 5)))) for _ in range(2))
    zero = tf.constant(0.0, tf.float64)
    fair = debiased(average(past, new, zero), tf.constant(2.0, tf.float64), zero)
    np.testing.assert_array_equal(fair.mean, new.mean)
    np.testing.assert_array_equal(fair.variance, new.variance)
