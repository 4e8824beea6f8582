"""Bounds that may grow: the axis reaches as far as they ever may, and old places stay."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.search.growing import grown
from caviar.space.domain import Choice, Float, Integer
from caviar.space.home import EXPANSIONS, Limits, enlarged, home_span, person_bounds
from caviar.space.scale import LINEAR, LOG, ONE_MINUS

POSITIVE = Limits(0, low_open=True)
BETA = Limits(0, 1, high_open=True)
SHARE = Limits(0, 1, low_open=True)
COUNT = Limits(1, 65536)


@pytest.mark.parametrize(
    ("domain", "limits", "low", "high"),
    [
        # Four steps of half the width on the scale: here of one decade each.
        (Float(1e-4, 1e-2, LOG), POSITIVE, 1e-8, 1e2),
        # 1 - beta may shrink until float32 cannot tell beta from 1; beta stops at 0.
        (Float(0.9, 0.999, ONE_MINUS), BETA, 0.0, 1 - 2.0**-23),
        (Float(0.99, 0.999, ONE_MINUS), BETA, 0.0, 0.99999),
        # A closed limit is reached, an open one approached by halves.
        (Float(0.5, 0.9), SHARE, 0.5 / 2**EXPANSIONS, 1.0),
        (Float(0.0, 1.5), Limits(0), 0.0, 4.5),
        (Float(0.1, 0.5, step=0.1), SHARE, 0.1, 1.0),
        (Float(0.2, 0.3, step=0.1), Limits(0, 1, low_open=True, high_open=True), 0.1, 0.7),
        # Of whole numbers cells count: two of them are two wide, and a step is one.
        (Integer(2, 3), Limits(0, 100), 0, 7),
        (Integer(2, 3), COUNT, 1, 7),
        (Integer(32, 128, 32), COUNT, 32, 384),
        (Integer(16, 64, 1, LOG), COUNT, 1, 1085),
        (Float(0.03, 0.04, LOG, step=0.01), POSITIVE, 0.01, 0.13),
        (Float(1e-30, 1e30, LOG), POSITIVE, 2.0**-126, 1e38),
        (Float(1e-200, 1e-190, LOG), POSITIVE, 1e-200, 1e-170),
    ],
)
def test_how_far_bounds_may_grow(domain, limits, low, high) -> None:
    found = enlarged(domain, limits)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert type(found.low) is type(domain.low)
    assert person_bounds(found) == found.home == (domain.low, domain.high)


@pytest.mark.parametrize(
    ("domain", "limits"),
    [
        (Float(0.0, 1.0), Limits(0, 1)),
        (Integer(1, 65536), COUNT),
        (Float(0.0, 1 - 1e-9, ONE_MINUS), BETA),
        (Float(1e-200, 1e200, LOG), POSITIVE),
    ],
)
def test_what_has_no_room_is_refused(domain, limits) -> None:
    with pytest.raises(StudyError, match=r"^expand must have room: low and high are at their"):
        enlarged(domain, limits)


@st.composite
def domains(draw: st.DrawFn) -> tuple[Float | Integer, Limits]:
    scale = draw(st.sampled_from([LINEAR, LOG, ONE_MINUS]))
    if draw(st.booleans()) and scale != ONE_MINUS:
        low, step = draw(st.integers(1, 300)), draw(st.integers(1, 20))
        return Integer(low, low + step * draw(st.integers(1, 60)), step, scale), COUNT
    low = draw(st.floats(0.01, 0.9))
    step = draw(st.sampled_from([None, 0.01, 0.005]))
    if step is not None:
        low = round(low, 2)
        return Float(low, round(low + step * draw(st.integers(1, 8)), 9), scale, step), SHARE
    return Float(low, draw(st.floats(low * 1.01, 0.95)), scale), SHARE


@settings(deadline=None)
@given(pair=domains(), u=st.floats(0, 1))
def test_a_home_is_the_stretch_of_a_persons_values(pair, u: float) -> None:
    domain, limits = pair
    wide = enlarged(domain, limits)
    low, high = home_span(wide)
    assert 0 <= low < high <= 1
    assert wide.decode(low) == pytest.approx(domain.low, rel=1e-9)
    assert wide.decode(high) == pytest.approx(domain.high, rel=1e-9)
    value = wide.decode(low + u * (high - low))
    assert domain.low * (1 - 1e-9) <= value <= domain.high * (1 + 1e-9)
    # Limits hold everywhere.
    anywhere = wide.decode(u)
    assert limits.low <= anywhere <= limits.high
    assert anywhere > limits.low or not limits.low_open
    # Whoever lies in the home has a value that a person's own domain knows.
    assert domain.step is None or domain.contains(value)


@settings(deadline=None)
@given(pair=domains(), u=st.floats(0, 1))
def test_draws_of_the_home_are_those_of_the_domain_itself(pair, u: float) -> None:
    domain, limits = pair
    if domain.step is not None and domain.scale != LINEAR:
        return  # the outermost cells of a home have neighbours, so that they are cut otherwise
    wide = enlarged(domain, limits)
    low, high = home_span(wide)
    found, wanted = wide.decode(low + u * (high - low)), domain.decode(u)
    if domain.step is None:
        assert found == pytest.approx(wanted, rel=1e-6)
    else:
        assert abs(found - wanted) <= domain.step * (1 + 1e-9)  # a draw may fall on an edge


def test_four_steps_lead_to_the_ends_and_no_further() -> None:
    home = ((0.4, 0.6), (0.0, 1.0))
    bounds = home
    for _ in range(EXPANSIONS):
        bounds = grown(bounds, 0, -1, home)
    assert bounds == ((pytest.approx(0.0), 0.6), (0.0, 1.0))
    assert grown(bounds, 0, 1, home)[0][1] == pytest.approx(0.7)
    assert grown(bounds, 0, -1, home)[0] == (0.0, 0.6)
    assert grown(bounds, 1, 1, home) == bounds
    span = home_span(enlarged(Float(1e-4, 1e-2, LOG), POSITIVE))
    assert span == (pytest.approx(0.4), pytest.approx(0.6))


def test_a_step_is_half_the_home_however_much_has_grown() -> None:
    home = ((0.5, 0.7),)
    once = grown(home, 0, 1, home)
    assert once == ((0.5, pytest.approx(0.8)),)
    assert grown(once, 0, 1, home) == ((0.5, pytest.approx(0.9)),)


def test_spans_of_choices_and_of_what_does_not_grow() -> None:
    choice = Choice((32, 64, 128, 256), ordered=True)
    assert home_span(choice) == home_span(Float(1, 2)) == (0.0, 1.0)
    assert person_bounds(choice) == (32, 256)
    low, high = choice.span(64, 128)
    assert (low, high) == (0.25, math.nextafter(0.75, 0))
    assert {choice.decode(low), choice.decode(high)} == {64, 128}


@settings(deadline=None)
@given(count=st.integers(2, 3000), ends=st.tuples(st.integers(0, 2999), st.integers(0, 2999)))
def test_the_span_of_cells_holds_just_these(count: int, ends: tuple[int, int]) -> None:
    first, last = sorted(end % count for end in ends)
    for scale in (LINEAR, LOG):
        domain = Integer(1, count, scale=scale)
        low, high = domain.span(first + 1, last + 1)
        assert (domain.decode(low), domain.decode(high)) == (first + 1, last + 1)
        assert low == 0 or domain.decode(max(0, low - 1e-9)) == first
        assert high == 1 or domain.decode(min(1, high + 1e-9)) == last + 2
