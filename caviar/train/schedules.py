"""Learning rates over the epochs: a schedule is a function from epochs behind to a rate."""

from __future__ import annotations


def inverse_time(alpha: float, decay: float, epoch: int) -> float:
    """The rate alpha / (1 + decay * epoch).

    Args:
        alpha: the first epoch's learning rate.
        decay: >= 0; 0 keeps the rate.
        epoch: epochs behind, from 0.
    """
    return alpha / (1.0 + decay * epoch)
