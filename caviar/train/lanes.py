"""A trial's state at its own sizes, and the same padded into a lane of a signature's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import DTypeLike, NDArray

from caviar.errors import StudyError
from caviar.nn.initialisers import he_normal
from caviar.nn.network import Shape
from caviar.study.records import Signature, Trial, Value
from caviar.train.optimizers import OPTIMIZERS, Optimizer
from caviar.train.state import State, zero_state

NUMBERS = ("learning_rate", "beta_1", "beta_2", "momentum", "epsilon")
"""Hyperparameters that enter the compiled step as vectors of lanes."""
DEFAULTS: Mapping[str, float] = {
    "beta_1": 0.9,
    "beta_2": 0.999,
    "momentum": 0.9,
    "epsilon": 1e-8,
    "learning_rate_decay": 0.0,
}

_LEAST_EPSILON = float(np.finfo(np.float32).tiny)
"""Below it a float32 counts as 0, and a padded weight's update would be 0 / 0."""


def number(hyperparameters: Mapping[str, Value], name: str) -> float:
    """A hyperparameter's value, or its default.

    Raises:
        StudyError: it is missing and has no default.
    """
    value = hyperparameters.get(name, DEFAULTS.get(name))
    if value is None:
        raise StudyError(f"training.{name}: is needed to train, got none")
    if name == "epsilon" and not float(value) >= _LEAST_EPSILON:
        raise StudyError(f"training.epsilon: must be > 0 in float32, got {value}")
    return float(value)


def trial_shape(trial: Trial, whole: Shape) -> Shape:
    """The true sizes of a trial's network.

    Args:
        trial: with its `layers` and `units`.
        whole: the signature's sizes.

    Raises:
        StudyError: it does not fit into them, or lacks a layer between two of unequal widths.
    """
    layers, units = (int(number(trial.hyperparameters, name)) for name in ("layers", "units"))
    if layers == 0 and whole.units:
        raise StudyError(f"network.layers: the signature has {len(whole.units)}, got none")
    if layers > len(whole.units) or any(units > width for width in whole.units[:layers]):
        raise StudyError(
            f"network: {layers} layers of {units} units must fit into the signature's {whole.units}"
        )
    if len(set(whole.units[layers - 1 :])) > 1:
        raise StudyError(
            f"network.layers: a layer that is passed through must be as wide as the one before, "
            f"got {layers} layers in {whole.units}"
        )
    return Shape(whole.features, (units,) * layers, whole.classes)


def initial_state(
    shape: Shape, optimizer: Optimizer, seed: int, trial: int, dtype: DTypeLike = np.float32
) -> State:
    """A new trial's state at its true sizes, in NumPy `[1, ...]`: He's weights, gamma one, else 0.

    Args:
        shape: the trial's true sizes.
        optimizer: its family.
        seed: the study's.
        trial: the trial's index.
        dtype: of the state; the draws are the same whichever it is.
    """
    state = zero_state(shape, optimizer, dtype)
    for layer, (fan_in, fan_out) in enumerate(shape.fans):
        weights = he_normal(seed, trial, layer, fan_in, fan_out)
        state.params[layer]["w"][0] = weights
        if "gamma" in state.params[layer]:
            state.params[layer]["gamma"][0] = 1.0
    return state


def padded(state: State, to: Shape, optimizer: Optimizer) -> State:
    """A lane's state at a signature's sizes: zeros around its weights and in the layers it lacks.

    Args:
        state: NumPy arrays `[1, ...]` at the trial's true sizes.
        to: the signature's sizes.
        optimizer: the trial's family.
    """
    wide = zero_state(to, optimizer, state.step.dtype)
    places = _layers(len(state.averages), len(to.units))
    target = State(
        [wide.params[i] for i in places],
        [wide.slots[i] for i in places],
        wide.averages[: len(state.averages)],
        wide.step,
    )
    tf.nest.map_structure(_embed, target, state)
    return wide


def unpadded(state: State, to: Shape, optimizer: Optimizer) -> State:
    """The inverse of `padded`: a lane's state in NumPy `[1, ...]` at its true sizes."""
    places = _layers(len(to.units), len(state.averages))
    kept = State(
        [state.params[i] for i in places],
        [state.slots[i] for i in places],
        state.averages[: len(to.units)],
        state.step,
    )
    true = zero_state(to, optimizer, state.step.dtype)
    tf.nest.map_structure(_embed, true, kept)
    return true


def _layers(hidden: int, depth: int) -> list[int]:
    """Where a network of `hidden` layers sits in one of `depth`: the output layer stays last."""
    return [*range(hidden), depth]


def _embed(into: NDArray[Any], array: NDArray[Any]) -> None:
    """Copies the corner that both have."""
    corner = tuple(slice(min(a, b)) for a, b in zip(into.shape, array.shape, strict=True))
    into[corner] = array[corner]


def optimizer_of(signature: Signature) -> Optimizer:
    """The signature's optimiser.

    Raises:
        StudyError: there is none of that name.
    """
    try:
        return OPTIMIZERS[signature.optimizer]
    except KeyError:
        known = ", ".join(OPTIMIZERS)
        raise StudyError(
            f"training.optimizer: must be one of {known}, got {signature.optimizer!r}"
        ) from None
