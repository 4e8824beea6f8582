"""Activations against tf.keras, and which units are idle."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from caviar.nn.activations import ACTIVATIONS

Z = np.array([-30.0, -3.0, -1e-3, 0.0, 1e-3, 3.0, 30.0])


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_values_equal_keras_and_compile(name, dtype):
    ours = ACTIVATIONS[name].function
    z = tf.constant(Z, dtype)
    theirs = {
        "leaky_relu": lambda z: tf.keras.activations.leaky_relu(z, negative_slope=0.01),
        "gelu": lambda z: z.numpy() * norm.cdf(z.numpy()),  # Keras's own is good to 1e-7
    }.get(name, getattr(tf.keras.activations, name))
    bound = 1e-6 if dtype == tf.float32 else 1e-12
    np.testing.assert_allclose(ours(z), theirs(z), rtol=bound, atol=bound)
    compiled = tf.function(ours, jit_compile=True)(z)
    assert compiled.dtype == dtype
    np.testing.assert_allclose(compiled, ours(z), rtol=bound, atol=bound)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_zero_stays_zero_where_it_says_so(name):
    kind = ACTIVATIONS[name]
    assert kind.name == name
    assert (float(kind.function(tf.constant(0.0))) == 0.0) == kind.zero_at_zero


@pytest.mark.parametrize(
    ("name", "z", "expected"),
    [
        ("relu", [-1.0, 0.0, 0.1], [True, True, False]),
        ("leaky_relu", [-1.0, 0.0, 0.1], [True, True, False]),
        ("gelu", [-1.0, 0.0, 0.1], [True, True, False]),
        ("tanh", [-2.7, -2.6, 0.0, 2.6, 2.7], [True, False, False, False, True]),
        ("sigmoid", [-4.7, -4.5, 0.0, 4.5, 4.7], [True, False, False, False, True]),
    ],
)
def test_idle_units(name, z, expected):
    kind = ACTIVATIONS[name]
    np.testing.assert_array_equal(kind.idle(kind.function(tf.constant(z))), expected)
