"""A trial's state at its own sizes, and the same padded into a lane of a signature's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import DTypeLike, NDArray

from caviar.errors import StudyError
from caviar.nn.initialisers import initial_weights
from caviar.nn.network import Shape
from caviar.study.flat import HYPERPARAMETERS
from caviar.study.records import Trial, Value
from caviar.study.tables import TECHNIQUES
from caviar.train.optimizers import Optimizer
from caviar.train.state import State, zero_state

DEFAULTS: Mapping[str, float] = {
    "beta_1": 0.9,
    "beta_2": 0.999,
    "momentum": 0.9,
    "epsilon": 1e-8,
    "batch_norm_momentum": 0.99,
    "batch_norm_epsilon": 1e-3,
    **TECHNIQUES,
    "initializer_scale": 1.0,
}
"""What a number is where a trial does not say: the value that changes nothing, or the usual one."""

_LEAST_EPSILON = float(np.finfo(np.float32).tiny)
"""Below it a float32 counts as 0, and a padded weight's update would be 0 / 0."""
_AVERAGING = ("beta_1", "beta_2", "batch_norm_momentum")
"""Weights of the past in averages; one that rounds to 1 would let nothing in and divide by 0."""


def number(hyperparameters: Mapping[str, Value], name: str) -> float:
    """A hyperparameter's value, or its default.

    Where a name is of one layer, as `keep_prob_2`, the one for all layers stands in for it.

    Raises:
        StudyError: it is missing and has no default, or float32 cannot hold it.
    """
    common = name if name in DEFAULTS else re.sub(r"_\d+$", "", name)
    value = hyperparameters.get(name, hyperparameters.get(common, DEFAULTS.get(common)))
    place = f"{HYPERPARAMETERS.get(common, 'training')}.{name}"
    if value is None:
        raise StudyError(f"{place}: is needed to train, got none")
    if name in {"epsilon", "batch_norm_epsilon"} and not float(value) >= _LEAST_EPSILON:
        raise StudyError(f"{place}: must be > 0 in float32, got {value}")
    if name in _AVERAGING and not np.float32(value) < 1.0:
        raise StudyError(f"{place}: must be < 1 in float32, got {value}")
    return float(value)


def trial_shape(trial: Trial, whole: Shape) -> Shape:
    """The true sizes of a trial's network.

    Args:
        trial: with its `layers`, and `units` or `units_1` and so on.
        whole: the signature's sizes.

    Raises:
        StudyError: it does not fit into them, or lacks a layer between two of unequal widths.
    """
    layers = int(number(trial.hyperparameters, "layers"))
    units = tuple(
        int(number(trial.hyperparameters, f"units_{place + 1}")) for place in range(layers)
    )
    if layers == 0 and whole.units:
        raise StudyError(f"network.layers: the signature has {len(whole.units)}, got none")
    if layers > len(whole.units) or any(u > w for u, w in zip(units, whole.units, strict=False)):
        raise StudyError(
            f"network: {layers} layers of {', '.join(map(str, units))} units must fit into the "
            f"signature's {whole.units}"
        )
    if len(set(whole.units[max(layers - 1, 0) :])) > 1:
        raise StudyError(
            f"network.layers: a layer that is passed through must be as wide as the one before, "
            f"got {layers} layers in {whole.units}"
        )
    return whole._replace(units=units)


def initial_state(
    shape: Shape, optimizer: Optimizer, seed: int, trial: Trial, dtype: DTypeLike = np.float32
) -> State:
    """A new trial's state at its true sizes, in NumPy `[1, ...]`: gamma one, the weights drawn.

    Args:
        shape: the trial's true sizes.
        optimizer: its family.
        seed: the study's.
        trial: the trial; its index, `initializer` and `initializer_scale` matter.
        dtype: of the state; the draws are the same whichever it is.
    """
    state = zero_state(shape, optimizer, dtype)
    kind = str(trial.hyperparameters.get("initializer", "he"))
    scale = number(trial.hyperparameters, "initializer_scale")
    for layer, fans in enumerate(shape.fans):
        weights = initial_weights(kind, seed, trial.index, layer, *fans, scale)
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
    places = _layers(len(state.params) - 1, len(to.units))
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
    places = _layers(len(to.units), len(state.params) - 1)
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
