"""Standardising: against NumPy in float64, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from caviar.data.normalise import moments, standardise


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e6])
def test_moments_agree_with_numpy(offset: float) -> None:
    x = (np.random.default_rng(0).normal(size=(20_000, 3)) * [1, 10, 0.5] + offset).astype("f4")
    mean, std = moments(x)
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype="f8"), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(std, x.astype("f8").std(axis=0), rtol=1e-6)


def test_standardised_training_rows_have_mean_0_and_deviation_1() -> None:
    x = np.random.default_rng(1).integers(0, 256, (9_000, 5)).astype(np.uint8)
    z = standardise(x, *moments(x))
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=0, dtype="f8"), 0.0, atol=1e-6)
    np.testing.assert_allclose(z.std(axis=0, dtype="f8"), 1.0, atol=1e-5)


@pytest.mark.parametrize(("dtype", "spread"), [(np.uint8, 255.0), (np.float32, 1.0)])
def test_constant_features_stay_small(dtype: type[np.generic], spread: float) -> None:
    x = np.full((100, 1), 7, dtype)
    mean, std = moments(x)
    assert (mean.item(), std.item()) == (7.0, spread)


def test_a_constant_far_from_zero_is_still_constant() -> None:
    mean, std = moments(np.full((50, 1), 1e7 + 1, np.float32))
    assert (mean.item(), std.item()) == (10_000_001.0, 1.0)
