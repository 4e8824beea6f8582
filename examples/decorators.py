"""What the decorators buy: one training step as eager code, as a graph, and compiled by XLA.

The lecture: a function under `@tf.function` is traced once into a graph, and from then on Python
is out of the way. `jit_compile=True` gives the graph to XLA, which makes one program of it and
keeps what lies between two operations out of memory. The step itself is not written differently.

What one sees: the same loss three times, and the time of a step of a small batch-norm network.

    python examples/decorators.py
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from caviar.nn.batch_norm import normalise_batch
from caviar.nn.dense import dense
from caviar.nn.initialisers import initial_weights
from caviar.nn.softmax import scores

Weights = list[tf.Tensor]
"""W1, gamma, beta of the hidden layer and W2, b2 of the output."""


@dataclass(frozen=True)
class Side:
    """One way to run the step.

    Attributes:
        loss: after the last step; the same on every side, to rounding.
        first_call_s: seconds of the first step: tracing and compiling are in it.
        step_s: seconds of a step afterwards, the median.
    """

    loss: float
    first_call_s: float
    step_s: float


def train_step(weights: Weights, x: tf.Tensor, y: tf.Tensor) -> tuple[Weights, tf.Tensor]:
    """One step of gradient descent; returns the new weights and the loss before it."""
    with tf.GradientTape() as tape:
        tape.watch(weights)
        w1, gamma, beta, w2, b2 = weights
        z, _ = normalise_batch(dense(x, w1), gamma, beta)
        loss = tf.reduce_mean(scores(dense(tf.nn.relu(z), w2) + b2, y).loss)
    gradients = tape.gradient(loss, weights)
    return [w - 0.1 * g for w, g in zip(weights, gradients, strict=True)], loss


SIDES: dict[str, Callable] = {
    "eager": train_step,
    "tf.function": tf.function(train_step),
    "tf.function(jit_compile=True)": tf.function(train_step, jit_compile=True),
}


def compare(steps: int = 30, rounds: int = 9) -> dict[str, Side]:
    """Runs every side from the same weights on the same minibatch, in turns.

    Args:
        steps: of a turn; its time is divided by them.
        rounds: turns of each side; the median counts, so that a disturbance does not.
    """
    weights, x, y = _problem()
    states, firsts = {}, {}
    for name, step in SIDES.items():
        start = time.perf_counter()
        states[name] = step(weights, x, y)
        states[name][1].numpy()
        firsts[name] = time.perf_counter() - start
    taken: dict[str, list[float]] = {name: [] for name in SIDES}
    for _ in range(rounds):
        for name, step in SIDES.items():
            start = time.perf_counter()
            for _ in range(steps):
                states[name] = step(states[name][0], x, y)
            states[name][1].numpy()  # waits for the result
            taken[name].append((time.perf_counter() - start) / steps)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    return {name: Side(float(states[name][1]), firsts[name], medians[name]) for name in SIDES}


def _problem(batch: int = 64, features: int = 64, units: int = 64) -> tuple[Weights, ...]:
    """First weights and a minibatch of ten classes."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(batch, features)), tf.float32)
    y = tf.constant(rng.integers(10, size=batch), tf.int32)
    w1, w2 = (
        tf.constant(initial_weights("he", 0, 0, layer, *sizes), tf.float32)
        for layer, sizes in enumerate([(features, units), (units, 10)])
    )
    return [w1, tf.ones(units), tf.zeros(units), w2, tf.zeros(10)], x, y


def main() -> None:
    """Prints the three sides."""
    sides = compare()
    eager = sides["eager"].step_s
    print(f"{'':<30} {'first call':>10} {'a step':>9} {'gain':>6} {'loss at the end':>16}")
    for name, side in sides.items():
        first, step = f"{side.first_call_s:.2f} s", f"{1e3 * side.step_s:.2f} ms"
        print(f"{name:<30} {first:>10} {step:>9} {eager / side.step_s:5.1f}x {side.loss:16.6f}")


if __name__ == "__main__":
    main()
