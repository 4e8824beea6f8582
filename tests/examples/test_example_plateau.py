"""Gradient descent crawls on the plateau and in the ravine, at any rate; the others do not."""

import math

import numpy as np
import pytest


@pytest.fixture(scope="module")
def plateau(example):
    return example("plateau")


def test_gradient_descents_steps_by_hand(plateau) -> None:
    # Across, the first step of 1/1000 lands at 0; along, what is left shrinks by 1 - 1/1000 a
    # step and the cost is below 0.01 once it is below sqrt(0.02).
    expected = math.ceil(math.log(0.02**0.5) / math.log(1 - 1e-3))
    found = plateau.steps_to_goal("sgd", plateau.SURFACES["ravine"], [1e-3, 1e-5, 2.1e-3])
    np.testing.assert_array_equal(found, [expected, np.inf, np.inf])  # too slow, too fast


def test_adams_steps_are_of_the_learning_rate_on_the_plateau(plateau) -> None:
    # Its first steps are as long as the rate however flat it is: 4.5 is further than 0.1 x 40.
    (found,) = plateau.steps_to_goal("adam", plateau.SURFACES["plateau"], [0.1], 200)
    assert 40 < found < 100


@pytest.mark.parametrize(("surface", "times"), [("plateau", 10), ("ravine", 4)])
def test_gradient_descent_crawls_at_its_best_rate(plateau, surface, times) -> None:
    ground = plateau.SURFACES[surface]
    found = {name: plateau.steps_to_goal(name, ground, limit=3000) for name in plateau.NUMBERS}
    crawl = found.pop("sgd")
    assert 1000 < crawl.min() < 3000
    assert math.isinf(crawl[-1])  # larger rates were tried
    for name in ("momentum", "nesterov", "rmsprop", "adam"):
        assert found[name].min() * (7 if name == "nesterov" else times) < crawl.min(), name


def test_it_prints(plateau, capsys, monkeypatch) -> None:
    monkeypatch.setattr(plateau, "NUMBERS", {"sgd": {}})
    plateau.main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.split() == ["sgd", "1,398", "(1)", "1,956", "(0.001)"]
