"""What the parts of an epoch cost that no implementation on XLA:CPU can leave out.

The matrix products, Adam's update and the gathering of minibatches of the 784-256-128-10 network,
each alone in a compiled loop as long as an epoch, on one core, against the core's peak. Their sum
without batch norm, ReLU, loss and dev evaluation is a floor under the compiled epoch's time, and
so a bound on its share of the peak. XLA:CPU makes one kernel an output, so Adam reads its
operands three times; `once` is what reading and writing every number once would take.

    python benchmarks/epoch_floor.py
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from compiled_epoch import peak

EXAMPLES, BATCH, SIZES = 20_000, 128, (784, 256, 128, 10)
STEPS = EXAMPLES // BATCH


def milliseconds(body: Callable[..., tuple[Any, ...]], *initial: Any, repeats: int = 9) -> float:
    """The least time of an epoch's loop over `body`, which takes the step and returns its state."""

    @tf.function(jit_compile=True, autograph=False)
    def epoch(*state: Any) -> Any:
        return tf.while_loop(
            lambda i, *_: i < STEPS, lambda i, *s: (i + 1, *body(i, *s)), (tf.constant(0), *state)
        )

    taken = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        tf.nest.flatten(epoch(*initial))[-1].numpy()
        taken.append(time.perf_counter() - start)
    return 1e3 * min(taken[1:])


def products() -> float:
    """Forward, weight gradient and (but for the first layer) input gradient of every layer."""
    rng = np.random.default_rng(0)
    total = 0.0
    for layer, (fan_in, fan_out) in enumerate(pairwise(SIZES)):
        x, w, dz = (
            tf.constant(rng.normal(size=size).astype(np.float32))
            for size in ((BATCH, fan_in), (fan_in, fan_out), (BATCH, fan_out))
        )
        # Each product depends on the one before it, or XLA would take it out of the loop.
        total += milliseconds(
            lambda _, z, x, w: (tf.matmul(x + z[:1, :1] * 0, w), x, w), tf.zeros_like(dz), x, w
        )
        total += milliseconds(
            lambda _, g, x, d: (tf.matmul(x, d + g[:1, :1] * 0, transpose_a=True), x, d),
            tf.zeros_like(w),
            x,
            dz,
        )
        if layer:
            total += milliseconds(
                lambda _, y, d, w: (tf.matmul(d + y[:1, :1] * 0, w, transpose_b=True), d, w),
                tf.zeros_like(x),
                dz,
                w,
            )
    return total


def adam() -> float:
    """The update of all weights, as one vector."""
    count = sum(a * b for a, b in pairwise(SIZES))

    def update(_: Any, w: Any, m: Any, v: Any, g: Any) -> tuple[Any, ...]:
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        return w - 0.001 * m / (tf.sqrt(v) + 1e-8), m, v, g

    return milliseconds(update, *(tf.ones(count) for _ in range(4)))


def gather() -> float:
    """The rows of every minibatch."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(EXAMPLES, SIZES[0])).astype(np.float32))
    order = tf.constant(rng.permutation(EXAMPLES)[: STEPS * BATCH].astype(np.int32))

    def rows(i: Any, _: Any, x: Any, order: Any) -> tuple[Any, ...]:
        return tf.gather(x, tf.gather(tf.reshape(order, (STEPS, BATCH)), i)), x, order

    return milliseconds(rows, tf.zeros((BATCH, SIZES[0])), x, order)


def main() -> None:
    """Prints the parts, their sum and the share of the peak that it allows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    multiplications = sum(a * b for a, b in pairwise(SIZES)) * 3 - SIZES[0] * SIZES[1]
    flops = 2 * STEPS * BATCH * multiplications
    top = max(peak().values())  # it pins this process to one core, too
    parts = {"matrix products": products(), "Adam": adam(), "gathering": gather()}
    print(f"peak of the core: {top:.0f} GFLOP/s in float32")
    for name, taken in parts.items():
        print(f"{name:>16}: {taken:6.1f} ms an epoch")
    floor = sum(parts.values())
    print(f"{'together':>16}: {floor:6.1f} ms, {flops / floor / 1e6 / top:.0%} of the peak")


if __name__ == "__main__":
    main()
