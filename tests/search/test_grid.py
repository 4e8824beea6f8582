"""Grid search: the same few values of every axis, all combined, in shuffled order."""

import math

import numpy as np
import pytest

from caviar.search.box import Box
from caviar.search.grid import MOST_SHUFFLED, Grid
from caviar.space.axis import Axis
from caviar.space.domain import Choice, Domain, Float, Integer
from caviar.space.levels import configurations, levels, sizes
from caviar.space.scale import LOG
from caviar.space.search_space import SearchSpace

FREE, FIVE, THREE_KINDS = Axis(), Axis(5), Axis(3, ordered=False)


@pytest.mark.parametrize(
    ("axes", "trials", "counts"),
    [
        ([FREE, FREE], 25, (5, 5)),
        ([FREE, FREE], 29, (5, 5)),
        ([FREE, FREE], 30, (6, 5)),
        ([FREE, FIVE], 100, (20, 5)),
        ([FREE, THREE_KINDS], 12, (4, 3)),
        ([THREE_KINDS, THREE_KINDS], 4, (3, 3)),
        ([FREE] * 3, 7, (3, 2, 1)),
        ([FIVE], 1000, (5,)),
        ([], 10, ()),
        ([FREE], 1, (1,)),
    ],
)
def test_sizes(axes, trials, counts):
    assert sizes(axes, trials) == counts


@pytest.mark.parametrize(
    ("domain", "count", "values"),
    [
        (Float(1e-4, 1.0, LOG), 5, [1e-4, 1e-3, 1e-2, 1e-1, 1.0]),
        (Float(0.0, 1.0), 1, [0.5]),
        (Integer(1, 4, scale=LOG), 9, [1, 2, 3, 4]),
        (Integer(16, 128, 16), 2, [16, 128]),
        (Float(0.1, 0.5, step=0.1), 5, [0.1, 0.2, 0.3, 0.4, 0.5]),
        (Choice(("a", True, 1)), 3, ["a", True, 1]),
        (Choice((1, 2, 3, 4, 5), ordered=True), 3, [1, 3, 5]),
    ],
)
def test_levels(domain: Domain, count, values):
    found = [domain.decode(place) for place in levels(domain, count)]
    assert found == pytest.approx(values) if isinstance(domain, Float) else found == values


def test_every_combination_once_then_no_more():
    grid = Grid([[0.0, 0.5, 1.0], [0.25, 0.75]], seed=3)
    points = [tuple(grid.suggest(draw, Box.whole(2)).point) for draw in range(6)]
    assert sorted(points) == [(a, b) for a in (0.0, 0.5, 1.0) for b in (0.25, 0.75)]
    assert points != sorted(points)
    assert grid.suggest(6, Box.whole(2)) is None


def test_a_grid_too_large_to_shuffle():
    grid = Grid([[0.0, 0.5, 1.0]] * 40, seed=0)
    assert grid.size == 3**40 > MOST_SHUFFLED
    points = np.array([grid.suggest(draw, Box.whole(40)).point for draw in range(50)])
    assert len(np.unique(points, axis=0)) == 50
    assert set(points.ravel()) == {0.0, 0.5, 1.0}


def test_configurations():
    assert configurations(SearchSpace({}, {"x": 1})) == 1
    assert configurations(SearchSpace({"x": Float(0.0, 1.0)})) is None
    assert configurations(SearchSpace({"n": Integer(1, 4), "kind": Choice(("a", "b"))})) == 8
    assert configurations(SearchSpace({"n": Integer(1, 10**6)})) is None
    assert math.prod(sizes([], 3)) == 1
