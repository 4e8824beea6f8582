"""Batch norm's noise: its mean and variance are those of a minibatch, and it shows.

The lecture: each minibatch is normalised by its own mean and variance, which are noisy estimates.
So batch norm adds a little noise to every hidden unit, which regularises a little, as dropout does;
a larger minibatch means less noise, and so less of that effect.

What one sees: four times the examples, half the noise: it falls as one over the square root of the
batch. What is left of it at test time is nothing: there the averages over many minibatches count.

    python examples/batch_noise.py
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from caviar.nn.batch_norm import normalise, normalise_batch

BATCHES = (8, 32, 128, 512)


@dataclass(frozen=True)
class Noise:
    """Standard deviations over minibatches, averaged over units; z has mean 0 and variance 1.

    Attributes:
        mean: of a minibatch's mean; in theory 1 / sqrt(batch).
        variance: of its variance; in theory sqrt(2 (batch - 1)) / batch.
        unit: of what one and the same example becomes, by the moments of different minibatches.
    """

    mean: float
    variance: float
    unit: float


def noise(batch: int, minibatches: int = 400, units: int = 16, seed: int = 0) -> Noise:
    """Draws many minibatches and normalises one and the same example by each one's moments."""
    z = np.random.default_rng(seed).normal(size=(minibatches, batch, units))
    example = np.broadcast_to(np.linspace(-2.0, 2.0, units), (minibatches, 1, units))
    gamma, beta = tf.ones(units, tf.float64), tf.zeros(units, tf.float64)
    # The minibatches stand side by side, as the lanes of a stack do.
    _, moments = normalise_batch(tf.constant(z), gamma, beta)
    unit = normalise(tf.constant(example), moments, gamma, beta)
    spread = (np.std(part, axis=0).mean() for part in (moments.mean, moments.variance, unit))
    return Noise(*map(float, spread))


def main() -> None:
    """Prints the noise of each batch size, and that times sqrt(batch)."""
    print(f"{'batch':>5} {'of the mean':>12} {'of the variance':>16} {'of one example':>15}")
    for batch in BATCHES:
        of = noise(batch)
        print(f"{batch:5} {of.mean:12.3f} {of.variance:16.3f} {of.unit:15.3f}")
    print("\nthe same times sqrt(batch):")
    for batch in BATCHES:
        of, root = noise(batch), np.sqrt(batch)
        print(f"{batch:5} {root * of.mean:12.2f} {root * of.variance:16.2f} {root * of.unit:15.2f}")


if __name__ == "__main__":
    main()
