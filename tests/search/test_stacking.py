import math

import pytest

from caviar.search.stacking import LONGEST_S, MOST_LANES, REMEMBERED, Pace, StackSize
from caviar.study.records import Signature

SMALL = Signature((64,), 32, "adam")


def test_pace_is_a_median_that_one_slow_call_does_not_sway():
    pace = Pace()
    assert pace.seconds(SMALL) is None
    for seconds in (0.1, 0.1, 9.0, math.nan, math.inf, -1.0):
        pace.observe(SMALL, seconds)
    assert pace.seconds(SMALL) == pytest.approx(0.1)


def test_pace_forgets():
    pace = Pace()
    for seconds in [5.0] * 100 + [1.0] * REMEMBERED:
        pace.observe(SMALL, seconds)
    assert pace.seconds(SMALL) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("stack", "slices", "startable", "epochs", "seconds", "lanes"),
    [
        ("auto", 1, 100, 1, None, MOST_LANES),
        ("auto", 2, 5, 1, None, 3),  # all slices get some
        ("auto", 8, 5, 1, None, 1),
        ("auto", 2, 5, 1, 0.0, MOST_LANES),  # no work to speak of: nothing to share
        ("auto", 2, 5, 2, 0.1, 5),  # a second's worth is not cut smaller
        ("auto", 1, 100, 2, LONGEST_S / 10, 5),  # ten seconds at most
        ("auto", 1, 100, 27, LONGEST_S, 1),
        (4, 1, 100, 1, None, 4),
        (4, 1, 100, 27, 100.0, 4),  # a person's number is not bounded by time
        (64, 2, 100, 1, None, 50),
        (1, 1, 100, 1, 0.0, 1),
    ],
)
def test_lanes(stack, slices, startable, epochs, seconds, lanes):
    assert StackSize(stack, slices).lanes(startable, epochs, seconds) == lanes
