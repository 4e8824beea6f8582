"""Where gradient descent crawls: a plateau and a ravine, and the optimisers that do not.

The lecture: in many dimensions it is not bad local minima that slow learning down but plateaus,
where the gradient stays close to zero for long, and ravines, where the steep walls allow only a
learning rate that is far too small along the bottom. Momentum adds up small gradients that agree
and averages out those that do not; RMSprop and Adam divide by the gradient's usual size, so a small
gradient makes a step as long as a large one.

What one sees: the step from which on the cost stays at or below the goal, for each optimiser at the
best of its learning rates: over a thousand steps against some tens or hundreds. All the rates of an
optimiser run at once, each in a lane of a stack, by the updates that caviar trains networks with.

    python examples/plateau.py
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from caviar.train.optimizers import OPTIMIZERS
from caviar.train.state import per_lane

RATES: tuple[float, ...] = tuple(10.0 ** np.arange(-4, 1.1, 0.5))
"""Learning rates from 0.0001 to 10, two in each factor of ten."""
GOAL = 0.01
"""Both costs have their minimum at 0."""
LIMIT = 10_000
"""Steps taken. Too large a rate for Adam shows late: it leaves the well again after thousands."""

NUMBERS: Mapping[str, Mapping[str, float]] = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9},
    "rmsprop": {"beta_2": 0.9, "epsilon": 1e-8},
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
}
"""The usual numbers of each optimiser; those of RMSprop are its lecture's."""


class Surface(NamedTuple):
    """A cost and where to begin.

    Attributes:
        cost: of weights `[stack, n]`, `[stack]`.
        start: the first weights, `[n]`.
    """

    cost: Callable[[tf.Tensor], tf.Tensor]
    start: tuple[float, ...]


def plateau(w: tf.Tensor) -> tf.Tensor:
    """1 - exp(-|w|^2 / 2), a well in a plain: at 4.5 its slope is 0.0002, at 1 it is 0.6."""
    return 1.0 - tf.exp(-tf.reduce_sum(tf.square(w), -1) / 2.0)


def ravine(w: tf.Tensor) -> tf.Tensor:
    """(w_0^2 + 1000 w_1^2) / 2, a thousand times steeper across than along."""
    return (tf.square(w[:, 0]) + 1000.0 * tf.square(w[:, 1])) / 2.0


SURFACES = {"plateau": Surface(plateau, (4.5,)), "ravine": Surface(ravine, (1.0, 1.0))}


def steps_to_goal(
    name: str, surface: Surface, rates: Sequence[float] = RATES, limit: int = LIMIT
) -> np.ndarray:
    """Steps after which the cost stays at or below `GOAL`, for every learning rate.

    Args:
        name: of the optimiser.
        surface: the cost and where to begin.
        rates: learning rates, `[stack]`.
        limit: steps taken.

    Returns:
        Whole numbers as floats `[stack]`, infinity where the last step is above the goal.
    """
    optimizer = OPTIMIZERS[name]
    numbers = {"learning_rate": rates, **NUMBERS[name]}
    hyper = {key: tf.constant(value, tf.float64) for key, value in numbers.items()}
    start = tf.constant([surface.start] * len(rates), tf.float64)

    def body(t, w, slots, above):  # type: ignore[no-untyped-def]
        with tf.GradientTape() as tape:
            tape.watch(w)
            total = tf.reduce_sum(surface.cost(w))  # lanes share nothing: each has its gradient
        ready = optimizer.prepare(hyper, tf.cast(t, w.dtype))
        ready = {key: per_lane(number, w) for key, number in ready.items()}
        change, slots = optimizer.update(tape.gradient(total, w), slots, ready)
        # NaN is not at or below the goal either.
        above = tf.where(surface.cost(w + change) <= GOAL, above, t)
        return t + 1, w + change, slots, above

    def descend() -> tf.Tensor:
        slots = {slot: tf.zeros_like(start) for slot in optimizer.slots}
        first = (tf.constant(1), start, slots, tf.zeros(len(rates), tf.int32))
        return tf.while_loop(lambda t, *_: t <= limit, body, first)[-1]

    compiled = tf.function(descend, jit_compile=True, autograph=False).get_concrete_function()
    above = compiled().numpy()  # the last step above the goal
    return np.where(above < limit, above + 1.0, np.inf)


def main() -> None:
    """Prints the steps of every optimiser on both surfaces, with its best learning rate."""
    print(f"steps until the cost stays at or below {GOAL:g} (and the best learning rate)\n")
    print(f"{'':<10}" + "".join(f"{surface:>20}" for surface in SURFACES))
    for name in NUMBERS:
        cells = []
        for surface in SURFACES.values():
            steps = steps_to_goal(name, surface)
            best = int(steps.argmin())
            cells.append(f"{steps[best]:,.0f} ({RATES[best]:.2g})".rjust(20))
        print(f"{name:<10}" + "".join(cells))


if __name__ == "__main__":
    main()
