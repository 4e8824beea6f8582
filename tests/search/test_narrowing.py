import numpy as np
import pytest
from simulated import maker, smooth

from caviar.errors import StudyError
from caviar.search import narrowing
from caviar.search.box import Box
from caviar.search.drawing import Drawing
from caviar.search.quasi_random import Sobol
from caviar.search.simulate import Simulation
from caviar.space.domain import Choice, Float, Integer
from caviar.space.expression import Expression
from caviar.space.scale import LOG
from caviar.space.search_space import SearchSpace
from caviar.study.records import Change, ChangeKind

SPACE = SearchSpace(
    {
        "rate": Float(1e-4, 1.0, LOG),
        "units": Integer(16, 128, 16),
        "wide": Integer(1, 1000, scale=LOG),
        "batch": Choice((32, 64, 128, 256), ordered=True),
        "kind": Choice(("a", "b", "c", "d")),
    },
    constraints=(Expression.parse("units * wide <= 64000"),),
)
WHOLE = Box.whole(5)


def change(name, low=None, high=None, choices=None):
    detail = {"low": low, "high": high} if choices is None else {"choices": choices}
    return Change(ChangeKind.NARROW, {"name": name, **detail})


def drawn(box, count=2000):
    points = np.random.default_rng(0).random((count, 5))
    corners = np.array([np.zeros(5), np.ones(5)])
    return [SPACE.decode(box.place(point)) for point in [*corners, *points]]


@pytest.mark.parametrize(
    ("wish", "left"),
    [
        (change("units", 32, 64), {32, 48, 64}),
        (change("units", 16, 16), {16}),
        (change("wide", 7, 11), {7, 8, 9, 10, 11}),
        (change("wide", 1, 2), {1, 2}),
        (change("wide", 998, 1000), {998, 999, 1000}),
        (change("batch", choices=[64, 128]), {64, 128}),
        (change("batch", choices=[32, 256]), {32, 256}),
        (change("kind", choices=["d", "b"]), {"b", "d"}),
        (change("kind", choices=["c"]), {"c"}),
    ],
)
def test_all_that_is_left_is_drawn_and_nothing_else(wish, left):
    name = wish.detail["name"]
    box = narrowing.narrowed(WHOLE, SPACE, wish)
    found = [values[name] for values in drawn(box)]
    assert set(found) == left
    assert all(narrowing.leaves(wish, {name: value}) for value in found)
    # Each has a fair share of the draws, those at the ends of a range as well.
    shares = [found.count(value) / len(found) for value in left]
    assert min(shares) > 0.5 / len(left)
    others = [values for values in drawn(WHOLE) if values[name] not in left]
    assert not any(narrowing.leaves(wish, values) for values in others)


def test_a_continuum_is_narrowed_on_its_scale():
    box = narrowing.narrowed(WHOLE, SPACE, change("rate", 1e-3, 1e-1))
    assert (box.low[0], box.high[0]) == pytest.approx((0.25, 0.75))
    rates = np.array([values["rate"] for values in drawn(box)])
    assert rates.min() >= 1e-3 * (1 - 1e-12)
    assert rates.max() <= 1e-1 * (1 + 1e-12)
    assert np.mean(rates < 1e-2) == pytest.approx(0.5, abs=0.05)


def test_the_later_word_on_an_axis_stands_and_others_stay():
    box = narrowing.narrowed(WHOLE, SPACE, change("rate", 1e-3, 1e-2))
    box = narrowing.narrowed(box, SPACE, change("kind", choices=["a"]))
    box = narrowing.narrowed(box, SPACE, change("rate", 1e-4, 1.0))
    assert (box.low[0], box.high[0]) == (0.0, 1.0)
    assert {values["kind"] for values in drawn(box)} == {"a"}


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        (change("rate", 1e-5, 1e-2), "rate: must be in [0.0001, 1.0], got 1e-05"),
        (change("units", 16, 999), "units: must be a whole number in [16, 128], got 999"),
        (change("kind", choices=["e"]), "kind: must be one of ['a', 'b', 'c', 'd'], got 'e'"),
        (change("units", choices=[16]), "units: must be narrowed by a range low..high"),
        (change("depth", 1, 2), "depth: must be searched to be narrowed"),
    ],
)
def test_what_is_outside_the_space_is_refused(wish, line):
    with pytest.raises(StudyError) as caught:
        narrowing.narrowed(WHOLE, SPACE, wish)
    assert str(caught.value).startswith(line)
    assert narrowing.why_not(wish, Drawing(Sobol(5, 0), SPACE)) == str(caught.value)


def test_a_box_without_a_feasible_point_is_refused():
    drawing = Drawing(Sobol(5, 0), SPACE)
    assert narrowing.why_not(change("units", 128, 128), drawing) is None
    drawing.within(narrowing.narrowed(WHOLE, SPACE, change("units", 128, 128)))
    refusal = narrowing.why_not(change("wide", 900, 1000), drawing)
    assert refusal == "search.where: must hold somewhere, but of 10,000 points it never did"


def test_an_inactive_hyperparameter_is_in_every_box():
    assert narrowing.leaves(change("rate", 0.1, 0.2), {"units": 16})


def point(**values):
    return Change(ChangeKind.ADD_POINT, {"hyperparameters": values})


def test_a_point_is_refused_once_it_is_tried_or_waits():
    drawing = Drawing(Sobol(5, 0), SPACE)
    values = {"rate": 0.005, "units": 32, "wide": 10, "batch": 64, "kind": "b"}
    assert narrowing.why_not(point(**values), drawing) is None
    drawing.give(values)
    assert narrowing.why_not(point(**values), drawing).endswith("it waits to be tried already")
    trial, _ = drawing.next(0)
    drawing.note(trial)
    assert narrowing.why_not(point(**values), drawing).endswith("it is trial 0 already")
    del values["kind"]  # the searcher has a choice left
    assert narrowing.why_not(point(**values), drawing) is None


def test_a_strategy_draws_from_the_narrowed_box_and_so_does_its_heir():
    make = maker(trials=40, look_ahead=1)
    simulation = Simulation(make, smooth)
    simulation.run(until_s=10.0)
    narrow = change("x", 0.5, 0.7)
    assert simulation.strategy.refusal(narrow) is None
    simulation.strategy.change(narrow)
    simulation.outcome.entries.append(narrow)
    before = len(simulation.strategy.trials)
    heir = make()
    heir.replay(simulation.outcome.entries)
    outcome = simulation.run()
    late = [trial.hyperparameters["x"] for trial in simulation.strategy.trials[before:]]
    assert late
    assert all(0.5 <= x <= 0.7 for x in late)
    news = []
    while len(heir.trials) < len(simulation.strategy.trials):
        heir.next_assignment()
        news += heir.news()
    assert list(heir.trials) == list(simulation.strategy.trials)
    assert outcome.entries.count(narrow) == 1
