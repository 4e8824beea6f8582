"""A stack's products equal those of its lanes; how far bfloat16 rounds them."""

import numpy as np
import pytest
import tensorflow as tf

from caviar.nn.dense import dense


@pytest.mark.parametrize("shared", [True, False])
def test_a_stack_equals_its_lanes(shared):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(3, 4, 5))
    x = rng.normal(size=(7, 4) if shared else (3, 7, 4))
    lanes = [(x if shared else x[i]) @ w[i] for i in range(3)]
    np.testing.assert_allclose(dense(tf.constant(x), tf.constant(w)), lanes, rtol=1e-12)
    back = dense(tf.constant(lanes[0]), tf.constant(w[0].T))
    np.testing.assert_allclose(back, lanes[0] @ w[0].T, rtol=1e-12)


HALF_A_DIGIT = 2.0**-9
"""Of a bfloat16, relative: 8 bits of mantissa, rounded to the nearest."""


def _products(x, w, dz, precision, compiled):
    def call(x, w, dz):
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            z = dense(x, w, precision)
        return (z, *tape.gradient(z, [x, w], output_gradients=dz))

    return [
        a.numpy() for a in (tf.function(call, jit_compile=True) if compiled else call)(x, w, dz)
    ]


@pytest.fixture
def operands():
    rng = np.random.default_rng(3)
    return [rng.normal(size=shape) for shape in ((2, 40, 30), (2, 30, 20), (2, 40, 20))]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_bfloat16_rounds_the_operands_and_nothing_else(operands, dtype, compiled):
    x, w, dz = (tf.constant(a, dtype) for a in operands)
    found = _products(x, w, dz, "bfloat16", compiled)
    short = [tf.cast(tf.cast(a, tf.bfloat16), tf.float64).numpy() for a in (x, w, dz)]
    x, w, dz = short
    expected = (x @ w, dz @ w.mT, x.mT @ dz)
    bound = 1e-6 if dtype == tf.float32 else 1e-14
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound * np.abs(theirs).max())


def test_bfloat16_stays_within_its_bound_of_float64_and_differs_from_float32(operands):
    x, w, dz = (tf.constant(a, tf.float32) for a in operands)
    short = _products(x, w, dz, "bfloat16", compiled=True)
    full = _products(x, w, dz, "float32", compiled=True)
    a, b, c = operands
    exact = (a @ b, c @ b.mT, a.mT @ c)
    sizes = (abs(a) @ abs(b), abs(c) @ abs(b).mT, abs(a).mT @ abs(c))
    for ours, float32, theirs, size in zip(short, full, exact, sizes, strict=True):
        assert (np.abs(ours - theirs) <= 2.02 * HALF_A_DIGIT * size).all()
        assert np.linalg.norm(ours - theirs) > 1e-4 * np.linalg.norm(theirs)
        assert np.linalg.norm(float32 - theirs) < 1e-6 * np.linalg.norm(theirs)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_shared_minibatch_equals_its_lanes_gradients_included(operands, precision):
    x, w, dz = (tf.constant(a, tf.float32) for a in operands)
    shared = _products(x[0], w, dz, precision, compiled=True)
    lanes = [_products(x[0], w[i], dz[i], precision, compiled=True) for i in range(2)]
    np.testing.assert_allclose(shared[0], [lane[0] for lane in lanes], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(shared[1], lanes[0][1] + lanes[1][1], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(shared[2], [lane[2] for lane in lanes], rtol=1e-5, atol=1e-5)
