"""All a stack of networks in training consists of, as one nest of tensors."""

from __future__ import annotations

from collections.abc import Sequence
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
        averages: batch norm's (biased) averages, one a hidden layer.
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
    averages = [Moments(zeros((units,)), zeros((units,))) for units in shape.units]
    return State(params, slots, averages, zeros(()))


def stacked(lanes: Sequence[State]) -> State:
    """One state out of several, lane after lane."""
    together: State = tf.nest.map_structure(lambda *arrays: tf.concat(arrays, 0), *lanes)
    return together


def per_lane(number: tf.Tensor, tensor: tf.Tensor) -> tf.Tensor:
    """`number`, `[]` or `[stack]`, made to broadcast against `tensor`, its stack axis first."""
    if number.shape.rank == 0:
        return number
    return tf.reshape(number, [-1] + [1] * (tensor.shape.rank - 1))
