"""The activations of hidden layers, and when a unit of each does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import tensorflow as tf

_LEAK = 0.01
"""Slope of leaky_relu below zero."""
_NEAR = 0.01
"""A tanh or sigmoid this near an end is saturated: its slope is below 0.02 and 0.01."""


class Activation(NamedTuple):
    """One activation.

    Attributes:
        name: as people type it.
        function: of every unit by itself, of any shape.
        zero_at_zero: whether it maps 0 to 0, so that a padded unit stays silent by itself.
        idle: of the function's result: where a unit is dead or saturated on an example, booleans
            of its shape. A unit is idle when it is so on all examples.
    """

    name: str
    function: Callable[[tf.Tensor], tf.Tensor]
    zero_at_zero: bool
    idle: Callable[[tf.Tensor], tf.Tensor]


def _leaky_relu(z: tf.Tensor) -> tf.Tensor:
    """max(z, 0.01 z); Maas, Hannun and Ng, "Rectifier Nonlinearities" (2013)."""
    return tf.nn.leaky_relu(z, alpha=_LEAK)


def _gelu(z: tf.Tensor) -> tf.Tensor:
    """Input times the normal distribution function there; Hendrycks and Gimpel, "GELUs" (2016)."""
    return 0.5 * z * tf.math.erfc(-z * 0.5**0.5)


def _not_above_zero(a: tf.Tensor) -> tf.Tensor:
    return a <= 0.0


def _tanh_saturated(a: tf.Tensor) -> tf.Tensor:
    return tf.abs(a) > 1.0 - _NEAR


def _sigmoid_saturated(a: tf.Tensor) -> tf.Tensor:
    return (a < _NEAR) | (a > 1.0 - _NEAR)


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        activation.name: activation
        for activation in (
            Activation("relu", tf.nn.relu, True, _not_above_zero),
            Activation("leaky_relu", _leaky_relu, True, _not_above_zero),
            Activation("tanh", tf.math.tanh, True, _tanh_saturated),
            Activation("sigmoid", tf.math.sigmoid, False, _sigmoid_saturated),
            Activation("gelu", _gelu, True, _not_above_zero),
        )
    }
)
"""By name, as in a study file's `network.activation`."""
