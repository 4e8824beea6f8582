"""Early stopping by hand, and that a pause changes nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.train.early_stopping import EarlyStopping, reason

NAN = math.nan


def walk(rule, values, best=None, behind=0):
    """The best and the epoch at which the rule stops, None if it does not."""
    for epoch, value in enumerate(values, behind + 1):
        best, stop = rule.after(best, epoch, value)
        if stop:
            return best, epoch
    return best, None


@pytest.mark.parametrize(
    ("patience", "lower", "values", "best", "end"),
    [
        (2, True, [3.0, 2.0, 2.5, 2.1, 1.0], (2, 2.0), 4),
        (3, True, [3.0, 2.0, 2.5, 2.1, 1.0], (5, 1.0), None),
        (2, False, [0.5, 0.9, 0.8, 0.7, 1.0], (2, 0.9), 4),
        (1, False, [0.5, 0.5, 0.6], (1, 0.5), 2),
        (0, False, [0.5] * 50, (1, 0.5), None),
        (2, True, [2.0, NAN, 1.0, NAN, NAN, 0.0], (3, 1.0), 5),
        (2, False, [2.0, NAN, NAN], (1, 2.0), 3),
        (3, True, [NAN] * 5, None, 3),
        (3, True, [math.inf, math.inf, 1.0], (3, 1.0), None),
        (2, False, [-math.inf, 0.1, -math.inf], (2, 0.1), None),
        (2, True, [], None, None),
    ],
)
def test_by_hand(patience, lower, values, best, end):
    assert walk(EarlyStopping(patience, lower), values) == (best, end)


def test_equal_is_not_better_and_the_first_stays_the_best():
    rule = EarlyStopping(5, lower_is_better=False)
    assert rule.best([(1, 0.5), (2, 0.7), (3, 0.7), (4, 0.6)]) == (2, 0.7)
    assert rule.best([]) is None


metrics = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, NAN, math.inf, -math.inf]), max_size=15)


@given(metrics, st.integers(0, 5), st.booleans(), st.data())
def test_a_pause_changes_nothing(values, patience, lower, data):
    rule = EarlyStopping(patience, lower)
    whole = walk(rule, values)
    end = whole[1]
    pause = data.draw(st.integers(0, len(values) if end is None else end - 1))
    # What a slice that takes the trial up again is told: the journal's best of the epochs so far.
    kept = rule.best(enumerate(values[:pause], 1))
    assert walk(rule, values[pause:], kept, pause) == whole


@given(metrics, st.integers(1, 5), st.booleans())
def test_it_stops_at_the_first_window_without_a_better_value(values, patience, lower):
    sign = 1 if lower else -1
    costs = [math.inf if math.isnan(v) else sign * v for v in values]
    lowest = [min([math.inf, *costs[:n]]) for n in range(len(costs) + 1)]
    stops = [n for n in range(patience, len(costs) + 1) if lowest[n] == lowest[n - patience]]
    assert walk(EarlyStopping(patience, lower), values)[1] == (stops[0] if stops else None)


def test_the_reason_in_words():
    assert (
        reason("dev_loss", (4, 0.123456), 9)
        == "no better dev_loss than 0.1235 of epoch 4 in 5 epochs"
    )
    assert reason("dev_loss", None, 3) == "dev_loss was never a number in 3 epochs"
