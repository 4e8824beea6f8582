"""Best of k: what twice as many trials would buy.

The mean best of k trials drawn from those there are is exact for every k up to all of them. Of
distributions with an end, as an accuracy's, each doubling of k buys a constant share of what the
one before bought (extreme value theory: E max = end - c k^-a), so three values of k give the share
and the next gain. Held against draws from six distributions the estimate is right in the mean to
a few percent from 64 trials on, and its 90 % interval holds the truth in 74 (normal, which has no
end) to 98 % of cases; tests/report/test_playbook_doubling.py repeats some of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FEWEST: Final = 16
"""Trials, at least."""
MOST: Final = 512
"""Trials that are resampled; of more, an even choice of the sorted ones."""
RESAMPLES: Final = 200
INTERVAL: Final = (5.0, 95.0)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gain:
    """What doubling the trials would buy, in units of the metric.

    Attributes:
        expected: of the best trial's metric, better is positive.
        low: 5th percentile over resampled trials.
        high: 95th.
    """

    expected: float
    low: float
    high: float


def doubling(values: Array, seed: int = 0) -> Gain | None:
    """What twice as many trials would add to the best of them.

    Args:
        values: `[n]`, higher is better, all finite.
        seed: of the resampling.

    Returns:
        None for fewer than `FEWEST` trials.
    """
    n = len(values)
    if n < FEWEST:
        return None
    random = np.random.default_rng(seed)
    ordered = np.sort(values)
    if n > MOST:
        ordered = ordered[np.linspace(0, n - 1, MOST).round().astype(int)]
    m = len(ordered)
    again = np.sort(ordered[random.integers(m, size=(RESAMPLES, m))], axis=1)
    best = _gains(np.vstack([ordered, again]), n)
    low, high = np.percentile(best[1:], INTERVAL)
    return Gain(float(best[0]), min(float(low), float(best[0])), max(float(high), float(best[0])))


def _gains(ordered: Array, n: int) -> Array:
    """`[samples]`: the gain from n to 2n trials, of `[samples, m]` ascending values."""
    m = ordered.shape[1]
    fewest = m // 8
    means = ordered @ np.column_stack([_best_of(m, fewest * k) for k in (1, 2, 4)])
    before, last = means[:, 1] - means[:, 0], means[:, 2] - means[:, 1]
    share = np.divide(last, before, out=np.zeros_like(last), where=before > 0)
    doublings = 1 + math.log2(n / (4 * fewest))
    return np.maximum(last, 0.0) * np.clip(share, 0.0, 1.0) ** doublings


def _best_of(n: int, k: int) -> Array:
    """`[n]`: the chance of each of n ascending values to be the best of k drawn from them."""
    choose = [math.lgamma(i) - math.lgamma(i - k + 1) for i in range(k, n + 1)]
    every = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + math.lgamma(k)
    return np.concatenate([np.zeros(k - 1), np.exp(np.array(choose) - every)])
