"""Domains decode uniformly on their scale and encode what they decode."""

import math
import pickle
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.space.domain import Choice, Domain, Float, Integer, Value, samples
from caviar.space.scale import LINEAR, LOG, ONE_MINUS

DOMAINS: list[Domain] = [
    Float(1e-4, 1.0, LOG),
    Float(-2.0, 3.0),
    Float(0.9, 0.9999, ONE_MINUS),
    Float(0.0, 1.0, step=0.1),
    Float(1.0, 1000.0, LOG, step=0.5),
    Float(0.5, 0.99, ONE_MINUS, step=0.01),
    Integer(2, 4),
    Integer(-5, 5, 5),
    Integer(16, 128, 16),
    Integer(1, 65536, scale=LOG),
    Integer(1, 2, scale=LOG),
    Choice((32, 64, 128, 256), ordered=True),
    Choice(("sgd", "adam")),
    Choice((True, False)),
]
UNIT = st.floats(0.0, 1.0)


@st.composite
def integers(draw: st.DrawFn) -> Integer:
    scale = draw(st.sampled_from([LINEAR, LOG]))
    low = draw(st.integers(1 if scale is LOG else -1000, 1000))
    step, count = draw(st.integers(1, 50)), draw(st.integers(1, 200))
    return Integer(low, low + step * count, step, scale)


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_the_unit_intervals_ends_are_the_bounds(domain: Domain) -> None:
    assert (domain.decode(0.0), domain.decode(1.0)) == domain.bounds


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
@settings(deadline=None)
@given(u=UNIT)
def test_what_is_decoded_is_contained_and_found_again(domain: Domain, u: float) -> None:
    value = domain.decode(u)
    assert domain.contains(value)
    again = domain.decode(domain.encode(value))
    assert again == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_values_are_plain_python(domain: Domain) -> None:
    kinds = {type(domain.decode(u)) for u in (0.0, 0.3, 1.0)}
    assert len(kinds) == 1
    assert kinds <= {float, int, str, bool}


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_domains_survive_pickling(domain: Domain) -> None:
    assert pickle.loads(pickle.dumps(domain)) == domain


@settings(deadline=None)
@given(integers())
def test_every_whole_number_is_found_again(domain: Integer) -> None:
    for value in range(domain.low, domain.high + 1, domain.step):
        u = domain.encode(value)
        assert 0.0 < u < 1.0
        assert domain.decode(u) == value


@settings(deadline=None)
@given(integers(), UNIT, UNIT)
def test_whole_numbers_rise(domain: Integer, one: float, other: float) -> None:
    assert domain.decode(min(one, other)) <= domain.decode(max(one, other))


@pytest.mark.parametrize("domain", [Integer(2, 4), Integer(50, 100), Integer(-8, 8, 4)])
def test_every_value_is_equally_likely_on_a_linear_scale(domain: Integer) -> None:
    count = (domain.high - domain.low) // domain.step + 1
    draws = Counter(domain.decode((i + 0.5) / (40 * count)) for i in range(40 * count))
    assert set(draws) == set(range(domain.low, domain.high + 1, domain.step))
    assert set(draws.values()) == {40}


def test_cell_edges_are_exact_where_grids_fall() -> None:
    domain = Integer(1, 4)
    assert [domain.decode(u) for u in (0.25, 0.5, 0.75)] == [2, 3, 4]
    assert [domain.decode(math.nextafter(u, 0)) for u in (0.25, 0.5, 0.75)] == [1, 2, 3]


@pytest.mark.parametrize(
    "domain", [Float(0.0, 0.9, ONE_MINUS, step=0.9), Float(0.1, 9.1, LOG, step=9.0)], ids=str
)
def test_two_values_share_any_scale_equally(domain: Float) -> None:
    # Neighbours meet half-way on the scale: far from the middle of the two numbers.
    assert [domain.decode(u) == domain.high for u in (0.2, 0.49, 0.51, 0.8)] == [0, 0, 1, 1]


def test_whole_numbers_on_a_log_scale_share_it_by_ratios() -> None:
    domain = Integer(1, 1024, scale=LOG)
    n = 20_000
    draws = [domain.decode((i + 0.5) / n) for i in range(n)]
    # Value k owns from sqrt(k (k-1)) to sqrt(k (k+1)); 1 and 1024 reach as far out as in.
    whole = math.log(1024 * math.sqrt(1024 / 1023) * math.sqrt(2))
    expected = {1: math.log(2) / whole, 2: math.log(math.sqrt(6) / math.sqrt(2)) / whole}
    for value, share in expected.items():
        assert draws.count(value) / n == pytest.approx(share, rel=0.01)
    assert sum(draw < 32 for draw in draws) / n == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("domain", "values"),
    [
        (Float(1e-4, 1.0, LOG), [10**-3.6, 10**-2.8, 1e-2, 10**-1.2, 10**-0.4]),
        (Float(0.0, 1.0, step=0.1), [0.1, 0.3, 0.5, 0.7, 0.9]),
        (Integer(2, 4), [2, 2, 3, 4, 4]),
        (Choice(("a", "b")), ["a", "a", "b", "b", "b"]),
    ],
)
def test_samples_stand_at_even_places(domain: Domain, values: list[Value]) -> None:
    expected = [pytest.approx(v) if isinstance(v, float) else v for v in values]
    assert list(samples(domain)) == expected


