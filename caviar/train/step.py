"""One minibatch of training, inside the compiled epoch: forward, backward, update.

Lanes share the minibatch and dropout's draws, nothing else: the gradient of the sum of their costs
is each one's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from caviar.nn.augmentation import augment
from caviar.nn.batch_norm import average
from caviar.nn.dropout import draws
from caviar.nn.network import Draws, Hyper, Live, Params
from caviar.nn.penalties import max_norm, penalty
from caviar.nn.softmax import Scores, cost, scores
from caviar.train.clipping import by_global_norm
from caviar.train.feed import Inputs
from caviar.train.optimizers import Slots, decoupled_decay
from caviar.train.recipe import Recipe
from caviar.train.state import State, per_lane


class Batch(NamedTuple):
    """A minibatch and what randomness there is in it.

    Attributes:
        x: `[batch, features]` as on disk.
        y: `[batch]` class numbers.
        key: the epoch's random key, int32 `[4]`: two for dropout, two for augmentation.
        place: which step of the epoch it is, from 0.
    """

    x: tf.Tensor
    y: tf.Tensor
    key: tf.Tensor
    place: tf.Tensor


class Stepped(NamedTuple):
    """What a step gives.

    Attributes:
        state: the new one.
        scores: mean cross-entropy and accuracy over the minibatch, `[]` or `[stack]`.
        gradients: the cost's, before clipping.
    """

    state: State
    scores: Scores
    gradients: Params


@dataclass(frozen=True)
class Step:
    """A training step of one lane or a stack of them.

    Attributes:
        recipe: what it computes.
        inputs: how examples become inputs.
    """

    recipe: Recipe
    inputs: Inputs

    def __call__(self, state: State, live: Sequence[Live], hyper: Hyper, batch: Batch) -> Stepped:
        """Takes the step.

        Args:
            state: with or without the stack axis.
            live: what of the hidden layers is true.
            hyper: `recipe.numbers` and this step's `learning_rate`, each `[]` or `[stack]`.
            batch: the minibatch.
        """
        x = self._input(hyper, batch)
        network = self.recipe.network
        with tf.GradientTape() as tape:
            tape.watch(state.params)
            out = network.train(state.params, x, live, hyper, self._draws(batch))
            each = scores(out.logits, batch.y)
            total = tf.reduce_sum(self.objective(state.params, out.logits, batch.y, each, hyper))
        gradients = tape.gradient(total, state.params)
        step = state.step + 1.0
        params, slots = self._update(state, gradients, hyper, step)
        averages = [
            average(past, new, hyper["batch_norm_momentum"])
            for past, new in zip(state.averages, out.moments, strict=True)
        ]
        mean = Scores(tf.reduce_mean(each.loss, -1), tf.reduce_mean(each.correct, -1))
        return Stepped(State(params, slots, averages, step), mean, gradients)

    def objective(
        self, params: Params, logits: tf.Tensor, y: tf.Tensor, each: Scores, hyper: Hyper
    ) -> tf.Tensor:
        """What is minimised, `[]` or `[stack]`: the mean cost of the minibatch and the penalties.

        Args:
            params: as in the state.
            logits: `[..., batch, classes]`.
            y: `[batch]`.
            each: the plain scores of these logits, which are the cost where nothing is added.
            hyper: numbers by name.
        """
        smoothing, weights = hyper.get("label_smoothing"), self.inputs.class_weights
        plain = smoothing is None and weights is None
        losses = each.loss if plain else cost(logits, y, smoothing, weights)
        mean = tf.reduce_mean(losses, -1)
        if not self.recipe.techniques & {"l1", "l2"}:
            return mean
        return mean + penalty(params, l1=hyper.get("l1"), l2=hyper.get("l2"))

    def _input(self, hyper: Hyper, batch: Batch) -> tf.Tensor:
        x = self.inputs.standardised(batch.x)
        names = self.recipe.augmentations
        if not names:
            return x
        strengths = {name: hyper[name] for name in names}
        return augment(x, self.inputs.image_shape, strengths, batch.key[2:], batch.place)

    def _draws(self, batch: Batch) -> Draws | None:
        if "keep_prob" not in self.recipe.techniques:
            return None

        def uniform(layer: int, a: tf.Tensor) -> tf.Tensor:
            rows, units = a.shape[-2:]
            return draws(batch.key[:2], batch.place, layer, rows, units, a.dtype)

        return uniform

    def _update(
        self, state: State, gradients: Params, hyper: Hyper, step: tf.Tensor
    ) -> tuple[Params, list[dict[str, Slots]]]:
        if "clip_norm" in self.recipe.techniques:
            gradients = by_global_norm(gradients, hyper["clip_norm"])
        prepared = self.recipe.optimizer.prepare(hyper, step)
        params: Params = [{} for _ in state.params]
        slots: list[dict[str, Slots]] = [{} for _ in state.params]
        for layer, weights in enumerate(state.params):
            for name, w in weights.items():
                numbers = {key: per_lane(number, w) for key, number in prepared.items()}
                change, slots[layer][name] = self.recipe.optimizer.update(
                    gradients[layer][name], state.slots[layer][name], numbers
                )
                params[layer][name] = w + change
            hidden = layer < len(state.params) - 1
            params[layer]["w"] = self._regularised(weights["w"], params[layer]["w"], hyper, hidden)
        return params, slots

    def _regularised(
        self, before: tf.Tensor, w: tf.Tensor, hyper: Mapping[str, tf.Tensor], hidden: bool
    ) -> tf.Tensor:
        """Weights after what acts on them beside the gradient."""
        if "weight_decay" in self.recipe.techniques:
            numbers = [per_lane(hyper[name], w) for name in ("learning_rate", "weight_decay")]
            w += decoupled_decay(before, *numbers)
        if "max_norm" in self.recipe.techniques and hidden:
            w = max_norm(w, hyper["max_norm"])
        return w
