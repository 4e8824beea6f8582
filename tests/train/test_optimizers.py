"""Each optimiser against tf.keras.optimizers over 50 steps, by hand, and lanes against singles."""

import numpy as np
import pytest
import tensorflow as tf

from caviar.study import tables
from caviar.train.optimizers import OPTIMIZERS, decoupled_decay
from caviar.train.state import per_lane

# Powers of two: Keras keeps the learning rate in float32 whatever the weights' precision.
HYPER = {
    "learning_rate": 1 / 32,
    "momentum": 7 / 8,
    "beta_1": 7 / 8,
    "beta_2": 31 / 32,
    "epsilon": 1 / 1024,
}
DECAY = 1 / 16
LANES = {
    "learning_rate": [1 / 32, 0.01, 0.0],
    "momentum": [7 / 8, 0.0, 0.5],
    "beta_1": [7 / 8, 0.0, 0.9],
    "beta_2": [31 / 32, 0.5, 0.999],
    "epsilon": [1 / 1024, 1e-7, 1e-8],
}


def _keras(name, decay=None):
    kinds = tf.keras.optimizers
    rate, mu, b1, b2, epsilon = (HYPER[key] for key in LANES)
    return {
        "sgd": lambda: kinds.SGD(rate, weight_decay=decay),
        "momentum": lambda: kinds.SGD(rate, momentum=mu, weight_decay=decay),
        "nesterov": lambda: kinds.SGD(rate, momentum=mu, nesterov=True, weight_decay=decay),
        "rmsprop": lambda: kinds.RMSprop(rate, rho=b2, epsilon=epsilon, weight_decay=decay),
        "adam": lambda: kinds.Adam(rate, b1, b2, epsilon, weight_decay=decay),
        "adamw": lambda: kinds.AdamW(rate, decay or 0.0, b1, b2, epsilon),
    }[name]()


def _hyper(dtype, numbers=None):
    return {key: tf.constant(value, dtype) for key, value in (numbers or HYPER).items()}


def _run(name, w, gradients, hyper, decay=None):
    """The weight after every gradient, numbers `[]` or `[stack]` with the weight led by it."""
    optimizer = OPTIMIZERS[name]
    slots = {slot: tf.zeros_like(w) for slot in optimizer.slots}
    for t, g in enumerate(tf.unstack(gradients), 1):
        ready = optimizer.prepare(hyper, tf.constant(float(t), w.dtype))
        numbers = {key: per_lane(number, w) for key, number in ready.items()}
        change, slots = optimizer.update(g, slots, numbers)
        assert set(slots) == set(optimizer.slots)
        if decay is not None:
            change += decoupled_decay(w, hyper["learning_rate"], decay)
        w = w + change
    return w


def _problem(dtype, seed=5):
    """Seven weights and gradients of very different sizes."""
    rng = np.random.default_rng(seed)
    start, gradients = rng.normal(size=7), rng.normal(size=(50, 7)) * np.geomspace(1e-3, 5, 7)
    return tf.constant(start, dtype), tf.constant(gradients, dtype)


@pytest.mark.parametrize("decay", [None, DECAY], ids=["", "with decay"])
@pytest.mark.parametrize(("dtype", "rtol"), [(tf.float64, 1e-12), (tf.float32, 1e-5)])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_steps_equal_keras(name, dtype, rtol, decay):
    start, gradients = _problem(dtype)
    variable, keras = tf.Variable(start), _keras(name, decay)
    for g in gradients:
        keras.apply_gradients([(g, variable)])
    lambda_ = None if decay is None else tf.constant(decay, dtype)
    ours = _run(name, start, gradients, _hyper(dtype), lambda_).numpy()
    assert ours.dtype == dtype.as_numpy_dtype
    assert np.abs(ours - start.numpy()).max() > 0.1
    np.testing.assert_allclose(ours, variable.numpy(), rtol=rtol, atol=rtol)


