"""The three ways to run a step do the same, in different time."""

import pytest


@pytest.fixture(scope="module")
def sides(example):
    return example("decorators").compare(steps=10, rounds=5)


def test_all_learn_the_same(sides) -> None:
    losses = [side.loss for side in sides.values()]
    assert len(losses) == 3
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-3)
    assert losses[0] < 1.0  # from about ln 10: it did train


def test_eager_is_slowest_and_compiling_costs_once(sides) -> None:
    eager, graph, xla = sides.values()
    assert eager.step_s > graph.step_s
    assert eager.step_s > xla.step_s
    assert xla.first_call_s > 10 * xla.step_s
