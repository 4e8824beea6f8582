"""Each optimiser against tf.keras.optimizers over 50 steps, and lanes against singles."""

import numpy as np
import pytest
import tensorflow as tf

from caviar.train.optimizers import OPTIMIZERS

HYPER = {
    "learning_rate": 0.03,
    "momentum": 0.85,
    "beta_1": 0.87,
    "beta_2": 0.97,
    "epsilon": 1e-3,
}


def _keras(name):
    kinds = tf.keras.optimizers
    rate, epsilon = HYPER["learning_rate"], HYPER["epsilon"]
    return {
        "sgd": kinds.SGD(rate),
        "momentum": kinds.SGD(rate, momentum=HYPER["momentum"]),
        "rmsprop": kinds.RMSprop(rate, rho=HYPER["beta_2"], epsilon=epsilon),
        "adam": kinds.Adam(rate, HYPER["beta_1"], HYPER["beta_2"], epsilon),
    }[name]


def _run(optimizer, w, gradients, hyper):
    slots = {name: tf.zeros_like(w) for name in optimizer.slots}
    for t, g in enumerate(gradients, 1):
        ready = optimizer.prepare(hyper, tf.constant(float(t), w.dtype))
        change, slots = optimizer.update(g, slots, ready)
        w = w + change
    return w.numpy()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_steps_equal_keras(name):
    rng = np.random.default_rng(5)
    start, gradients = rng.normal(size=7), rng.normal(size=(50, 7)) * rng.uniform(0.01, 5, 7)
    variable = tf.Variable(start, dtype=tf.float64)
    keras = _keras(name)
    for g in gradients:
        keras.apply_gradients([(tf.constant(g), variable)])
    hyper = {key: tf.constant(value, tf.float64) for key, value in HYPER.items()}
    ours = _run(OPTIMIZERS[name], tf.constant(start), tf.constant(gradients), hyper)
    assert np.abs(ours - start).max() > 0.1
    # Keras keeps its hyperparameters in float32 whatever the weights' precision.
    np.testing.assert_allclose(ours, variable.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_weight_without_gradient_never_moves(name):
    hyper = {key: tf.constant(value) for key, value in {**HYPER, "epsilon": 1e-30}.items()}
    w = _run(OPTIMIZERS[name], tf.zeros(3), tf.zeros((5, 3)), hyper)
    np.testing.assert_array_equal(w, np.zeros(3))


def test_adams_first_step_is_the_learning_rate():
    hyper = {key: tf.constant(value, tf.float64) for key, value in HYPER.items()}
    hyper["epsilon"] = tf.constant(0.0, tf.float64)
    w = _run(
        OPTIMIZERS["adam"], tf.zeros(2, tf.float64), tf.constant([[3.0, -0.1]], tf.float64), hyper
    )
    np.testing.assert_allclose(w, [-0.03, 0.03], rtol=1e-12)
