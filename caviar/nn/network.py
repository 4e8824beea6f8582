"""The network: hidden layers of dense, batch norm and an activation, then a softmax head's logits.

Lanes of fewer layers or units than the stack's run padded. A padded unit has zero weights, gamma
and beta, so it outputs exactly zero (where the activation of zero is not zero it is masked) and
receives a zero gradient; every optimiser leaves it there. A padded layer passes its input through.
Without batch norm a hidden layer has a bias `b` in place of gamma and beta.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import tensorflow as tf

from caviar.nn.activations import ACTIVATIONS, Activation
from caviar.nn.batch_norm import Moments, normalise, normalise_batch
from caviar.nn.dense import dense
from caviar.nn.dropout import dropout

Params = list[dict[str, tf.Tensor]]
"""Hidden layers' `w`, `gamma` and `beta` (or `w` and `b`), then the output layer's `w` and `b`."""
Hyper = Mapping[str, tf.Tensor]
"""Numbers by hyperparameter name, each `[]` or `[stack]`."""
Draws = Callable[[int, tf.Tensor], tf.Tensor]
"""From a hidden layer's place and its activations to dropout's uniform draws `[batch, units]`."""


class Shape(NamedTuple):
    """Sizes of one network.

    Attributes:
        features: inputs.
        units: of each hidden layer.
        classes: logits.
        batch_norm: whether the hidden layers normalise.
    """

    features: int
    units: tuple[int, ...]
    classes: int
    batch_norm: bool = True

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
        shifts = ("gamma", "beta") if self.batch_norm else ("b",)
        layers: list[dict[str, tuple[int, ...]]] = [
            {"w": fans} | dict.fromkeys(shifts, fans[1:]) for fans in hidden
        ]
        return [*layers, {"w": last, "b": last[1:]}]


class Live(NamedTuple):
    """What of a hidden layer is true and what is padding.

    Attributes:
        layer: whether a lane has the layer, `[]` or `[stack]` booleans; None where all must.
        units: which units a lane has, `[units]` or `[stack, units]` booleans.
    """

    layer: tf.Tensor | None
    units: tf.Tensor


class Trained(NamedTuple):
    """What a training pass gives.

    Attributes:
        logits: `[..., batch, classes]`.
        moments: the minibatch's at each hidden layer, `[..., units]`; none without batch norm.
        activations: of each hidden layer, before dropout, `[..., batch, units]`.
    """

    logits: tf.Tensor
    moments: list[Moments]
    activations: list[tf.Tensor]


class Inferred(NamedTuple):
    """What inference gives.

    Attributes:
        logits: `[..., batch, classes]`.
        activations: of each hidden layer, `[..., batch, units]`.
    """

    logits: tf.Tensor
    activations: list[tf.Tensor]


@dataclass(frozen=True)
class Network:
    """The forward pass, at the sizes of `shape`, for one lane or a stack of them.

    Attributes:
        shape: the padded sizes.
        activation: of the hidden layers, a key of `ACTIVATIONS`.
        precision: of the matrix products, "float32" or "bfloat16".
    """

    shape: Shape
    activation: str = "relu"
    precision: str = "float32"

    @property
    def kind(self) -> Activation:
        """The activation itself."""
        return ACTIVATIONS[self.activation]

    def live(self, units: tf.Tensor) -> list[Live]:
        """What lanes have of each hidden layer, given how many units: `[depth]`, `[stack, depth]`.

        Only a layer as wide as the one before it can be passed through.
        """
        widths = self.shape.units
        found = []
        for place, width in enumerate(widths):
            count = units[..., place]
            layer = count > 0 if place and widths[place - 1] == width else None
            found.append(Live(layer, tf.range(width) < count[..., tf.newaxis]))
        return found

    def train(
        self,
        params: Params,
        x: tf.Tensor,
        live: Sequence[Live],
        hyper: Hyper,
        draws: Draws | None = None,
    ) -> Trained:
        """Logits, normalised by the minibatch's own moments.

        Args:
            params: tensors with or without the stack axis.
            x: the minibatch `[batch, features]`, or `[stack, batch, features]`.
            live: of every hidden layer.
            hyper: `batch_norm_epsilon` with batch norm, `keep_prob_1` and so on with `draws`.
            draws: dropout's; None without dropout.
        """
        found, activations = [], []
        for place, (layer, lanes) in enumerate(zip(params[:-1], live, strict=True)):
            z = dense(x, layer["w"], self.precision)
            if self.shape.batch_norm:
                scale, shift = layer["gamma"], layer["beta"]
                z, moments = normalise_batch(z, scale, shift, hyper["batch_norm_epsilon"])
                found.append(moments)
            else:
                z += layer["b"][..., tf.newaxis, :]
            a = self._activate(z, lanes)
            activations.append(a)
            if draws is not None:
                a = dropout(a, draws(place, a), hyper[f"keep_prob_{place + 1}"])
            x = _pass(x, a, lanes)
        return Trained(self._logits(params, x), found, activations)

    def infer(
        self,
        params: Params,
        averages: Sequence[Moments],
        x: tf.Tensor,
        live: Sequence[Live],
        hyper: Hyper,
    ) -> Inferred:
        """Logits normalised by the (debiased) `averages`, so that one example can be predicted.

        Args:
            params: as for `train`.
            averages: of each hidden layer; none without batch norm.
            x: `[batch, features]`.
            live: of every hidden layer.
            hyper: `batch_norm_epsilon` with batch norm.
        """
        activations = []
        for place, (layer, lanes) in enumerate(zip(params[:-1], live, strict=True)):
            z = dense(x, layer["w"], self.precision)
            if self.shape.batch_norm:
                scale, shift = layer["gamma"], layer["beta"]
                z = normalise(z, averages[place], scale, shift, hyper["batch_norm_epsilon"])
            else:
                z += layer["b"][..., tf.newaxis, :]
            activations.append(self._activate(z, lanes))
            x = _pass(x, activations[-1], lanes)
        return Inferred(self._logits(params, x), activations)

    def _activate(self, z: tf.Tensor, lanes: Live) -> tf.Tensor:
        a = self.kind.function(z)
        if self.kind.zero_at_zero:
            return a
        return tf.where(lanes.units[..., tf.newaxis, :], a, tf.zeros((), a.dtype))

    def _logits(self, params: Params, x: tf.Tensor) -> tf.Tensor:
        return dense(x, params[-1]["w"], self.precision) + tf.expand_dims(params[-1]["b"], -2)


def _pass(x: tf.Tensor, out: tf.Tensor, lanes: Live) -> tf.Tensor:
    """A layer's output for lanes that have it, its input for those that do not."""
    return (
        out if lanes.layer is None else tf.where(lanes.layer[..., tf.newaxis, tf.newaxis], out, x)
    )
