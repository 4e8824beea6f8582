"""What a call of the compiled epoch takes: packed on the host, unpacked in the trace.

A call of a `tf.function` with forty tensors spends a millisecond in Python, as long as an epoch of
a small network takes. So the state travels as one matrix, and all other numbers as two tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from caviar.nn.network import Live
from caviar.train.recipe import Recipe
from caviar.train.state import Layout, State

_KEYS = 4
"""Integers in an epoch's random key."""


class EpochNumbers(NamedTuple):
    """What an epoch is to be trained with, in NumPy.

    Attributes:
        hyper: `recipe.numbers` by name, each `[width]`.
        rates: learning rates of every step, `[steps, width]`.
        units: true units of each lane's hidden layers, 0 for a layer it lacks, `[width, depth]`.
        key: the epoch's random key, `[4]`.
    """

    hyper: Mapping[str, NDArray[np.floating]]
    rates: NDArray[np.floating]
    units: NDArray[np.integer]
    key: NDArray[np.integer]


class Packed(NamedTuple):
    """A call's arguments but for the examples.

    Attributes:
        state: of all lanes, packed by a `Layout`.
        floats: a row for each of `recipe.numbers`, then one for each step's rates, `[.., width]`.
        wholes: how many steps to take, the key, the units, the order of the examples; int32.
    """

    state: tf.Tensor
    floats: tf.Tensor
    wholes: tf.Tensor


class Lanes(NamedTuple):
    """The same unpacked; without the stack axis where the width is 1.

    Attributes:
        state: of all lanes.
        hyper: `recipe.numbers` by name, `[]` or `[stack]`.
        rates: `[steps]` or `[steps, stack]`.
        live: what of the hidden layers is true.
        key: `[4]`.
        steps: how many to take, `[]`.
        order: of the examples `[steps * batch_size]`; empty where they are streamed.
    """

    state: State
    hyper: dict[str, tf.Tensor]
    rates: tf.Tensor
    live: list[Live]
    key: tf.Tensor
    steps: tf.Tensor
    order: tf.Tensor


@dataclass(frozen=True)
class Arguments:
    """Packs and unpacks.

    Plain matrix products are faster than stacks of one: a lone lane drops its stack axis inside.

    Attributes:
        recipe: whose numbers.
        layout: of a lane's state.
        width: lanes in a call.
    """

    recipe: Recipe
    layout: Layout
    width: int

    def pack(
        self,
        state: tf.Tensor,
        numbers: EpochNumbers,
        steps: int,
        order: NDArray[np.int32] | None = None,
    ) -> Packed:
        """The arguments of a call.

        Args:
            state: of `width` lanes, packed by `layout`.
            numbers: what to train with.
            steps: how many to take.
            order: of the examples; None where they are streamed.
        """
        rows = [numbers.hyper[name] for name in self.recipe.numbers]
        floats = np.vstack([*rows, numbers.rates]).astype(state.dtype.as_numpy_dtype)
        examples = [] if order is None else [order]
        wholes = np.concatenate([[steps], numbers.key, numbers.units.ravel(), *examples])
        return Packed(state, tf.constant(floats), tf.constant(wholes.astype(np.int32)))

    def unpack(self, packed: Packed) -> Lanes:
        """What was packed, inside the trace."""
        names, depth = self.recipe.numbers, self.recipe.depth
        sizes = [1, _KEYS, self.width * depth, -1]
        steps, key, units, order = tf.split(packed.wholes, sizes, num=len(sizes))
        units = tf.reshape(units, (self.width, depth))
        state, floats = self.layout.unpack(packed.state), packed.floats
        if self.width == 1:
            state, units = tf.nest.map_structure(lambda t: tf.squeeze(t, 0), (state, units))
            floats = tf.squeeze(floats, 1)
        hyper = {name: floats[place] for place, name in enumerate(names)}
        live = self.recipe.network.live(units)
        return Lanes(state, hyper, floats[len(names) :], live, key, steps[0], order)

    def pack_state(self, state: State) -> tf.Tensor:
        """A state as `unpack` gave it, packed again."""
        if self.width == 1:
            state = tf.nest.map_structure(lambda t: tf.expand_dims(t, 0), state)
        return self.layout.pack(state)
