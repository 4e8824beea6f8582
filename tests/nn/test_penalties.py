"""L2, L1 and max-norm: values by hand, gradients, lanes, and nothing where they are off."""

import numpy as np
import pytest
import tensorflow as tf

from caviar.nn.penalties import max_norm, penalty


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def _params(rng, *stack, dtype=tf.float64):
    shapes = ((4, 3), (3, 2))
    return [
        {
            "w": tf.constant(rng.normal(size=(*stack, *s)), dtype),
            "b": tf.ones((*stack, s[1]), dtype),
        }
        for s in shapes
    ]


def test_the_value_by_hand_counts_weights_alone():
    params = [{"w": tf.constant([[1.0, -2.0]]), "gamma": tf.constant([9.0, 9.0])}]
    params.append({"w": tf.constant([[0.0], [3.0]]), "b": tf.constant([9.0])})
    assert float(penalty(params, l2=0.1)) == pytest.approx(0.05 * 14)
    assert float(penalty(params, l1=0.1)) == pytest.approx(0.1 * 6)
    assert float(penalty(params, l1=1.0, l2=2.0)) == pytest.approx(20)
    assert float(penalty(params)) == 0.0


def test_the_gradient_is_l2_w_plus_l1_sign_w(rng):
    params = _params(rng)
    params[0]["w"] = tf.constant(np.where(np.eye(4, 3), 0.0, params[0]["w"]))
    with tf.GradientTape() as tape:
        tape.watch(params)
        value = penalty(params, l1=0.3, l2=0.7)
    found = tape.gradient(value, params)
    for layer, gradient in zip(params, found, strict=True):
        w = layer["w"].numpy()
        np.testing.assert_allclose(gradient["w"], 0.7 * w + 0.3 * np.sign(w), rtol=1e-12)
        assert gradient["b"] is None


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_a_stack_equals_its_lanes_and_zero_strength_has_no_gradient(rng, dtype):
    params = _params(rng, 3, dtype=dtype)
    l1, l2 = tf.constant([0.0, 0.1, 0.0], dtype), tf.constant([0.0, 0.0, 0.2], dtype)
    compiled = tf.function(penalty, jit_compile=True)
    with tf.GradientTape() as tape:
        tape.watch(params)
        value = compiled(params, l1, l2)
    assert value.dtype == dtype
    gradients = tape.gradient(value, params)
    for lane in range(3):
        alone = [{name: t[lane] for name, t in layer.items()} for layer in params]
        np.testing.assert_allclose(value[lane], penalty(alone, l1[lane], l2[lane]), rtol=1e-6)
    assert value[0] == 0.0
    for layer in gradients:
        np.testing.assert_array_equal(layer["w"][0], np.zeros(layer["w"].shape[1:]))
        assert np.abs(layer["w"][1]).max() > 0


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_max_norm_projects_each_units_incoming_weights(dtype):
    w = tf.constant([[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]], dtype)
    found = tf.function(max_norm, jit_compile=True)(w, tf.constant(1.0, dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found[:, 0], [0.6, 0.8], rtol=1e-6)
    np.testing.assert_array_equal(found[:, 1:], w[:, 1:])


def test_max_norm_of_a_stack_equals_its_lanes_and_zero_is_no_limit(rng):
    w = tf.constant(rng.normal(size=(3, 20, 5)), tf.float32)
    limits = tf.constant([0.0, 1.0, 3.0])
    compiled = tf.function(max_norm, jit_compile=True)
    stack = compiled(w, limits)
    np.testing.assert_array_equal(stack[0], w[0])
    for lane in range(3):
        np.testing.assert_allclose(stack[lane], compiled(w[lane], limits[lane]), rtol=1e-6)
    assert np.linalg.norm(stack[1], axis=0).max() == pytest.approx(1.0)
    assert (np.linalg.norm(stack[2], axis=0) <= 3.00001).all()
    np.testing.assert_allclose(compiled(stack, limits), stack, rtol=1e-6)


def test_max_norm_hides_no_divergence():
    w = tf.constant([[1e30, np.nan, 1.0], [1e30, 1.0, 2.0]], tf.float32)
    np.testing.assert_array_equal(max_norm(w, 5.0), w)
