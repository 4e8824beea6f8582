"""The lectures' first TensorFlow program: the tape finds the gradient, Adam finds the minimum.

The lecture: write down only the forward step, the cost w^2 - 10 w + 25 = (w - 5)^2. The tape
records it as it runs and plays it backward for the gradient; an optimiser's step is then one more
line. The cost's coefficients may come from outside, as training data would. What the tape watches
by itself are trainable variables; a constant it watches only when asked.

What one sees: w goes from 0 to 5.000 in 1,000 steps, both ways; and which gradients are None.

    python examples/tape.py
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

COEFFICIENTS = np.array([1.0, -10.0, 25.0], dtype=np.float32)
"""Of w^2, of w and of 1."""


def cost(w: tf.Variable) -> tf.Tensor:
    """(w - 5)^2, as the lectures write it; nothing but the forward step."""
    return w**2 - 10.0 * w + 25.0


def cost_given(x: np.ndarray, w: tf.Variable) -> tf.Tensor:
    """The same with its coefficients as data."""
    return x[0] * w**2 + x[1] * w + x[2]


def minimise(
    of: Callable[[tf.Variable], tf.Tensor], steps: int = 1000, learning_rate: float = 0.1
) -> float:
    """The w after some steps of Adam on a cost, from 0."""
    w = tf.Variable(0.0)
    optimizer = tf.keras.optimizers.Adam(learning_rate)
    optimizer.build([w])

    @tf.function  # it would do the same without, ten times slower: see decorators.py
    def train_step() -> None:
        with tf.GradientTape() as tape:
            now = of(w)
        optimizer.apply_gradients([(tape.gradient(now, w), w)])

    for _ in range(steps):
        train_step()
    return float(w)


def gradients_at(value: float) -> dict[str, float | None]:
    """What the tape says of the cost's gradient, 2 w - 10, for each kind of w.

    Args:
        value: where.

    Returns:
        The gradient, or None where the tape did not watch.
    """
    kinds = {
        "variable": tf.Variable(value),
        "variable, not trainable": tf.Variable(value, trainable=False),
        "constant": tf.constant(value),
        "constant, watched": tf.constant(value),
    }
    found = {}
    for kind, w in kinds.items():
        with tf.GradientTape() as tape:
            if kind.endswith(", watched"):
                tape.watch(w)
            now = cost(w)
        gradient = tape.gradient(now, w)
        found[kind] = None if gradient is None else float(gradient)
    return found


def can_be_assigned(w: tf.Variable | tf.Tensor) -> bool:
    """Whether w can take a new value in place, as a weight must: a constant cannot."""
    return hasattr(w, "assign")


def main() -> None:
    """Prints where Adam arrives and what the tape watched."""
    given = minimise(partial(cost_given, COEFFICIENTS))
    print(f"w^2 - 10 w + 25, Adam 0.1, 1,000 steps:     w = {minimise(cost):.4f}")
    print(f"the same with the coefficients as an array: w = {given:.4f}")
    print("\nthe gradient at w = 3, which is 2 w - 10 = -4:")
    for kind, gradient in gradients_at(3.0).items():
        print(f"  {kind:<24} {'None: not watched' if gradient is None else f'{gradient:g}'}")
    print("\ncan be given a new value by an optimiser:")
    for kind, w in {"variable": tf.Variable(0.0), "constant": tf.constant(0.0)}.items():
        print(f"  {kind:<24} {'yes' if can_be_assigned(w) else 'no'}")


if __name__ == "__main__":
    main()
