"""Would more data pay: learning curves over the size of the training part."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.report.sizes import SizePoint, sizes
from caviar.study.finals import SHARES


def curve(level, drop, b, train=0.0, full=4000):
    """Points on `level + drop (n / full)^-b`."""
    return [SizePoint(int(full * s), train, level + drop * s**-b) for s in SHARES]


@pytest.mark.parametrize(
    ("points", "pays"),
    [
        (curve(0.02, 0.10, 0.5), True),  # a tenth goes as the root of n
        (curve(0.30, 0.0, 0.5, train=0.28), False),  # bias: the curves have met
        (curve(0.30, 0.0, 0.5), False),  # flat, though a gap is left
        (curve(0.30, 0.01, 1.0, train=0.10), False),  # nearly flat
    ],
)
def test_clear_curves(points, pays):
    found = sizes(points)
    assert found.pays is pays
    assert found.line.startswith("more data would pay" if pays else "more data would")
    json.dumps(found.to_json(), allow_nan=False)


def test_the_gain_is_what_the_next_doubling_brings():
    found = sizes(curve(0.02, 0.10, 0.5))
    assert found.gain == pytest.approx(0.10 * (1 - 2**-0.5), rel=0.05)
    assert found.low <= found.gain <= found.high
    assert found.line == (
        "more data would pay: from 500 to 4000 examples dev error went from 30.3 % to 12.0 %, "
        "train error from 0.0 % to 0.0 %; twice as many would take off about 2.9 points"
    )


def test_noise_leaves_it_open_or_makes_it_nothing():
    points = curve(0.20, 0.02, 0.3, train=0.05)
    assert sizes(points).pays is not None
    assert sizes(points, noise=0.05).pays is False  # all of the fall may be luck
    steep = [SizePoint(500, 0.0, 0.32), SizePoint(2000, 0.0, 0.25), SizePoint(4000, 0.0, 0.24)]
    found = sizes(steep, noise=0.015)
    assert found.low < found.high
    assert found.pays is None
    assert found.line.startswith("whether more data would pay is open")


def test_dev_error_that_rises_with_the_data_promises_nothing():
    found = sizes([SizePoint(500, 0.0, 0.2), SizePoint(1000, 0.0, 0.3), SizePoint(2000, 0.0, 0.3)])
    assert (found.pays, found.gain, found.high) == (False, 0.0, 0.0)


def test_points_of_a_size_are_averaged_and_bad_ones_left_out():
    points = [
        SizePoint(100, 0.1, 0.4), SizePoint(100, 0.3, 0.6), SizePoint(50, math.nan, 0.9),
        SizePoint(50, 0.0, 0.7), SizePoint(0, 0.0, 0.9),
    ]  # fmt: skip
    found = sizes(points)
    assert found.points == (SizePoint(50, 0.0, 0.7), SizePoint(100, 0.2, 0.5))
    assert found.gap == pytest.approx(0.3)


@pytest.mark.parametrize("points", [[], [SizePoint(10, 0.1, 0.2)] * 3])
def test_one_size_tells_nothing(points):
    found = sizes(points)
    assert found.pays is None
    assert "at least two sizes" in found.line


shares = st.floats(0, 1)


@given(
    st.lists(st.builds(SizePoint, st.integers(1, 10**8), shares, shares), max_size=8),
    st.floats(0, 0.2),
)
def test_any_points_are_judged(points, noise):
    found = sizes(points, noise)
    assert sizes(points[::-1], noise).pays == found.pays
    if found.gain is not None:
        assert 0 <= found.low <= found.gain <= found.high
        assert found.pays is not True or found.gap > 0
    json.dumps(found.to_json(), allow_nan=False)


@given(st.floats(0.0, 0.3), st.floats(0.01, 0.2), st.floats(0.1, 1.0))
def test_an_exact_power_law_is_found_again(level, drop, b):
    found = sizes(curve(level, drop, b))
    assert found.gain == pytest.approx(drop * (1 - 2**-b), rel=0.1)
