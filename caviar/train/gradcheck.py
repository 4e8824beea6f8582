"""Gradient checking of a study: are the gradients that its trials train with right?

The very cost that a step minimises, with batch norm, label smoothing, class weights, L1 and L2, at
the sizes and hyperparameters of some of the study's own trials, in float64 on a small batch of its
training part. Dropout and augmentation are switched off: they draw at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from caviar.data.dataset import Dataset
from caviar.nn.gradient_check import Check, gradient_check
from caviar.nn.initialisers import initial_weights
from caviar.nn.network import Params
from caviar.nn.softmax import scores
from caviar.study.records import Signature, Trial
from caviar.study.spec import StudySpec
from caviar.train.feed import Inputs
from caviar.train.lanes import number, trial_shape
from caviar.train.recipe import AUGMENTATIONS, Recipe
from caviar.train.step import Step

BATCH = 24
"""Examples of the minibatch that is checked on."""
_STREAM = 4
"""Sets these draws apart from every other use of a study's seed."""
_AT_RANDOM = ("keep_prob", *AUGMENTATIONS)


@dataclass(frozen=True)
class Checked:
    """One trial's gradients, checked.

    Attributes:
        trial: the configuration.
        check: what was found.
        off: techniques that were switched off, because they draw at random.
        broken: where a wrong gradient was planted, as (layer, name); None: nowhere.
    """

    trial: Trial
    check: Check
    off: tuple[str, ...]
    broken: tuple[int, str] | None = None


def check_study(
    spec: StudySpec,
    data: Dataset,
    trials: Mapping[Signature, Trial],
    *,
    plant: bool = False,
    per_array: int = 48,
) -> Iterator[Checked]:
    """Checks the gradients of some trials, one after the other.

    Args:
        spec: the study.
        data: its data set.
        trials: one or more, by signature.
        plant: spoil a gradient, which the check must catch.
        per_array: entries checked of every array, at most.
    """
    for signature, trial in trials.items():
        problem = _Problem(spec, data, signature, trial)
        rng = np.random.default_rng([spec.seed, _STREAM, trial.index])
        gradients, broken = problem.gradients(), None
        if plant:
            gradients, broken = _spoilt(gradients, rng)
        check = gradient_check(
            problem.cost, problem.params, gradients, rng, per_array, pattern=problem.pattern
        )
        yield Checked(trial, check, problem.off, broken)


class _Problem:
    """A trial's cost as a function of its parameters alone."""

    def __init__(self, spec: StudySpec, data: Dataset, signature: Signature, trial: Trial):
        self.off = tuple(name for name in signature.techniques if name in _AT_RANDOM)
        kept = tuple(name for name in signature.techniques if name not in _AT_RANDOM)
        exact = replace(signature, techniques=kept, precision="float32")
        recipe = Recipe.of(exact, data.features, data.classes)
        shape = trial_shape(trial, recipe.network.shape)
        recipe = replace(recipe, network=replace(recipe.network, shape=shape))
        self._step = Step(recipe, Inputs.of(data, tf.float64))
        rng = np.random.default_rng([spec.seed, _STREAM])
        rows = np.sort(rng.choice(len(data.train), min(BATCH, len(data.train)), replace=False))
        self._x = self._step.inputs.standardised(tf.constant(data.train.x[rows]))
        self._y = tf.constant(data.train.y[rows])
        values = trial.hyperparameters
        self._hyper = {n: tf.constant(number(values, n), tf.float64) for n in recipe.numbers}
        self._live = recipe.network.live(tf.constant(shape.units, tf.int32))
        self.params = _params(recipe, spec.seed, trial.index, rng)

    def cost(self, params: Params) -> tf.Tensor:
        """What a step minimises, `[]`."""
        out = self._step.recipe.network.train(params, self._x, self._live, self._hyper)
        each = scores(out.logits, self._y)
        return self._step.objective(params, out.logits, self._y, each, self._hyper)

    def pattern(self, params: Params) -> tf.Tensor:
        """The signs that the cost's formula depends on: of ReLU's inputs, of weights under L1."""
        network, signs = self._step.recipe.network, [tf.zeros((0,), tf.bool)]
        if network.activation in {"relu", "leaky_relu"}:
            out = network.train(params, self._x, self._live, self._hyper)
            signs += [tf.reshape(a > 0, (-1,)) for a in out.activations]
        if "l1" in self._step.recipe.techniques:
            signs += [tf.reshape(layer["w"] > 0, (-1,)) for layer in params]
        return tf.concat(signs, 0)

    def gradients(self) -> Params:
        """The tape's, which is what training follows."""
        with tf.GradientTape() as tape:
            tape.watch(self.params)
            value = self.cost(self.params)
        found: Params = tape.gradient(value, self.params, unconnected_gradients="zero")
        return found


def _params(recipe: Recipe, seed: int, trial: int, rng: np.random.Generator) -> Params:
    """He's weights whatever the study's are, and everything else a little off its usual start.

    At zero weights, or a beta of zero, half of the gradients would be zero or on a kink.
    """
    params: Params = []
    shape = recipe.network.shape
    for layer, (sizes, fans) in enumerate(zip(shape.parameters(), shape.fans, strict=True)):
        arrays = {n: 0.1 * rng.normal(size=size) + (n == "gamma") for n, size in sizes.items()}
        arrays["w"] = initial_weights("he", seed, trial, layer, *fans)
        params.append({n: tf.constant(a, tf.float64) for n, a in arrays.items()})
    return params


def _spoilt(gradients: Params, rng: np.random.Generator) -> tuple[Params, tuple[int, str]]:
    """The gradients with one array of them a thousandth too large, and which."""
    layer = int(rng.integers(len(gradients)))
    wrong = [dict(arrays) for arrays in gradients]
    wrong[layer]["w"] = gradients[layer]["w"] * 1.001
    return wrong, (layer, "w")
