"""Why scales: the same number of draws, spent where they tell something apart.

The lecture: do not draw a learning rate from [0.0001, 1] evenly: nine draws of ten would land
between 0.1 and 1. Draw r evenly and take 10^r. Do not draw the beta of a weighted average
from [0.9, 0.999] evenly either: it looks back over 1 / (1 - beta) steps, so that 0.9990 and 0.9995
differ more than 0.900 and 0.905. Draw 1 - beta on the log scale.

What one sees: where 10,000 draws land, on the linear and on the right scale.

    python examples/why_scales.py
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from caviar.space.domain import Float
from caviar.space.scale import LINEAR, LOG, ONE_MINUS, Scale

LEARNING_RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
MOMENTA = (0.9, 0.99, 0.999)


def shares(edges: Sequence[float], scale: Scale, draws: int = 10_000, seed: int = 0) -> list[float]:
    """Draws r evenly from [0, 1] and decodes it between the outer edges on a scale.

    Args:
        edges: rising; the first and the last are the bounds.
        scale: of the domain.
        draws: how many.
        seed: of the draws.

    Returns:
        The share of the draws between each two neighbouring edges.
    """
    domain = Float(edges[0], edges[-1], scale)
    values = [domain.decode(r) for r in np.random.default_rng(seed).random(draws)]
    counts, _ = np.histogram(values, bins=edges)
    return [float(count) / draws for count in counts]


def show(name: str, edges: Sequence[float], scales: Sequence[Scale]) -> None:
    """Prints the shares, a line a scale."""
    spans = [f"{a:g}..{b:g}" for a, b in pairwise(edges)]
    print(f"{name:<14}" + "".join(f"{span:>16}" for span in spans))
    for scale in scales:
        row = "".join(f"{share:16.1%}" for share in shares(edges, scale))
        print(f"{scale.name:>14}{row}")


def main() -> None:
    """Prints both tables."""
    show("learning rate", LEARNING_RATES, (LINEAR, LOG))
    print()
    show("momentum", MOMENTA, (LINEAR, ONE_MINUS))


if __name__ == "__main__":
    main()
