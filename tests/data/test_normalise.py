"""Standardising: against NumPy in float64, at the edges, and only by the rows asked for."""

from __future__ import annotations

import numpy as np
import pytest

from caviar.data.normalise import moments, standardise


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e6])
def test_moments_agree_with_numpy(offset: float) -> None:
    x = (np.random.default_rng(0).normal(size=(20_000, 3)) * [1, 10, 0.5] + offset).astype("f4")
    rows = np.arange(0, 20_000, 2)
    mean, std = moments(x, rows)
    np.testing.assert_allclose(mean, x[rows].mean(axis=0, dtype="f8"), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(std, x[rows].astype("f8").std(axis=0), rtol=1e-6)


def test_only_the_given_rows_count() -> None:
    x = np.array([[0.0], [2.0], [1000.0]], np.float32)
    mean, std = moments(x, np.array([0, 1]))
    assert (mean.item(), std.item()) == (1.0, 1.0)
    np.testing.assert_array_equal(standardise(x, np.array([2]), mean, std), [[999.0]])


def test_standardised_training_rows_have_mean_0_and_deviation_1() -> None:
    x = np.random.default_rng(1).integers(0, 256, (9_000, 5)).astype(np.uint8)
    rows = np.arange(8_500)
    z = standardise(x, rows, *moments(x, rows))
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=0, dtype="f8"), 0.0, atol=1e-6)
    np.testing.assert_allclose(z.std(axis=0, dtype="f8"), 1.0, atol=1e-5)


@pytest.mark.parametrize(("dtype", "spread"), [(np.uint8, 255.0), (np.float32, 1.0)])
def test_constant_features_stay_small(dtype: type[np.generic], spread: float) -> None:
    x = np.full((100, 1), 7, dtype)
    mean, std = moments(x, np.arange(99))
    assert (mean.item(), std.item()) == (7.0, spread)


def test_a_constant_far_from_zero_is_still_constant() -> None:
    mean, std = moments(np.full((50, 1), 1e7 + 1, np.float32), np.arange(50))
    assert (mean.item(), std.item()) == (10_000_001.0, 1.0)
