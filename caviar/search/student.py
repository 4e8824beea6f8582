"""Student's t, without SciPy: that takes a quarter of a second to be imported by who only looks."""

from __future__ import annotations

import math
from functools import lru_cache


@lru_cache(maxsize=256)
def student(freedom: int, confidence: float = 0.95) -> float:
    """How many standard errors to either side hold the true mean with this confidence.

    By halving: whole degrees of freedom have a distribution in closed form.

    Args:
        freedom: degrees of it, at least 1.
        confidence: in (0, 1).
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _within(angle: float, freedom: int) -> float:
    """The probability of |t| up to sqrt(freedom) tan(angle).

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    odd = freedom % 2
    cosine, total = math.cos(angle), 0.0
    term = cosine if odd else 1.0
    for place in range(1 + odd, freedom, 2):
        total += term
        term *= place / (place + 1) * cosine**2
    share = math.sin(angle) * total
    return 2 / math.pi * (angle + share) if odd else share
