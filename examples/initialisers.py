"""Initialisers: how large activations and gradients are after ten layers, before any training.

The lecture: with weights a little too small what goes through a deep network shrinks in every
layer, a little too large and it grows, both exponentially in the depth; the gradients on their way
back likewise. Choosing the weights' variance by the fan-in (2 / n for ReLU: He; 1 / n is Xavier's
idea, for tanh) keeps both near their size. Zeros leave every unit of a layer the same, for ever.

What one sees: the root mean square of layers 1, 4, 7 and 10 without batch norm, forward and back;
and how batch norm makes the weights' scale (if it is not zero) matter no more.

    python examples/initialisers.py
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from caviar.nn.batch_norm import normalise_batch
from caviar.nn.initialisers import initial_weights

LAYERS, UNITS, BATCH = 10, 256, 128
KINDS = {
    "zeros": ("zeros", 1.0),
    "too small": ("he", 0.5),
    "xavier": ("xavier", 1.0),
    "he": ("he", 1.0),
    "too large": ("he", 2.0),
}
"""The initialiser and its scale, by what it is here."""


@dataclass(frozen=True)
class Sizes:
    """Root mean squares, one a layer from the first hidden one.

    Attributes:
        activations: of each layer's output; the inputs' is 1.
        gradients: of the cost's gradient at each layer's output; at the last one's it is 1.
    """

    activations: tuple[float, ...]
    gradients: tuple[float, ...]


def sizes(kind: str, scale: float, batch_norm: bool = False) -> Sizes:
    """Sends one minibatch through ten ReLU layers and a random gradient back."""
    rng = np.random.default_rng(0)
    a = tf.constant(rng.normal(size=(BATCH, UNITS)))
    ones, zeros = tf.ones(UNITS, tf.float64), tf.zeros(UNITS, tf.float64)
    outputs = []
    with tf.GradientTape() as tape:
        for layer in range(LAYERS):
            z = a @ tf.constant(initial_weights(kind, 0, 0, layer, UNITS, UNITS, scale))
            a = tf.nn.relu(normalise_batch(z, ones, zeros)[0] if batch_norm else z)
            tape.watch(a)
            outputs.append(a)
        cost = tf.reduce_sum(a * rng.normal(size=(BATCH, UNITS)))
    gradients = tape.gradient(cost, outputs, unconnected_gradients="zero")
    return Sizes(tuple(map(_size, outputs)), tuple(map(_size, gradients)))


def _size(values: tf.Tensor) -> float:
    return float(tf.sqrt(tf.reduce_mean(tf.square(values))))


def show(batch_norm: bool) -> None:
    """Prints the sizes, a line an initialiser."""
    shown = (0, 3, 6, 9)
    found = {name: sizes(*of, batch_norm) for name, of in KINDS.items()}
    for side in ("activations", "gradients"):
        title = f"{side}, {'with' if batch_norm else 'without'} batch norm"
        print(f"{title:<32}" + "".join(f"{f'layer {layer + 1}':>10}" for layer in shown))
        for name, of in found.items():
            values = getattr(of, side)
            print(f"{name:>32}" + "".join(f"{values[layer]:10.3g}" for layer in shown))


def main() -> None:
    """Prints both tables."""
    show(batch_norm=False)
    print()
    show(batch_norm=True)


if __name__ == "__main__":
    main()
