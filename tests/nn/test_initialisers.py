"""First weights: their spread, and what they depend on."""

import numpy as np
import pytest

from caviar.nn.initialisers import VARIANCES, initial_weights


@pytest.mark.parametrize(
    ("kind", "variance"), [("he", 2 / 200), ("xavier", 2 / 700), ("lecun", 1 / 200)]
)
def test_the_variance_is_the_kinds(kind, variance):
    w = initial_weights(kind, 0, 0, 0, 200, 500)
    assert w.shape == (200, 500)
    np.testing.assert_allclose(w.var(), variance, rtol=0.02)
    np.testing.assert_allclose(w.mean(), 0, atol=0.002)
    np.testing.assert_allclose(initial_weights(kind, 0, 0, 0, 200, 500, 0.5), w / 2, rtol=1e-12)


def test_zeros_are_zeros_at_any_scale():
    np.testing.assert_array_equal(initial_weights("zeros", 0, 0, 0, 3, 4, 7.0), np.zeros((3, 4)))
    assert set(VARIANCES) == {"he", "xavier", "lecun", "zeros"}


def test_he_is_what_it_always_was():
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((7, 1, 3, 2))))
    before = rng.normal(scale=np.sqrt(2.0 / 5), size=(5, 4))
    np.testing.assert_array_equal(initial_weights("he", 7, 3, 2, 5, 4), before)


def test_weights_follow_from_seed_trial_and_layer_alone():
    w = initial_weights("he", 1, 2, 3, 4, 5)
    np.testing.assert_array_equal(w, initial_weights("he", 1, 2, 3, 4, 5))
    for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0)):
        assert np.abs(w - initial_weights("he", *other, 4, 5)).max() > 0.1
