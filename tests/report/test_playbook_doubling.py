"""What twice as many trials would buy, against distributions of which it is known."""

import numpy as np
import pytest

from caviar.report.doubling import FEWEST, _best_of, doubling


def truth(draw, n, random):
    both = draw(random, (3000, 2 * n))
    return both.max(axis=1).mean() - both[:, :n].max(axis=1).mean()


@pytest.mark.parametrize("n", [24, 64, 200])
@pytest.mark.parametrize(
    "draw",
    [
        lambda random, size: random.beta(5, 1, size),
        lambda random, size: random.beta(2, 2, size),
        lambda random, size: 1 - random.exponential(size=size),
        lambda random, size: -((random.random((*size, 4)) - 0.4) ** 2).sum(axis=-1),
    ],
    ids=["beta(5, 1)", "beta(2, 2)", "exponential", "a bowl in four dimensions"],
)
def test_it_is_right_in_the_mean_and_its_interval_mostly(draw, n) -> None:
    random = np.random.default_rng(n)
    true = truth(draw, n, random)
    found = [doubling(draw(random, (1, n))[0], seed) for seed in range(40)]
    assert np.mean([gain.expected for gain in found]) == pytest.approx(true, rel=0.45)
    assert np.mean([gain.low <= true <= gain.high for gain in found]) >= 0.75


def test_the_mean_best_of_k_is_exact() -> None:
    values = np.array([1.0, 2.0, 5.0, 9.0])
    assert _best_of(4, 1) @ values == pytest.approx(values.mean())
    assert _best_of(4, 2) @ values == pytest.approx((2 + 5 + 5 + 9 + 9 + 9) / 6)
    assert _best_of(4, 4) @ values == pytest.approx(9)


def test_of_many_trials_an_even_choice_does() -> None:
    random = np.random.default_rng(0)
    gain = doubling(random.beta(2, 2, 4000))
    assert gain.low <= truth(lambda r, size: r.beta(2, 2, size), 4000, random) <= gain.high


def test_where_all_are_equal_nothing_is_bought() -> None:
    gain = doubling(np.full(30, 0.9))
    assert (gain.expected, gain.low, gain.high) == (0.0, 0.0, 0.0)
    assert doubling(np.arange(FEWEST - 1.0)) is None


def test_more_trials_buy_less() -> None:
    random = np.random.default_rng(1)
    few, many = (
        np.mean([doubling(random.beta(3, 1, n), s).expected for s in range(10)]) for n in (20, 300)
    )
    assert few > 3 * many > 0