def test_stepped_floats_are_the_numbers_a_person_writes() -> None:
    domain = Float(0.0, 1.0, step=0.1)
    values = {domain.decode(i / 1000) for i in range(1001)}
    assert sorted(values) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def test_a_choice_takes_equal_parts() -> None:
    draws = Counter(Choice((1, 2, 3)).decode((i + 0.5) / 300) for i in range(300))
    assert draws == {1: 100, 2: 100, 3: 100}


CONTINUA = [domain for domain in DOMAINS if isinstance(domain, Float) and domain.step is None]


@given(st.sampled_from(CONTINUA), st.floats(0, 1), st.floats(0, 1))
def test_a_span_holds_nothing_beyond_the_values_it_was_asked_for(
    domain: Float, one: float, other: float
) -> None:
    low, high = sorted(float(f"{domain.decode(u):.3g}") for u in (one, other))
    assume(domain.contains(low) and domain.contains(high) and low < high)
    first, last = domain.span(low, high)
    assert low <= domain.decode(first) <= domain.decode(last) <= high
    assert (first, last) == pytest.approx((domain.encode(low), domain.encode(high)), abs=1e-12)


def test_a_span_of_one_value_is_its_place() -> None:
    assert CONTINUA[0].span(0.904, 0.904) == (CONTINUA[0].encode(0.904),) * 2
    assert CONTINUA[0].span(1e-4, 1.0) == (0.0, 1.0)


@settings(deadline=None)
@given(st.floats(allow_nan=True, allow_infinity=True))
def test_contains_agrees_with_the_bounds(value: float) -> None:
    assume(not 0.25 <= value <= 0.5)
    assert not Float(0.25, 0.5).contains(value)


@pytest.mark.parametrize(
    ("domain", "value", "message"),
    [
        (Float(0.5, 1.0), 1.5, "must be in [0.5, 1.0], got 1.5"),
        (Float(0.5, 1.0), "1", "must be in [0.5, 1.0], got '1'"),
        (Float(0.0, 1.0), True, "must be in [0.0, 1.0], got True"),
        (Float(0.0, 1.0, step=0.25), 0.3, "must be 0.0 plus whole steps of 0.25, got 0.3"),
        (Integer(1, 4), 5, "must be a whole number in [1, 4], got 5"),
        (Integer(1, 4), 2.0, "must be a whole number in [1, 4], got 2.0"),
        (Integer(0, 4), True, "must be a whole number in [0, 4], got True"),
        (Integer(0, 4, 2), 3, "must be 0 plus whole steps of 2, got 3"),
        (Choice((1, 2)), 3, "must be one of [1, 2], got 3"),
        (Choice((1, 2)), True, "must be one of [1, 2], got True"),
    ],
)
def test_encode_refuses_what_cannot_be_drawn(domain: Domain, value: Value, message: str) -> None:
    assert not domain.contains(value)
    with pytest.raises(StudyError) as caught:
        domain.encode(value)
    assert str(caught.value) == message


@pytest.mark.parametrize("u", [-0.01, 1.01, math.nan])
@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_decode_refuses_what_is_outside_the_unit_interval(domain: Domain, u: float) -> None:
    with pytest.raises(ValueError, match=r"u must be in \[0, 1\]"):
        domain.decode(u)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(1.0, 0.5), "low must be < high, got low 1.0 and high 0.5"),
        (lambda: Float(0.0, 1.0, LOG), "low must be > 0 on a log scale, got 0.0"),
        (lambda: Integer(4, 4), "low must be < high, got low 4 and high 4"),
        (lambda: Integer(0, 4, 0), "step must be > 0, got 0"),
        (
            lambda: Integer(0, 5, 2),
            "step must lead from low 0 to high 5 in whole steps, got 2",
        ),
        (
            lambda: Float(0.0, 1.0, step=2.0),
            "step must lead from low 0.0 to high 1.0 in whole steps, got 2.0",
        ),
        (lambda: Float(0.0, 1.0, step=math.nan), "step must be > 0, got nan"),
        (lambda: Choice(("a",)), "choices must hold at least two values, got ['a']"),
        (lambda: Choice((1, 2, 1)), "choices must differ from one another, got 1 twice"),
    ],
)
def test_bad_domains_are_refused_where_they_are_made(make: type, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        make()
    assert str(caught.value) == message
