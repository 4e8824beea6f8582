"""Clipping by hand, against TensorFlow's, and lane by lane."""

import numpy as np
import pytest
import tensorflow as tf

from caviar.train.clipping import by_global_norm, global_norm

SIZES = [{"w": (4, 3), "gamma": (3,), "beta": (3,)}, {"w": (3, 2), "b": (2,)}]


def gradients(seed=0, stack=(), dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [
        {
            name: tf.constant(rng.normal(size=(*stack, *size)).astype(dtype))
            for name, size in layer.items()
        }
        for layer in SIZES
    ]


def lane(stacked, place):
    return tf.nest.map_structure(lambda g: g[place], stacked)


def assert_equal(found, expected):
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_array_equal(a, b)


def poisoned(stacked, place, value):
    """One number of a lane's gradients replaced."""
    first = stacked[0]["w"].numpy()
    first[place, 0, 0] = value
    return [{**stacked[0], "w": tf.constant(first)}, *stacked[1:]]


def test_by_hand():
    given = [{"w": tf.constant([[3.0]])}, {"w": tf.constant([[0.0]]), "b": tf.constant([4.0])}]
    assert global_norm(given).numpy() == 5.0
    found = by_global_norm(given, tf.constant(2.5))
    assert_equal(found, [{"w": [[1.5]]}, {"w": [[0.0]], "b": [2.0]}])


@pytest.mark.parametrize("limit", [1e-3, 0.5, 4.0, 100.0])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-6)])
def test_one_lane_equals_tensorflow(limit, dtype, rtol):
    given = gradients(dtype=dtype)
    found = by_global_norm(given, tf.constant(limit, dtype))
    expected, norm = tf.clip_by_global_norm(tf.nest.flatten(given), limit)
    np.testing.assert_allclose(global_norm(given), norm, rtol=rtol)
    assert (norm < limit) == (limit == 100.0)
    for ours, theirs in zip(tf.nest.flatten(found), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_lanes_are_clipped_by_their_own_norm(compiled):
    call = (
        tf.function(by_global_norm, jit_compile=True, autograph=False)
        if compiled
        else by_global_norm
    )
    given, limits = gradients(1, (4,), np.float32), [0.5, 0.0, 1e9, 1.0]
    found = call(given, tf.constant(limits))
    norms = global_norm(found, 1).numpy()
    np.testing.assert_allclose(norms[[0, 3]], [0.5, 1.0], rtol=1e-6)
    for place in (1, 2):  # no limit, and within the limit
        assert_equal(lane(found, place), lane(given, place))
    for place, limit in enumerate(limits):
        alone = by_global_norm(lane(given, place), tf.constant(limit))
        for a, b in zip(tf.nest.flatten(lane(found, place)), tf.nest.flatten(alone), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_a_norm_that_is_not_finite_stays_in_its_lane(value, compiled):
    call = (
        tf.function(by_global_norm, jit_compile=True, autograph=False)
        if compiled
        else by_global_norm
    )
    sound, limits = gradients(2, (3,), np.float32), tf.constant([0.5, 0.5, 0.5])
    found, expected = call(poisoned(sound, 1, value), limits), call(sound, limits)
    for place in (0, 2):
        assert_equal(lane(found, place), lane(expected, place))
    # As in TensorFlow (1e30 squared is infinite in float32): not a number, not a lane at rest.
    assert all(np.isnan(g).all() for g in tf.nest.flatten(lane(found, 1)))


@pytest.mark.parametrize("value", [np.inf, 1e30, -0.0])
def test_without_a_limit_nothing_changes(value):
    given = poisoned(gradients(3, (2,), np.float32), 0, value)
    found = by_global_norm(given, tf.zeros(2))
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(given), strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()


def test_gradients_of_zero_stay_zero():
    zeros = tf.nest.map_structure(tf.zeros_like, gradients())
    assert_equal(by_global_norm(zeros, tf.constant(1.0, tf.float64)), zeros)
