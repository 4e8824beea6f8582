"""Where one of two hyperparameters matters, a grid tries few of its values."""

import pytest


@pytest.fixture(scope="module")
def grid_or_random(example):
    return example("grid_or_random")


def test_a_grid_tries_five_values_and_random_all_of_them(grid_or_random) -> None:
    grid = grid_or_random.learning_rates("grid")
    assert len(grid) == 25
    assert sorted(set(grid)) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    for searcher in ("random", "sobol"):
        assert len(set(grid_or_random.learning_rates(searcher))) == 25


def test_random_comes_nearer_and_an_even_cover_nearest(grid_or_random) -> None:
    grid, random, sobol = map(grid_or_random.misses, grid_or_random.SEARCHERS)
    assert grid > 1.5 > random > sobol > 1.0


def test_the_grid_misses_by_half_a_step_at_most(grid_or_random) -> None:
    assert grid_or_random.nearest_miss([0.01, 0.1], 0.03) == pytest.approx(3.0)


def test_grid_or_random_prints(grid_or_random, capsys) -> None:
    grid_or_random.main()
    out = capsys.readouterr().out
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["5", "25", "25"]
