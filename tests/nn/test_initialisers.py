"""He's weights: their spread, and what they depend on."""

import numpy as np

from caviar.nn.initialisers import he_normal


def test_the_variance_is_two_over_the_inputs():
    w = he_normal(0, 0, 0, 200, 500)
    assert w.shape == (200, 500)
    np.testing.assert_allclose(w.var(), 2 / 200, rtol=0.02)
    np.testing.assert_allclose(w.mean(), 0, atol=0.002)


def test_weights_follow_from_seed_trial_and_layer_alone():
    w = he_normal(1, 2, 3, 4, 5)
    np.testing.assert_array_equal(w, he_normal(1, 2, 3, 4, 5))
    for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0)):
        assert np.abs(w - he_normal(*other, 4, 5)).max() > 0.1
