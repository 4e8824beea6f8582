import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.search.quasi_random import CHUNK, Sobol


@given(st.integers(1, 8), st.integers(0, 2**32), st.lists(st.integers(0, 3000), max_size=6))
def test_a_point_depends_on_seed_dimensions_and_index_alone(dimensions, seed, indices):
    asked_at_random = Sobol(dimensions, seed)
    for index in indices:
        fresh = Sobol(dimensions, seed)
        np.testing.assert_array_equal(asked_at_random.point(index), fresh.point(index))


def test_it_is_scipys_sequence_across_chunks():
    from scipy.stats import qmc

    searcher = Sobol(4, 11)
    points = np.array([searcher.point(i) for i in range(4 * CHUNK)])
    whole = qmc.Sobol(4, scramble=True, rng=np.random.default_rng(11)).random(4 * CHUNK)
    np.testing.assert_array_equal(points, whole)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 3, 255, 257, 1025])
def test_any_count_without_warnings(count):
    searcher = Sobol(2, 0)
    points = np.array([searcher.point(i) for i in range(count)])
    assert points.shape == (count, 2)
    assert len(np.unique(points, axis=0)) == count
    assert points.min() >= 0
    assert points.max() < 1


def test_seeds_differ():
    assert not np.array_equal(Sobol(3, 0).point(0), Sobol(3, 1).point(0))


def test_it_covers_the_cube_evenly():
    searcher = Sobol(2, 5)
    cells = {tuple((searcher.point(i) * 16).astype(int)) for i in range(256)}
    assert len(cells) == 256


@pytest.mark.filterwarnings("error")
def test_far_and_wide():
    point = Sobol(300, 0).point(100_000)
    assert point.shape == (300,)


def test_without_dimensions():
    searcher = Sobol(0, 0)
    assert searcher.point(0).shape == (0,)
    assert searcher.point(9_999).shape == (0,)


def test_a_suggestion_is_the_callers_own():
    searcher = Sobol(2, 0)
    searcher.point(0)[:] = 7.0
    assert searcher.point(0).max() < 1
