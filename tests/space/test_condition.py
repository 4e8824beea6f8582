"""Hyperparameters that play only beside certain values of others."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.space.condition import Condition, Following, in_order
from caviar.space.domain import Choice, Float, Integer
from caviar.space.search_space import INACTIVE, SearchSpace

ADAM = Condition((("optimizer", ("adam", "adamw")),))
SPACE = SearchSpace(
    {
        "beta_1": Float(0.0, 0.9),
        "optimizer": Choice(("sgd", "adam", "adamw")),
        "clip": Choice((True, False)),
        "norm": Integer(1, 8),
    },
    {
        "epsilon": 1e-8,
        "seed": 7,
        "length": Following("optimizer", (("sgd", 27.0), ("adam", 1.0))),
    },
    {
        "beta_1": ADAM,
        "epsilon": ADAM,
        # Two steps: clip must be active itself, and true.
        "clip": ADAM,
        "norm": Condition((("clip", (True,)), ("optimizer", ("adam",)))),
    },
)
POINTS = st.tuples(*[st.floats(0.0, 1.0)] * 4)


@pytest.mark.parametrize(
    ("point", "decoded"),
    [
        ((0.5, 0.1, 0.1, 0.1), {"optimizer": "sgd", "seed": 7, "length": 27.0}),
        (
            (0.5, 0.5, 0.1, 0.1),
            {"beta_1": 0.45, "optimizer": "adam", "clip": True, "norm": 1}
            | {"epsilon": 1e-8, "seed": 7, "length": 1.0},
        ),
        (
            (0.5, 0.5, 0.9, 0.1),
            {"beta_1": 0.45, "optimizer": "adam", "clip": False}
            | {"epsilon": 1e-8, "seed": 7, "length": 1.0},
        ),
        (
            (1.0, 0.9, 0.1, 0.1),
            {"beta_1": 0.9, "optimizer": "adamw", "clip": True, "epsilon": 1e-8, "seed": 7},
        ),
    ],
)
def test_inactive_ones_are_left_out(point: tuple[float, ...], decoded: dict) -> None:
    found = SPACE.decode(point)
    assert found == decoded
    assert list(found) == list(decoded)


def test_the_coordinate_of_an_inactive_one_says_nothing() -> None:
    assert SPACE.decode((0.1, 0.1, 0.2, 0.3)) == SPACE.decode((0.9, 0.2, 0.8, 0.7))
    assert SPACE.encode({"optimizer": "sgd"}) == (INACTIVE, pytest.approx(1 / 6), 0.5, 0.5)
    # A journal older than the condition may hold a value.
    assert SPACE.encode({"optimizer": "sgd", "beta_1": 0.9})[0] == INACTIVE


@settings(deadline=None)
@given(POINTS)
def test_encoding_finds_the_point_again(point: tuple[float, ...]) -> None:
    decoded = SPACE.decode(point)
    again = SPACE.decode(SPACE.encode(decoded))
    assert again == {
        name: pytest.approx(value, abs=1e-12) if isinstance(value, float) else value
        for name, value in decoded.items()
    }


def test_an_active_one_must_be_given() -> None:
    with pytest.raises(StudyError, match="beta_1: must be given, since the study searches it"):
        SPACE.encode({"optimizer": "adam"})


def test_true_is_not_one() -> None:
    space = SearchSpace({"a": Choice((0, 1))}, {"b": 2}, {"b": Condition((("a", (True,)),))})
    assert space.decode([0.9]) == {"a": 1}


def test_conditions_survive_pickling_and_are_compared() -> None:
    assert pickle.loads(pickle.dumps(SPACE)) == SPACE
    assert SearchSpace(SPACE.domains, SPACE.fixed) != SPACE
    assert pickle.loads(pickle.dumps(SPACE)).decode([0.5] * 4) == SPACE.decode([0.5] * 4)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (
            {"a": Condition((("b", (1,)),)), "b": Condition((("a", (1,)),))},
            "conditions must not lead back to where they began, got a -> b -> a",
        ),
        (
            {"a": Condition((("a", (1,)),))},
            "conditions must not lead back to where they began, got a -> a",
        ),
        ({"a": Condition((("c", (1,)),))}, "a: a condition must be about the space, got 'c'"),
        ({"c": Condition((("a", (1,)),))}, "c: a condition must be about the space, got 'c'"),
    ],
)
def test_conditions_that_lead_nowhere_are_refused(conditions: dict, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        SearchSpace({"a": Integer(1, 2)}, {"b": 1}, conditions)
    assert str(caught.value) == message


def test_names_come_behind_what_they_need_and_otherwise_in_order() -> None:
    assert in_order({"a": ("c",), "b": (), "c": ("d",), "d": ()}) == ("d", "c", "a", "b")


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (ADAM, "optimizer = adam, adamw"),
        (
            Condition((("batch_norm", (True,)), ("layers", (1, 2, 3, 4)))),
            "batch_norm = true; layers = 1 to 4",
        ),
        (Condition((("layers", (1, 2)),)), "layers = 1, 2"),
        (Condition((("layers", (1, 3, 4)),)), "layers = 1, 3, 4"),
    ],
)
def test_a_condition_reads_as_in_a_table(condition: Condition, text: str) -> None:
    assert str(condition) == text