def test_decay_makes_a_difference_to_the_comparison():
    start, gradients = _problem(tf.float64)
    plain, decayed = (
        _run("adam", start, gradients, _hyper(tf.float64), lambda_)
        for lambda_ in (None, tf.constant(DECAY, tf.float64))
    )
    assert np.abs(plain - decayed).max() > 0.01


BY_HAND = {
    # The weight from 1 after the gradients 2 and -1: alpha 1/2, mu and betas 1/2, epsilon 0.
    "sgd": [0.0, 0.5],
    # v = -1, then -1/2 + 1/2 = 0.
    "momentum": [0.0, 0.0],
    # v as before; changes of -1/2 - 1 = -3/2, then 0 + 1/2.
    "nesterov": [-0.5, 0.0],
    # s = 2, then 1 + 1/2 = 3/2.
    "rmsprop": [1 - 1 / 2**0.5, 1 - 1 / 2**0.5 + 0.5 / 1.5**0.5],
    # m = 1, v = 2, corrected 2 and 4: -1/2; m = 0, v = 3/2: nothing.
    "adam": [0.5, 0.5],
    "adamw": [0.5, 0.5],
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_steps_by_hand(name):
    numbers = {**dict.fromkeys(HYPER, 0.5), "epsilon": 0.0}
    start, gradients = tf.ones(1, tf.float64), tf.constant([[2.0], [-1.0]], tf.float64)
    for steps, expected in enumerate(BY_HAND[name], 1):
        w = _run(name, start, gradients[:steps], _hyper(tf.float64, numbers))
        np.testing.assert_allclose(w, [expected], rtol=1e-14, atol=1e-15)


def test_adams_first_step_is_the_learning_rate():
    hyper = _hyper(tf.float64, {**HYPER, "epsilon": 0.0})
    w = _run("adam", tf.zeros(2, tf.float64), tf.constant([[3.0, -0.1]], tf.float64), hyper)
    np.testing.assert_allclose(w, [-1 / 32, 1 / 32], rtol=1e-12)


def test_decay_by_hand():
    w = tf.constant([2.0, -4.0])
    change = decoupled_decay(w, tf.constant(0.5), tf.constant(0.25))
    np.testing.assert_array_equal(change, [-0.25, 0.5])
    unchanged = w + decoupled_decay(w, tf.constant(0.5), tf.constant(0.0))
    np.testing.assert_array_equal(unchanged, w)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_stack_equals_its_singles(name, compiled):
    start, gradients = _problem(tf.float64, seed=8)
    stack = tf.stack([start, 2 * start, -start])
    pulls = gradients[:6, tf.newaxis] * tf.constant([[1.0], [-0.1], [7.0]], tf.float64)

    def run(w, g, numbers):
        return _run(name, w, g, numbers)

    call = tf.function(run, jit_compile=True, autograph=False) if compiled else run
    together = call(stack, pulls, _hyper(tf.float64, LANES)).numpy()
    for lane in range(3):
        own = {key: values[lane] for key, values in LANES.items()}
        alone = run(stack[lane], pulls[:, lane], _hyper(tf.float64, own)).numpy()
        np.testing.assert_allclose(together[lane], alone, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(together[2], stack[2])  # a rate of 0 leaves its lane
    assert np.abs(together[:2] - stack[:2]).max(-1).min() > 1e-3


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_weight_without_gradient_never_moves(name, dtype):
    hyper = _hyper(dtype, {**HYPER, "epsilon": 1e-30})
    w = _run(name, tf.zeros(3, dtype), tf.zeros((5, 3), dtype), hyper, tf.constant(DECAY, dtype))
    np.testing.assert_array_equal(w, np.zeros(3))


def test_what_is_trained_with_is_what_a_study_file_may_name():
    own = {name: optimizer.hyperparameters[1:] for name, optimizer in OPTIMIZERS.items()}
    assert {o.hyperparameters[0] for o in OPTIMIZERS.values()} == {"learning_rate"}
    assert own == tables.OPTIMIZERS
