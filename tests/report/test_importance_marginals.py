"""Shares of a forest's variance, against Optuna's and against what can be worked out by hand."""

import numpy as np
import pytest

from caviar.report.marginals import forest, shares
from caviar.report.optuna_importance import fanova, ped_anova
from caviar.report.weighing import Points, enough, weigh


def cube(d):
    return np.tile([0.0, 1.0], (d, 1))


def test_single_coordinates_are_optunas_on_the_same_forest() -> None:
    random = np.random.default_rng(0)
    x = random.random((60, 4))
    y = x[:, 0] ** 2 + 0.5 * x[:, 1] * x[:, 2] + 0.05 * random.random(60)
    bounds = np.array([(0.0, 1.0), (-0.5, 1.0), (0.0, 1.0), (0.0, 2.0)])
    ours, _ = shares(forest(x, y, 12, seed=3), bounds, range(4))
    assert ours == pytest.approx(fanova(x, y, bounds, trees=12, seed=3), abs=1e-9)


@pytest.mark.parametrize(
    ("function", "main", "together"),
    [
        (lambda x: x[:, 0] + 2 * x[:, 1], (1 / 5, 4 / 5), 0.0),
        (lambda x: x[:, 0] * x[:, 1], (3 / 7, 3 / 7), 1 / 7),
        (lambda x: (x[:, 0] > 0.5) != (x[:, 1] > 0.5), (0.0, 0.0), 0.95),
    ],
)
def test_shares_are_those_of_the_function(function, main, together) -> None:
    x = np.random.default_rng(0).random((1500, 3))
    grown = forest(x, function(x).astype(float), 6, seed=0)
    found, pairs = shares(grown, cube(3), range(3), [(0, 1), (1, 2)])
    assert found == pytest.approx((*main, 0.0), abs=0.04)
    assert pairs == pytest.approx((together, 0.0), abs=0.05)


def test_a_forest_without_variance_decides_nothing() -> None:
    x = np.random.default_rng(0).random((20, 2))
    found, pairs = shares(forest(x, np.ones(20), 4, seed=0), cube(2), range(2), [(0, 1)])
    assert found.tolist() == [0.0, 0.0]
    assert pairs.tolist() == [0.0]


def test_volumes_count_not_trials() -> None:
    """Where many trials lie is not where most of the box is."""
    x = np.concatenate([np.linspace(0, 0.1, 90), np.linspace(0.11, 1, 10)])
    other = np.random.default_rng(0).random(100)
    y = 1.0 * (x > 0.5) + 0.2 * (x < 0.05) + 0.3 * other
    found, _ = shares(forest(np.column_stack([x, other]), y, 16, seed=0), cube(2), [0])
    assert found[0] > 0.9


def test_ped_anova_takes_choices_for_what_they_are() -> None:
    """The middle one of three is best; with an order its neighbours would look good too."""
    random = np.random.default_rng(0)
    cell = random.integers(3, size=400)
    x = np.column_stack([(cell + 0.5) / 3, random.random(400)])
    y = np.where(cell == 1, 0.0, 1.0) + 0.001 * random.random(400)
    active = np.ones_like(x, dtype=bool)
    found = ped_anova(x, active, y, cube(2), {0: 3})
    assert found[0] > 0.8
    assert found.sum() == pytest.approx(1.0)


def test_enough_grows_with_what_varies() -> None:
    assert [enough(15, 1), enough(16, 1), enough(16, 8), enough(16, 9)] == [
        False,
        True,
        True,
        False,
    ]


def test_no_hyperparameter_that_all_have() -> None:
    """Every one is another's alternative: nothing is fitted to all trials, and nothing breaks."""
    random = np.random.default_rng(0)
    x = random.random((60, 2))
    first = random.random(60) < 0.5
    active = np.column_stack([first, ~first])
    y = np.where(first, x[:, 0], x[:, 1]).argsort().argsort() / 59
    found = weigh(Points(x, active, y, cube(2), {}), 0)
    assert (found.used, found.pairs) == (0, ())
    assert np.isfinite(found.share).all()
    assert (found.share > 0.3).all()
    assert found.share.sum() < 1.2
