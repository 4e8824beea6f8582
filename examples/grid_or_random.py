"""Why not a grid: 25 trials of two hyperparameters, of which one matters.

The lecture: do not lay a 5 x 5 grid over alpha and epsilon. Alpha matters much and epsilon hardly,
but one does not know that beforehand; a grid has then tried five values of alpha, five times each,
and random points 25 (Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", 2012).

What one sees: how many different values of the learning rate 25 trials have tried, how near the
nearest came to the best one, over many places of the best, and the same for caviar's cover
(Sobol), which is as random as it is even.

    python examples/grid_or_random.py
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from caviar.search.box import Box
from caviar.search.factory import searcher_on
from caviar.space.domain import Float
from caviar.space.scale import LOG
from caviar.space.search_space import SearchSpace

SPACE = SearchSpace({"learning_rate": Float(1e-4, 1.0, LOG), "epsilon": Float(1e-10, 1e-4, LOG)})
SEARCHERS = ("grid", "random", "sobol")


def learning_rates(searcher: str, trials: int = 25, seed: int = 0) -> list[float]:
    """The learning rates that a searcher's first trials have."""
    made, whole = searcher_on(SPACE, searcher, seed, trials), Box.whole(SPACE.dimensions)
    suggestions = [made.suggest(draw, whole) for draw in range(trials)]
    points = [suggestion.point for suggestion in suggestions if suggestion is not None]
    return [float(SPACE.decode(point)["learning_rate"]) for point in points]


def nearest_miss(found: Sequence[float], best: float) -> float:
    """How far the nearest learning rate is from the best, as a factor >= 1."""
    return math.exp(min(abs(math.log(rate / best)) for rate in found))


def misses(searcher: str, seeds: int = 40) -> float:
    """The typical factor by which 25 trials miss the best learning rate, wherever it lies."""
    bests = 10 ** np.random.default_rng(1).uniform(-4, 0, size=seeds)
    found = [nearest_miss(learning_rates(searcher, seed=i), best) for i, best in enumerate(bests)]
    return math.exp(float(np.mean(np.log(found))))


def main() -> None:
    """Prints a line a searcher."""
    print(f"{'25 trials by':<14}{'learning rates tried':>22}{'nearest to the best':>22}")
    for searcher in SEARCHERS:
        tried = len({f"{rate:.6g}" for rate in learning_rates(searcher)})
        print(f"{searcher:<14}{tried:>22}{f'a factor of {misses(searcher):.2f}':>22}")


if __name__ == "__main__":
    main()
