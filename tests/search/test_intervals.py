"""Intervals: hand-computed values, and that they cover what they claim to."""

import math

import numpy as np
import pytest
from scipy import stats

from caviar.search.intervals import Interval, paired_interval, t_interval, wilson


def test_by_hand():
    # mean 3, s = sqrt(2.5), t(0.975, 4) = 2.776445: half a width of 2.776445 * 0.707107
    found = t_interval([1, 2, 3, 4, 5])
    assert found.mean == 3
    assert found.low == pytest.approx(1.036757, abs=1e-6)
    assert found.high == pytest.approx(4.963243, abs=1e-6)


def test_as_scipy():
    values = np.random.default_rng(0).normal(0.9, 0.02, 7)
    low, high = stats.t.interval(0.95, 6, loc=values.mean(), scale=stats.sem(values))
    found = t_interval(values.tolist())
    assert (found.low, found.high) == pytest.approx((low, high))


def test_one_value_tells_no_spread():
    assert t_interval([0.5]) == Interval(0.5, None, None)
    assert not t_interval([0.5]).excludes_zero


def test_equal_values():
    found = t_interval([0.1 + 0.2] * 3)
    assert found.low == found.mean == found.high == 0.1 + 0.2


def test_it_is_cut_where_the_quantity_ends():
    found = t_interval([0.99, 1.0, 0.95], 0.0, 1.0)
    assert found.high == 1.0
    assert found.low < 0.95


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [math.inf, 1.0]])
def test_no_interval_of_nothing(values):
    with pytest.raises(ValueError, match="finite values"):
        t_interval(values)


@pytest.mark.parametrize(
    ("low", "high", "excludes"),
    [(0.1, 0.2, True), (-0.2, -0.1, True), (-0.1, 0.1, False), (0.0, 0.1, False)],
)
def test_excluding_zero(low, high, excludes):
    assert Interval((low + high) / 2, low, high).excludes_zero is excludes


def test_five_seeds_cover_what_they_claim():
    rng = np.random.default_rng(1)
    draws = rng.normal(0.0, 1.0, (3000, 5))
    covered = [not t_interval(row).excludes_zero for row in draws]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize(("share", "examples"), [(0.97, 359), (0.0, 10), (1.0, 10), (0.5, 1)])
def test_wilson_as_scipy(share, examples):
    expected = stats.binomtest(round(share * examples), examples).proportion_ci(method="wilson")
    found = wilson(round(share * examples) / examples, examples)
    assert found == pytest.approx((expected.low, expected.high))
    assert 0 <= found[0] <= found[1] <= 1


def test_plain_data():
    assert Interval(1.0, 0.5, 1.5).to_json() == {"mean": 1.0, "low": 0.5, "high": 1.5}


def test_pairs_tell_apart_what_overlaps():
    """Differences 0.01, 0.012, 0.011 below seeds that differ by 0.2: mean 0.011, s = 0.001."""
    one = {1: 0.7, 2: 0.8, 3: 0.9, 5: 0.0}
    other = {3: 0.889, 1: 0.69, 2: 0.788, 4: 1.0}
    found = paired_interval(one, other)
    assert found.mean == pytest.approx(0.011)
    assert found.high - found.mean == pytest.approx(4.302653 * 0.001 / math.sqrt(3), rel=1e-5)
    assert found.excludes_zero
    assert paired_interval({1: 0.5, 2: 0.4}, {2: 0.3, 3: 0.2}) is None
