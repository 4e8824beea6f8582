"""Axes of the plots: places on the hyperparameter's scale, ticks in a person's units."""

import pytest

from caviar.report.page.axes import Axis, axes_of, tick_values
from caviar.space.domain import Choice, Float, Integer
from caviar.space.scale import LOG, ONE_MINUS
from caviar.study.records import Trial


@pytest.mark.parametrize(
    ("domain", "values"),
    [
        (Float(1e-4, 1.0, LOG), [1e-4, 1e-3, 1e-2, 1e-1, 1.0]),
        (Float(0.9, 0.999, ONE_MINUS), [0.9, 0.99, 0.999]),
        (Float(0.01, 0.1, LOG), [0.01, 0.02, 0.05, 0.1]),
        (Float(0.0, 1.0), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (Integer(2, 4), [2, 3, 4]),
        (Integer(50, 100), [50, 60, 70, 80, 90, 100]),
        (Choice(("relu", "tanh")), ["relu", "tanh"]),
        (Float(0.0, 0.99, ONE_MINUS), [0.0, 0.9, 0.99]),
    ],
)
def test_ticks_are_round_values(domain, values) -> None:
    assert (
        tick_values(domain, 0.0, 1.0) == pytest.approx(values)
        if _is_number(values)
        else tick_values(domain, 0.0, 1.0) == values
    )


def _is_number(values):
    return not isinstance(values[0], str)


def test_ticks_lie_where_the_search_put_the_value() -> None:
    rate, beta = Axis("rate", 0, Float(1e-4, 1.0, LOG)), Axis("b", 1, Float(0.9, 0.999, ONE_MINUS))
    places, texts = rate.ticks()
    assert places == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    assert texts == ["0.0001", "0.001", "0.01", "0.1", "1"]
    assert beta.ticks()[0] == pytest.approx([0.0, 0.5, 1.0])
    assert (rate.hint, beta.hint) == ("log scale", "1 \u2212 x on a log scale")


def test_many_choices_are_thinned() -> None:
    found = tick_values(Choice(tuple(range(40))), 0.0, 1.0)
    assert 1 < len(found) <= 12


def test_a_narrow_stretch_still_has_two_ticks() -> None:
    assert len(tick_values(Float(1e-4, 1.0, LOG), 0.501, 0.502)) == 2


def test_bounds_that_may_grow_show_home_and_what_was_tried() -> None:
    domain = Float(1e-8, 1.0, LOG, home=(1e-5, 1e-3))
    low, high = domain.span(1e-5, 1e-3)
    trials = [Trial(0, (0.5,), {"rate": domain.decode(0.5)}), Trial(1, (0.9,), {"rate": 0.1})]
    (found,) = axes_of([("rate", domain)], trials)
    assert (found.low, found.high) == pytest.approx((low, 0.9))
    assert high < 0.9


def test_a_trial_without_the_hyperparameter_has_no_place() -> None:
    axis = Axis("momentum", 0, Float(0.0, 0.99, ONE_MINUS))
    assert axis.place(Trial(0, (0.5,), {})) is None
    assert axis.place(Trial(0, (), {"momentum": 0.5})) is None
    assert axis.place(Trial(0, (0.3,), {"momentum": 0.5})) == 0.3


def test_a_value_of_a_cell_is_settled_in_its_middle() -> None:
    axis = Axis("layers", 0, Integer(1, 4))
    assert axis.settled(Trial(0, (0.01,), {"layers": 1})) == pytest.approx(0.125)
