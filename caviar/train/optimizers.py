"""Optimisers as pure updates in their papers' symbols; every number may be a vector of lanes.

Where conventions differ the form of tf.keras is taken, so that a configuration found here does the
same there; each docstring says which form that is. With epsilon > 0 a weight whose gradients are
all zero never moves, which padded units rely on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import tensorflow as tf

Slots = dict[str, tf.Tensor]
"""What an optimiser remembers of one parameter, each of the parameter's shape."""
Hyper = Mapping[str, tf.Tensor]
"""Hyperparameters by name, each ready to broadcast against the parameter."""


def sgd_update(g: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """The change of a weight by gradient descent: -alpha g."""
    return -alpha * g


def momentum_update(
    g: tf.Tensor, alpha: tf.Tensor, mu: tf.Tensor, v: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The change of a weight by gradient descent with momentum, and the new velocity.

    v = mu v - alpha g; Polyak, "Some methods of speeding up the convergence of iteration methods"
    (1964), the standard form and that of tf.keras. The lectures' v = mu v + (1 - mu) g is this with
    a learning rate 1 - mu times as large.
    """
    v = mu * v - alpha * g
    return v, v


def nesterov_update(
    g: tf.Tensor, alpha: tf.Tensor, mu: tf.Tensor, v: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The change of a weight by Nesterov's momentum, and the new velocity.

    v = mu v - alpha g, and the weight changes by mu v - alpha g. Nesterov, "A method of solving a
    convex programming problem with convergence rate O(1/k^2)" (1983), in the form of Sutskever et
    al., "On the importance of initialization and momentum in deep learning" (2013), written for the
    point looked ahead to, so that g is taken at the weight itself: the form of tf.keras.
    """
    v = mu * v - alpha * g
    return mu * v - alpha * g, v


def rmsprop_update(
    g: tf.Tensor, alpha: tf.Tensor, beta_2: tf.Tensor, epsilon: tf.Tensor, s: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The change of a weight by RMSprop, and the new mean square s.

    Tieleman and Hinton, "Lecture 6.5: rmsprop" (2012), without centring; epsilon stands under the
    root as in tf.keras: -alpha g / sqrt(s + epsilon).
    """
    s = beta_2 * s + (1.0 - beta_2) * tf.square(g)
    return -alpha * g * tf.math.rsqrt(s + epsilon), s


def adam_update(
    g: tf.Tensor,
    alpha_t: tf.Tensor,
    beta_1: tf.Tensor,
    beta_2: tf.Tensor,
    epsilon: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The change of a weight by Adam, and the new moments.

    Kingma and Ba, "Adam" (2015), in the order of computation given at the end of section 2, which
    tf.keras follows too: the bias corrections of both moments sit in `alpha_t`, and epsilon is the
    paper's epsilon hat.

    Args:
        g: gradient.
        alpha_t: the corrected rate, of `adam_rate`.
        beta_1: decay of the first moment.
        beta_2: decay of the second moment.
        epsilon: > 0.
        m: first moment.
        v: second moment.
    """
    m = beta_1 * m + (1.0 - beta_1) * g
    v = beta_2 * v + (1.0 - beta_2) * tf.square(g)
    return -alpha_t * m / (tf.sqrt(v) + epsilon), m, v


def adam_rate(alpha: tf.Tensor, beta_1: tf.Tensor, beta_2: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
    """Adam's corrected rate, alpha sqrt(1 - beta_2^t) / (1 - beta_1^t); t from 1."""
    return alpha * tf.sqrt(1.0 - tf.pow(beta_2, t)) / (1.0 - tf.pow(beta_1, t))


def decoupled_decay(w: tf.Tensor, alpha: tf.Tensor, lambda_: tf.Tensor) -> tf.Tensor:
    """The change of a weight by decoupled decay: -alpha lambda w, beside that of any optimiser.

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2, with the
    rate itself, not its ratio to the first one, before lambda: the form of tf.keras. Adam with it
    is AdamW. It is no part of an optimiser's update: the gradient and the slots never see it.

    Args:
        w: the weight before the step.
        alpha: the step's learning rate, without Adam's correction.
        lambda_: strength of the decay; 0 changes nothing.
    """
    return -alpha * lambda_ * w


@dataclass(frozen=True)
class Optimizer:
    """An optimiser's family.

    Attributes:
        name: as in a study file.
        slots: names of what it remembers of each parameter; they begin at zero.
        hyperparameters: the numbers it uses, names as in a study file.
        prepare: makes of the hyperparameters and the step t (from 1), each `[]` or `[stack]`, those
            that `update` wants; once a step, not once a weight.
        update: (gradient, slots, hyperparameters) to (change of the weight, new slots).
    """

    name: str
    slots: tuple[str, ...]
    hyperparameters: tuple[str, ...]
    prepare: Callable[[Hyper, tf.Tensor], Hyper]
    update: Callable[[tf.Tensor, Slots, Hyper], tuple[tf.Tensor, Slots]]


def _as_is(h: Hyper, t: tf.Tensor) -> Hyper:
    del t
    return h


def _sgd(g: tf.Tensor, slots: Slots, h: Hyper) -> tuple[tf.Tensor, Slots]:
    return sgd_update(g, h["learning_rate"]), slots


def _momentum(g: tf.Tensor, slots: Slots, h: Hyper) -> tuple[tf.Tensor, Slots]:
    change, v = momentum_update(g, h["learning_rate"], h["momentum"], slots["v"])
    return change, {"v": v}


def _nesterov(g: tf.Tensor, slots: Slots, h: Hyper) -> tuple[tf.Tensor, Slots]:
    change, v = nesterov_update(g, h["learning_rate"], h["momentum"], slots["v"])
    return change, {"v": v}


def _rmsprop(g: tf.Tensor, slots: Slots, h: Hyper) -> tuple[tf.Tensor, Slots]:
    change, s = rmsprop_update(g, h["learning_rate"], h["beta_2"], h["epsilon"], slots["s"])
    return change, {"s": s}


def _prepare_adam(h: Hyper, t: tf.Tensor) -> Hyper:
    rate = adam_rate(h["learning_rate"], h["beta_1"], h["beta_2"], t)
    return {**h, "learning_rate": rate}


def _adam(g: tf.Tensor, slots: Slots, h: Hyper) -> tuple[tf.Tensor, Slots]:
    numbers = (h["learning_rate"], h["beta_1"], h["beta_2"], h["epsilon"])
    change, m, v = adam_update(g, *numbers, slots["m"], slots["v"])
    return change, {"m": m, "v": v}


_ADAMS: Final = ("learning_rate", "beta_1", "beta_2", "epsilon")

OPTIMIZERS: Final = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("sgd", (), ("learning_rate",), _as_is, _sgd),
        Optimizer("momentum", ("v",), ("learning_rate", "momentum"), _as_is, _momentum),
        Optimizer("nesterov", ("v",), ("learning_rate", "momentum"), _as_is, _nesterov),
        Optimizer("rmsprop", ("s",), ("learning_rate", "beta_2", "epsilon"), _as_is, _rmsprop),
        Optimizer("adam", ("m", "v"), _ADAMS, _prepare_adam, _adam),
        # Adam's own update: what makes it AdamW is `decoupled_decay`, which the step applies.
        Optimizer("adamw", ("m", "v"), _ADAMS, _prepare_adam, _adam),
    )
}
