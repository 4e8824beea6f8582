"""Dropout keeps the expectation, is off at keep_prob 1, and treats a stack as its lanes."""

import numpy as np
import pytest
import tensorflow as tf

from caviar.nn.dropout import draws, dropout

KEY = tf.constant([1, 2])


@pytest.mark.parametrize("keep_prob", [0.2, 0.5, 0.9])
def test_the_expectation_is_kept(keep_prob):
    x = tf.constant(np.random.default_rng(0).uniform(0.5, 2.0, (8, 10)))
    keep = tf.constant(keep_prob)
    one = tf.function(
        lambda step: dropout(x, draws(KEY, step, 0, 8, 10, tf.float64), keep), jit_compile=True
    )
    steps = 400
    mean = np.mean([one(tf.constant(step)) for step in range(steps)], axis=0) / x.numpy()
    assert (np.abs(mean - 1) < 5 * np.sqrt((1 / keep_prob - 1) / steps)).all()
    # The mean over all units is kept far more closely; a factor left out would show here.
    assert abs(mean.mean() - 1) < 5 * np.sqrt((1 / keep_prob - 1) / steps / 80)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_what_is_kept_is_scaled_and_the_rest_is_zero(dtype):
    x = tf.constant(np.random.default_rng(0).normal(size=(32, 50)), dtype)
    out = dropout(x, draws(KEY, 0, 0, 32, 50, dtype), tf.constant(0.8, dtype))
    assert out.dtype == dtype
    kept = out.numpy() != 0
    np.testing.assert_allclose(out.numpy()[kept], x.numpy()[kept] / 0.8, rtol=1e-6)
    assert abs(kept.mean() - 0.8) < 4 * np.sqrt(0.16 / 1600)


def test_at_keep_prob_one_nothing_changes_at_all():
    x = tf.constant(np.random.default_rng(0).normal(size=(64, 100)), tf.float32)
    compiled = tf.function(dropout, jit_compile=True)
    for step in range(20):
        u = draws(KEY, step, 0, 64, 100)
        np.testing.assert_array_equal(compiled(x, u, tf.constant(1.0)), x)
    stack = compiled(tf.stack([x, x]), u, tf.constant([1.0, 0.5]))
    np.testing.assert_array_equal(stack[0], x)


def test_a_stack_equals_its_lanes_and_a_generous_lane_keeps_what_a_strict_one_keeps():
    keep = tf.constant([0.3, 0.9, 0.6])
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 16, 20)), tf.float32)
    u = draws(KEY, 2, 1, 16, 20)
    compiled = tf.function(dropout, jit_compile=True)
    stack = compiled(x, u, keep)
    for lane in range(3):
        np.testing.assert_array_equal(stack[lane], compiled(x[lane], u, keep[lane]))
    kept = stack.numpy() != 0
    assert kept[2][kept[0]].all()
    assert kept[1][kept[2]].all()


def test_the_gradient_passes_where_a_unit_was_kept():
    x = tf.constant(np.random.default_rng(0).normal(size=(6, 7)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = dropout(x, draws(KEY, 0, 0, 6, 7, tf.float64), tf.constant(0.5))
    expected = np.where(out != 0, 2.0, 0.0)
    assert 0 < expected.mean() < 2
    np.testing.assert_array_equal(tape.gradient(out, x), expected)


def test_layers_and_steps_differ_and_padding_does_not_matter():
    u = draws(KEY, 3, 1, 8, 10)
    for other in (draws(KEY, 4, 1, 8, 10), draws(KEY, 3, 2, 8, 10), draws(KEY, 1, 3, 8, 10)):
        assert (np.asarray(u) != np.asarray(other)).mean() > 0.99
    np.testing.assert_array_equal(draws(KEY, 3, 1, 8, 16)[:, :10], u)
