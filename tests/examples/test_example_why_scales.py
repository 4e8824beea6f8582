"""The right scale spends its draws evenly; the linear one does not."""

import pytest


@pytest.fixture(scope="module")
def why_scales(example):
    return example("why_scales")


def test_momentum_above_099(why_scales) -> None:
    edges = why_scales.MOMENTA
    assert why_scales.shares(edges, why_scales.ONE_MINUS)[-1] == pytest.approx(0.5, abs=0.02)
    assert why_scales.shares(edges, why_scales.LINEAR)[-1] == pytest.approx(1 / 11, abs=0.01)


def test_every_decade_of_a_learning_rate_alike(why_scales) -> None:
    edges = why_scales.LEARNING_RATES
    assert why_scales.shares(edges, why_scales.LOG) == pytest.approx([0.25] * 4, abs=0.02)
    assert why_scales.shares(edges, why_scales.LINEAR)[-1] == pytest.approx(0.9, abs=0.01)


def test_shares_are_of_all_draws(why_scales) -> None:
    assert sum(why_scales.shares((0.1, 0.2, 5.0), why_scales.LOG, draws=500)) == 1.0


def test_it_prints(why_scales, capsys) -> None:
    why_scales.main()
    out = capsys.readouterr().out
    assert "one_minus" in out
    assert "49.9%" in out
