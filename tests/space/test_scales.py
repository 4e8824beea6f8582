"""Scales are bijections, exact at their bounds, and careful near one."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.space.scale import LINEAR, LOG, ONE_MINUS, SCALES, Scale

TABLE = [
    (LINEAR, 2.0, 4.0, [(0.0, 2.0), (0.25, 2.5), (0.5, 3.0), (1.0, 4.0)]),
    (LINEAR, -1.0, 1.0, [(0.0, -1.0), (0.5, 0.0), (0.75, 0.5), (1.0, 1.0)]),
    (LOG, 1e-4, 1.0, [(0.0, 1e-4), (0.25, 1e-3), (0.5, 1e-2), (0.75, 1e-1), (1.0, 1.0)]),
    (LOG, 1e-300, 1e300, [(0.0, 1e-300), (0.5, 1.0), (1.0, 1e300)]),
    (ONE_MINUS, 0.9, 0.999, [(0.0, 0.9), (0.5, 0.99), (1.0, 0.999)]),
    (ONE_MINUS, 0.0, 0.75, [(0.0, 0.0), (0.5, 0.5), (1.0, 0.75)]),
    (ONE_MINUS, 0.9, 0.99999, [(0.25, 0.99), (0.5, 0.999), (0.75, 0.9999), (1.0, 0.99999)]),
]
PAIRS = [(scale, low, high, u, x) for scale, low, high, pairs in TABLE for u, x in pairs]

BOUNDS = {
    "linear": st.floats(-1e9, 1e9),
    "log": st.floats(1e-30, 1e30),
    "one_minus": st.one_of(
        st.floats(0.0, 0.9), st.floats(1e-12, 0.1).map(lambda distance: 1 - distance)
    ),
}


@st.composite
def scales(draw: st.DrawFn) -> tuple[Scale, float, float]:
    name = draw(st.sampled_from(sorted(SCALES)))
    low, high = sorted((draw(BOUNDS[name]), draw(BOUNDS[name])))
    scale = SCALES[name]
    # Rounding of the bounds themselves shows when they are nearly equal.
    start, end = (scale.forward(bound) for bound in (low, high))
    assume(end - start > 1e-3 * max(1e-3, abs(start), abs(end)))
    return scale, low, high


@pytest.mark.parametrize(("scale", "low", "high", "u", "value"), PAIRS)
def test_decode_and_encode_follow_the_table(
    scale: Scale, low: float, high: float, u: float, value: float
) -> None:
    assert scale.decode(u, low, high) == pytest.approx(value, rel=1e-13, abs=1e-15)
    assert scale.encode(value, low, high) == pytest.approx(u, abs=1e-11)


@settings(deadline=None)
@given(scales())
def test_the_bounds_are_exact_both_ways(case: tuple[Scale, float, float]) -> None:
    scale, low, high = case
    assert scale.decode(0.0, low, high) == low
    assert scale.decode(1.0, low, high) == high
    assert scale.encode(low, low, high) == 0.0
    assert scale.encode(high, low, high) == 1.0


@settings(deadline=None)
@given(scales(), st.floats(0.0, 1.0))
def test_encode_is_the_inverse_of_decode(case: tuple[Scale, float, float], u: float) -> None:
    scale, low, high = case
    value = scale.decode(u, low, high)
    assert low <= value <= high
    again = scale.decode(scale.encode(value, low, high), low, high)
    # On one_minus what counts is 1 - x, which near one a float holds to 1e-16 absolutely.
    assert again == pytest.approx(value, rel=1e-11, abs=1e-15 * (abs(low) + abs(high)))


@settings(deadline=None)
@given(scales(), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_decode_rises(case: tuple[Scale, float, float], one: float, other: float) -> None:
    assume(other - one > 1e-6)
    scale, low, high = case
    assert scale.decode(one, low, high) < scale.decode(other, low, high)


def test_half_of_the_one_minus_draws_lie_above_099() -> None:
    draws = [ONE_MINUS.decode(float(u), 0.9, 0.999) for u in (np.arange(1000) + 0.5) / 1000]
    # A logarithm mirrored inside the bounds would put 9 % there.
    assert sum(draw > 0.99 for draw in draws) == 500


@pytest.mark.parametrize("distance", [1e-4, 1e-8, 1e-12])
def test_one_minus_keeps_its_digits_near_one(distance: float) -> None:
    high = 1 - distance
    middle = ONE_MINUS.decode(0.5, 0.9, high)
    # 1 - high is what rounding left of `distance`; the middle is the geometric mean.
    assert 1 - middle == pytest.approx(math.sqrt(0.1 * (1 - high)), rel=1e-9)
    assert ONE_MINUS.encode(middle, 0.9, high) == pytest.approx(0.5, abs=1e-9)


def test_one_minus_keeps_its_digits_near_zero() -> None:
    # There 1 - exp(-t) and log(1 - x) written plainly have four digits left.
    assert ONE_MINUS.decode(0.5, 0.0, 1e-12) == pytest.approx(5e-13, rel=1e-9)
    assert ONE_MINUS.encode(5e-13, 0.0, 1e-12) == pytest.approx(0.5, rel=1e-9)
    assert ONE_MINUS.decode(1e-12, 0.0, 0.5) == pytest.approx(1e-12 * math.log(2), rel=1e-9)


@pytest.mark.parametrize("u", [-1e-9, 1.0000001, math.nan, math.inf])
@pytest.mark.parametrize("scale", SCALES.values())
def test_decode_refuses_what_is_outside_the_unit_interval(scale: Scale, u: float) -> None:
    with pytest.raises(ValueError, match=r"u must be in \[0, 1\]"):
        scale.decode(u, 0.25, 0.5)


@pytest.mark.parametrize(
    ("scale", "low", "high", "message"),
    [
        (LINEAR, 2.0, 1.0, "low must be < high, got low 2.0 and high 1.0"),
        (LINEAR, 1.0, 1.0, "low must be < high, got low 1.0 and high 1.0"),
        (LINEAR, math.nan, 1.0, "low must be a finite number, got nan"),
        (LINEAR, 0.0, math.inf, "high must be a finite number, got inf"),
        (
            LINEAR,
            -1.7e308,
            1.7e308,
            "high - low must be a finite number, got low -1.7e+308 and high 1.7e+308",
        ),
        (LOG, 0.0, 1.0, "low must be > 0 on a log scale, got 0.0"),
        (LOG, -1.0, 1.0, "low must be > 0 on a log scale, got -1.0"),
        (ONE_MINUS, -0.1, 0.5, "low must be >= 0 on a one_minus scale, got -0.1"),
        (ONE_MINUS, 0.9, 1.0, "high must be < 1 on a one_minus scale, got 1.0"),
        (
            LOG,
            1e300,
            math.nextafter(1e300, math.inf),
            "low and high must be further apart, got low 1e+300 and high 1.0000000000000002e+300",
        ),
    ],
)
def test_check_says_rule_and_value(scale: Scale, low: float, high: float, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        scale.check(low, high)
    assert str(caught.value) == message
