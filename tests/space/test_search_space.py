"""The search space turns points of the unit cube into hyperparameters and back."""

import pickle
import timeit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.space.condition import Condition, Following
from caviar.space.domain import Choice, Float, Integer
from caviar.space.expression import Expression
from caviar.space.scale import LOG, ONE_MINUS
from caviar.space.search_space import SearchSpace

SPACE = SearchSpace(
    {
        "layers": Integer(2, 4),
        "learning_rate": Float(1e-4, 1.0, LOG),
        "beta_1": Float(0.9, 0.999, ONE_MINUS),
        "batch_size": Choice((32, 64, 128, 256), ordered=True),
    },
    {"optimizer": "adam", "epsilon": 1e-8},
)
POINTS = st.tuples(*[st.floats(0.0, 1.0)] * 4)


def test_a_point_becomes_hyperparameters_in_their_order() -> None:
    decoded = SPACE.decode([0.5, 0.5, 0.5, 0.5])
    assert list(decoded) == [
        "layers",
        "learning_rate",
        "beta_1",
        "batch_size",
        "optimizer",
        "epsilon",
    ]
    assert decoded == {
        "layers": 3,
        "learning_rate": pytest.approx(0.01),
        "beta_1": pytest.approx(0.99),
        "batch_size": 128,
        "optimizer": "adam",
        "epsilon": 1e-8,
    }
    assert (SPACE.names, SPACE.dimensions) == (tuple(decoded)[:4], 4)


@settings(deadline=None)
@given(POINTS)
def test_encode_finds_a_point_that_decodes_alike(point: tuple[float, ...]) -> None:
    decoded = SPACE.decode(point)
    again = SPACE.decode(SPACE.encode(decoded))
    assert again == {
        name: pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
        for name, value in decoded.items()
    }


def test_numpy_points_give_plain_values() -> None:
    decoded = SPACE.decode(np.full(4, 0.25))
    assert decoded == SPACE.decode([0.25] * 4)
    assert {type(value) for value in decoded.values()} == {int, float, str}


def test_a_space_without_searched_hyperparameters_has_one_point() -> None:
    space = SearchSpace({}, {"units": 64})
    assert space.dimensions == 0
    assert space.decode([]) == {"units": 64}
    assert space.encode({"units": 64}) == ()


def test_points_of_other_spaces_are_refused() -> None:
    with pytest.raises(ValueError, match="a point must have 4 values, got 3"):
        SPACE.decode([0.5] * 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"layers": 9, "learning_rate": 0.1, "beta_1": 0.9, "batch_size": 32},
            "layers: must be a whole number in [2, 4], got 9",
        ),
        ({"layers": 2}, "learning_rate: must be given, since the study searches it"),
    ],
)
def test_encode_names_the_hyperparameter(given: dict[str, int], message: str) -> None:
    with pytest.raises(StudyError) as caught:
        SPACE.encode(given)
    assert str(caught.value) == message


def test_nothing_is_both_searched_and_fixed() -> None:
    with pytest.raises(StudyError, match="searched or fixed, not both, got 'units'"):
        SearchSpace({"units": Integer(1, 2)}, {"units": 3})


def test_the_space_does_not_follow_its_makers_mapping() -> None:
    fixed = {"units": 64}
    space = SearchSpace({}, fixed)
    fixed["units"] = 65
    assert space.decode([]) == {"units": 64}


def constrained(*texts: str) -> SearchSpace:
    """A space in which beta_1 plays beside Adam only, and the batch follows the layers."""
    return SearchSpace(
        {"layers": Integer(2, 3), "optimizer": Choice(("sgd", "adam")), "beta_1": Float(0.5, 0.9)},
        {"units": 100, "batch_size": Following("layers", ((2, 32), (3, 64)))},
        {"beta_1": Condition((("optimizer", ("adam",)),))},
        tuple(map(Expression.parse, texts)),
    )


def test_without_constraints_everything_is_feasible() -> None:
    assert SPACE.feasible(SPACE.decode([0.1] * 4))
    assert SPACE.feasible_point([0.1] * 4)
    assert SPACE.feasible({})


@pytest.mark.parametrize(
    ("texts", "feasible"),
    [
        (["layers * units <= 200"], [True, True, False, False]),
        (["batch_size < 64"], [True, True, False, False]),
        (["beta_1 <= 0.6"], [True, False, True, False]),
        (["beta_1 <= 0.6", "layers == 3"], [False, False, True, False]),
        (["optimizer == 'adam' and beta_1 > 0.6 or layers == 2"], [True, True, False, True]),
    ],
)
def test_points_that_break_a_constraint_decode_and_are_not_feasible(
    texts: list[str], feasible: list[bool]
) -> None:
    space, free = constrained(*texts), constrained()
    points = [(layers, adam, 0.9) for layers in (0.1, 0.9) for adam in (0.1, 0.9)]
    assert [space.feasible_point(point) for point in points] == feasible
    for point in points:
        trial = space.decode(point)
        assert trial == free.decode(point)
        assert space.encode(trial) == free.encode(trial)
        assert space.feasible(trial) is space.feasible_point(point)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width < 3", "width < 3: unknown hyperparameter 'width'"),
        ("layers", 'must be true or false of a trial, as "units <= 400" is, got a number'),
        ("units == 'a'", "must compare like with like, got a number and text"),
        ("optimizer < 3", "must compare like with like, got a number and text"),
        ("batch_size in ['a']", "must compare like with like, got a number and text"),
    ],
)
def test_constraints_are_about_the_space(text: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        constrained(text)
    assert str(caught.value).startswith(message)


def test_spaces_survive_pickling() -> None:
    assert pickle.loads(pickle.dumps(SPACE)) == SPACE
    space = constrained("layers < 3")
    again = pickle.loads(pickle.dumps(space))
    assert again == space != constrained("layers < 4")
    assert [again.feasible({"layers": n}) for n in (2, 3)] == [True, False]


def test_decoding_is_cheap() -> None:
    fastest = min(timeit.repeat(lambda: SPACE.decode((0.3, 0.6, 0.2, 0.9)), number=200, repeat=5))
    assert fastest / 200 < 50e-6
