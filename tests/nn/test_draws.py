"""Draws are uniform, normal, apart from one another, and functions of key and counters alone."""

import numpy as np
import pytest
import tensorflow as tf

from caviar.nn.draws import normal, stream, uniform

KEY = tf.constant([-5, 2**31 - 1])


def test_a_draw_depends_on_its_place_and_not_on_how_many_there_are():
    few, many = uniform(stream(KEY, 3), 5, 7), uniform(stream(KEY, 3), 9, 20)
    np.testing.assert_array_equal(few, many[:5, :7])
    np.testing.assert_array_equal(few, uniform(stream(KEY, 3), 5, 7, tf.float64))


def test_compiled_draws_are_the_same():
    compiled = tf.function(lambda step: uniform(stream(KEY, step, 1), 8, 8), jit_compile=True)
    for step in (tf.constant(4), tf.constant(4.0), tf.constant(4, tf.int64)):
        np.testing.assert_array_equal(compiled(step), uniform(stream(KEY, 4, 1), 8, 8))


def test_uniform_draws_are_uniform_and_independent():
    u = np.stack([uniform(stream(KEY, step), 64, 64) for step in range(64)])
    assert u.min() >= 0
    assert u.max() < 1
    counts = np.histogram(u, 64, (0, 1))[0]
    expected = u.size / 64
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert 63 - 4 * np.sqrt(126) < chi_squared < 63 + 4 * np.sqrt(126)
    for axis in range(3):
        a, b = np.take(u, range(63), axis).ravel(), np.take(u, range(1, 64), axis).ravel()
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(a.size)
    # Of every bit that makes a draw, half are ones.
    words = (u * 2**24).astype(np.int64)
    ones = [((words >> bit) & 1).mean() for bit in range(24)]
    np.testing.assert_allclose(ones, 0.5, atol=4 * 0.5 / np.sqrt(u.size))


@pytest.mark.parametrize(
    "other",
    [((-4, 2**31 - 1), 3, 1), ((-5, 2**31 - 2), 3, 1), (KEY, 4, 1), (KEY, 3, 2), (KEY, 1, 3)],
)
def test_another_key_or_counter_gives_other_draws(other):
    key, *counters = other
    a = uniform(stream(KEY, 3, 1), 64, 64).numpy().ravel()
    b = uniform(stream(key, *counters), 64, 64).numpy().ravel()
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / 64
    assert (a == b).mean() < 0.01


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_normal_draws_are_normal_and_finite(dtype):
    draws = tf.function(lambda: normal(stream(KEY, 0), 500, 1000, dtype), jit_compile=True)()
    z = draws.numpy()
    assert z.dtype == dtype
    assert np.isfinite(z).all()
    n = z.size
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((z**4).mean() - 3) < 4 * np.sqrt(96 / n)
    assert abs((np.abs(z) > 1.959964).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / n)
    assert 4.5 < np.abs(z).max() < 6
