"""A stack's products equal those of its lanes."""

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
