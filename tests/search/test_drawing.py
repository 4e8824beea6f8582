"""Trials out of suggestions: given points first, duplicates and infeasible ones drawn again."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.search.box import Box
from caviar.search.drawing import FILLINGS, GIVEN, TRIES, Drawing
from caviar.search.grid import Grid
from caviar.search.quasi_random import Sobol
from caviar.search.searcher import Suggestion
from caviar.search.uniform import Uniform
from caviar.space.condition import Condition
from caviar.space.domain import Choice, Float, Integer
from caviar.space.expression import Expression
from caviar.space.scale import LOG
from caviar.space.search_space import SearchSpace
from caviar.study.records import Trial, Value

SPACE = SearchSpace(
    {
        "rate": Float(1e-4, 1.0, LOG),
        "units": Integer(16, 64, 16),
        "kind": Choice(("a", "b")),
        "beta": Choice((1, 2)),
    },
    {"fixed": 7},
    {"beta": Condition((("kind", ("b",)),))},
)
WHOLE = {"rate": 0.003, "units": 32, "kind": "a"}


def draw(drawing: Drawing, count: int, first: int = 0) -> list[Trial]:
    trials = []
    for index in range(first, first + count):
        drawn = drawing.next(index)
        if drawn is None:
            break
        drawing.note(drawn[0])
        trials.append(drawn[0])
    return trials


def drawing_of(points: list[Mapping[str, Value]], seed: int = 0) -> Drawing:
    return Drawing(Sobol(4, seed), SPACE, points)


def test_given_points_come_first_in_their_order_and_to_the_digit() -> None:
    other = {"rate": 0.1, "units": 64, "kind": "b", "beta": 2}
    trials = draw(drawing_of([WHOLE, other]), 4)
    assert [dict(trial.hyperparameters) for trial in trials[:2]] == [
        WHOLE | {"fixed": 7},
        other | {"fixed": 7},
    ]
    assert [trial.origin for trial in trials] == [GIVEN, GIVEN, "cover", "cover"]


def test_a_whole_point_takes_none_of_the_searchers() -> None:
    trials = draw(drawing_of([WHOLE]), 4)
    assert [trial.draw for trial in trials] == [None, 0, 1, 2]
    assert [t.point for t in trials[1:]] == [t.point for t in draw(drawing_of([]), 3)]


def test_the_searcher_gives_what_a_point_leaves_open() -> None:
    partial = {"units": 48}
    trials = draw(drawing_of([partial, partial]), 3)
    assert [t.origin for t in trials] == [GIVEN, GIVEN, "cover"]
    assert [t.hyperparameters["units"] for t in trials[:2]] == [48, 48]
    assert trials[0].hyperparameters != trials[1].hyperparameters
    assert trials[0].point[0] == Sobol(4, 0).point(0)[0]


def test_a_given_point_that_was_tried_is_passed_over() -> None:
    trials = draw(drawing_of([WHOLE, dict(WHOLE), {"kind": "b", "rate": 0.1}]), 4)
    assert [t.origin for t in trials] == [GIVEN, GIVEN, "cover", "cover"]
    assert trials[1].hyperparameters["kind"] == "b"


def test_a_partial_point_whose_configurations_are_all_tried_is_passed_over() -> None:
    space = SearchSpace({"kind": Choice(("a", "b")), "beta": Integer(1, 3)})
    drawing = Drawing(Uniform(2, 0), space, [{"kind": "b"}] * 5)
    trials = draw(drawing, 10)
    assert [t.origin for t in trials] == [GIVEN] * 3 + ["random"] * 3
    assert drawing.exhausted
    drawing.give({"kind": "b"})
    assert drawing.next(6) is None


def test_what_is_given_later_is_next() -> None:
    drawing = drawing_of([])
    before = draw(drawing, 3)
    drawing.give(WHOLE)
    after = draw(drawing, 2, first=3)
    assert [t.origin for t in before + after] == ["cover"] * 3 + [GIVEN, "cover"]
    assert after[1].draw == 3


def test_an_infeasible_point_is_tried_all_the_same() -> None:
    space = SearchSpace(dict(SPACE.domains), constraints=(Expression.parse("units <= 32"),))
    drawing = Drawing(Sobol(4, 0), space, [{"units": 64}])
    trials = draw(drawing, 20)
    assert trials[0].hyperparameters["units"] == 64
    assert all(int(t.hyperparameters["units"]) <= 32 for t in trials[1:])


def test_what_is_left_open_is_chosen_feasible() -> None:
    space = SearchSpace(
        {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)},
        constraints=(Expression.parse("x + y <= 0.6"),),
    )
    for seed in range(10):
        (trial,) = draw(Drawing(Uniform(2, seed), space, [{"x": 0.5}]), 1)
        assert trial.hyperparameters["x"] == 0.5
        assert float(trial.hyperparameters["y"]) <= 0.1


def test_a_given_point_is_tried_after_the_searchers_last() -> None:
    drawing = Drawing(Grid([[0.1], [0.5], [0.1], [0.1]], 0), SPACE)
    assert len(draw(drawing, 5)) == 1
    assert drawing.exhausted
    drawing.give({"units": 64})
    (trial,) = draw(drawing, 5, first=1)
    assert (trial.origin, trial.hyperparameters["units"]) == (GIVEN, 64)


def test_asking_changes_nothing() -> None:
    drawing = drawing_of([{"units": 48}])
    assert drawing.next(0) == drawing.next(0)


def test_a_space_without_a_feasible_point_ends() -> None:
    space = SearchSpace({"x": Float(0.0, 1.0)}, constraints=(Expression.parse("x > 2"),))
    drawing = Drawing(Uniform(1, 0), space)
    assert drawing.next(0) is None
    assert drawing.exhausted


class Counted(Uniform):
    """Counts how often it is asked; `stubborn`, it always answers the same."""

    asked = 0
    stubborn = False

    def suggest(self, draw: int, box: Box) -> Suggestion:
        self.asked += 1
        return super().suggest(0 if self.stubborn else draw, box)


def test_it_gives_up_after_so_many_tries() -> None:
    searcher = Counted(1, 0)
    searcher.stubborn = True
    drawing = Drawing(searcher, SearchSpace({"x": Float(0.0, 1.0)}))
    assert len(draw(drawing, 3)) == 1
    assert searcher.asked == 1 + TRIES


def test_what_is_tried_already_is_looked_for_once() -> None:
    searcher = Counted(2, 0)
    space = SearchSpace({"x": Float(0.0, 1.0), "kind": Choice(("a", "b"))})
    drawing = Drawing(searcher, space, [{"x": 0.5, "kind": "a"}, {"x": 0.5, "kind": "b"}])
    draw(drawing, 2)
    drawing.give({"x": 0.5})
    draw(drawing, 10, first=2)
    assert searcher.asked == FILLINGS + 10


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "rate": st.floats(1e-4, 1.0),
                "units": st.sampled_from([16, 32, 48, 64]),
                "kind": st.sampled_from(["a", "b"]),
            },
        ).filter(bool),
        max_size=4,
    ),
    cut=st.integers(0, 8),
    seed=st.integers(0, 99),
)
def test_replayed_at_any_point_it_goes_on_the_same(points, cut, seed) -> None:
    whole = draw(drawing_of(points, seed), 8)
    heir = drawing_of(points, seed)
    for trial in whole[:cut]:
        heir.note(trial)
    assert draw(heir, 8 - cut, first=cut) == whole[cut:]
    assert [t.origin for t in whole].count(GIVEN) <= len(points)
    configurations = [tuple(sorted(t.hyperparameters.items())) for t in whole]
    assert len(set(configurations)) == len(whole)
    for values in points:
        assert any(
            all(trial.hyperparameters[name] == value for name, value in values.items())
            for trial in whole
        )


@pytest.mark.parametrize("axis", range(4))
def test_trials_lie_where_their_hyperparameters_do(axis: int) -> None:
    for trial in draw(drawing_of([{"rate": 0.003}]), 5):
        name = SPACE.names[axis]
        if name in trial.hyperparameters:
            decoded = SPACE.domains[name].decode(trial.point[axis])
            assert decoded == pytest.approx(trial.hyperparameters[name])
