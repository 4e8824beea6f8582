"""All a stack of networks in training consists of, as one nest of tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import DTypeLike, NDArray

from caviar.nn.batch_norm import Moments
from caviar.nn.network import Params, Shape
from caviar.train.optimizers import Optimizer, Slots


class State(NamedTuple):
    """A stack of networks in training; every array leads with the stack axis.

    Attributes:
        params: weights, one dictionary a layer, the output layer last.
        slots: for every parameter in `params` what the optimiser remembers of it.
        averages: batch norm's (biased) averages, one a hidden layer; none without batch norm.
        step: minibatches seen `[stack]`, in the weights' dtype (exact up to 2^24 in float32).
    """

    params: Params
    slots: list[dict[str, Slots]]
    averages: list[Moments]
    step: tf.Tensor


def zero_state(shape: Shape, optimizer: Optimizer, dtype: DTypeLike = np.float32) -> State:
    """A state of one lane, all of it NumPy zeros `[1, ...]`: where every optimiser begins."""

    def zeros(size: tuple[int, ...]) -> NDArray[Any]:
        return np.zeros((1, *size), dtype)

    layers = shape.parameters()
    params = [{name: zeros(size) for name, size in layer.items()} for layer in layers]
    slots = [
        {name: {slot: zeros(size) for slot in optimizer.slots} for name, size in layer.items()}
        for layer in layers
    ]
    normed = shape.units if shape.batch_norm else ()
    averages = [Moments(zeros((units,)), zeros((units,))) for units in normed]
    return State(params, slots, averages, zeros(()))


@dataclass(frozen=True)
class Layout:
    """How a state lies in a row of a matrix, `[stack, numbers]`.

    States travel between calls as one such matrix: a call of a `tf.function` with forty tensors
    spends a millisecond in Python, as long as an epoch of a small network takes.

    Attributes:
        template: a state of one lane with every array's shape.
    """

    template: State

    @property
    def numbers(self) -> int:
        """Length of a row."""
        return sum(array[0].size for array in tf.nest.flatten(self.template))

    def pack(self, state: State) -> tf.Tensor:
        """A state's matrix `[stack, numbers]`, made of tensors or arrays led by the stack axis."""
        rows = [tf.reshape(a, (a.shape[0], -1)) for a in tf.nest.flatten(state)]
        return tf.concat(rows, axis=1)

    def unpack(self, rows: tf.Tensor) -> State:
        """The state whose matrix it is."""
        shapes = [array.shape[1:] for array in tf.nest.flatten(self.template)]
        parts = tf.split(rows, [math.prod(shape) for shape in shapes], axis=1)
        stack = rows.shape[0]
        arrays = [tf.reshape(p, (stack, *s)) for p, s in zip(parts, shapes, strict=True)]
        state: State = tf.nest.pack_sequence_as(self.template, arrays)
        return state


def per_lane(number: tf.Tensor, tensor: tf.Tensor) -> tf.Tensor:
    """`number`, `[]` or `[stack]`, made to broadcast against `tensor`, its stack axis first."""
    if number.shape.rank == 0:
        return number
    return tf.reshape(number, [-1] + [1] * (tensor.shape.rank - 1))
