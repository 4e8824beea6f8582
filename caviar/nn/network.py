"""The network: hidden layers of dense, batch norm and ReLU, then a softmax head's logits.

Lanes of fewer layers or units than the stack's run padded. A padded unit has zero weights, gamma
and beta, so it outputs exactly zero and receives a zero gradient; every optimiser leaves it there.
A padded layer passes its input through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import tensorflow as tf

from caviar.nn import batch_norm
from caviar.nn.batch_norm import Moments, normalise, normalise_batch
from caviar.nn.dense import dense

Params = list[dict[str, tf.Tensor]]
"""Hidden layers' `w`, `gamma` and `beta`, then the output layer's `w` and `b`."""


class Shape(NamedTuple):
    """Sizes of one network.

    Attributes:
        features: inputs.
        units: of each hidden layer.
        classes: logits.
    """

    features: int
    units: tuple[int, ...]
    classes: int

    @property
    def fans(self) -> list[tuple[int, int]]:
        """(fan_in, fan_out) of every layer, the output layer last."""
        sizes = (self.features, *self.units, self.classes)
        return list(pairwise(sizes))

    @property
    def weights(self) -> int:
        """How many weights the dense layers hold, biases not counted."""
        return sum(fan_in * fan_out for fan_in, fan_out in self.fans)

    def parameters(self) -> list[dict[str, tuple[int, ...]]]:
        """Shapes of the parameters, without the stack axis."""
        *hidden, last = self.fans
        layers: list[dict[str, tuple[int, ...]]] = [
            {"w": fans, "gamma": fans[1:], "beta": fans[1:]} for fans in hidden
        ]
        return [*layers, {"w": last, "b": last[1:]}]


@dataclass(frozen=True)
class Network:
    """The forward pass, at the sizes of `shape`, for one lane or a stack of them.

    Attributes:
        shape: the padded sizes.
        momentum: of batch norm's averages.
        epsilon: of batch norm.
    """

    shape: Shape
    momentum: float = batch_norm.MOMENTUM
    epsilon: float = batch_norm.EPSILON

    def train(
        self, params: Params, x: tf.Tensor, active: Sequence[tf.Tensor | None]
    ) -> tuple[tf.Tensor, list[Moments]]:
        """Logits and the minibatch's moments at each hidden layer.

        Args:
            params: tensors with or without the stack axis.
            x: the minibatch `[batch, features]`.
            active: for every hidden layer, whether a lane has it, `[]` or `[stack]` booleans; None
                where all lanes have it.

        Returns:
            Logits `[..., batch, classes]`, and moments `[..., units]`.
        """
        found = []
        for layer, mask in zip(params[:-1], active, strict=True):
            z = dense(x, layer["w"])
            y, moments = normalise_batch(z, layer["gamma"], layer["beta"], self.epsilon)
            found.append(moments)
            x = _pass(x, tf.nn.relu(y), mask)
        return self._logits(params, x), found

    def infer(
        self,
        params: Params,
        averages: Sequence[Moments],
        x: tf.Tensor,
        active: Sequence[tf.Tensor | None],
    ) -> tf.Tensor:
        """Logits `[..., batch, classes]`, normalised by the (debiased) `averages`."""
        for layer, moments, mask in zip(params[:-1], averages, active, strict=True):
            z = dense(x, layer["w"])
            y = normalise(z, moments, layer["gamma"], layer["beta"], self.epsilon)
            x = _pass(x, tf.nn.relu(y), mask)
        return self._logits(params, x)

    def _logits(self, params: Params, x: tf.Tensor) -> tf.Tensor:
        return dense(x, params[-1]["w"]) + tf.expand_dims(params[-1]["b"], -2)


def _pass(x: tf.Tensor, out: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """A layer's output for lanes that have it, its input for those that do not."""
    return out if mask is None else tf.where(mask[..., tf.newaxis, tf.newaxis], out, x)
