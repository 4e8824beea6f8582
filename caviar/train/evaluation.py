"""The dev part, inside the compiled epoch: loss, accuracy, and which units are idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from caviar.nn.batch_norm import Moments, debiased
from caviar.nn.network import Hyper, Live
from caviar.nn.softmax import scores
from caviar.train.feed import DevChunks, Inputs
from caviar.train.recipe import Recipe
from caviar.train.state import State


class Tally(NamedTuple):
    """Sums over the dev examples seen so far, `[]` or `[stack]`.

    Attributes:
        loss: cross-entropy.
        correct: hits.
        examples: how many.
        idle: of each hidden layer which units were idle on all of them, `[..., units]`.
    """

    loss: tf.Tensor
    correct: tf.Tensor
    examples: tf.Tensor
    idle: list[tf.Tensor]


@dataclass(frozen=True)
class Evaluation:
    """The dev part by batch norm's averages, for one lane or a stack of them.

    Attributes:
        recipe: whose network.
        inputs: how examples become inputs.
    """

    recipe: Recipe
    inputs: Inputs

    def start(self, step: tf.Tensor) -> Tally:
        """Nothing seen; `step` is a state's, for its shape."""
        zero, units = tf.zeros_like(step), self.recipe.network.shape.units
        idle = [tf.ones((*step.shape, width), tf.bool) for width in units]
        return Tally(zero, zero, tf.zeros((), step.dtype), idle)

    def add(
        self, tally: Tally, state: State, live: Sequence[Live], hyper: Hyper, dev: DevChunks
    ) -> Tally:
        """The tally with these chunks added, one after the other."""
        averages = self._averages(state, hyper)

        def body(i: tf.Tensor, seen: Tally) -> tuple[tf.Tensor, Tally]:
            x, y, weight = (tf.gather(a, i) for a in dev)
            x = self.inputs.standardised(x)
            out = self.recipe.network.infer(state.params, averages, x, live, hyper)
            each = scores(out.logits, y)
            # A filled row is left out rather than multiplied by 0: its loss may be infinite.
            loss, correct = (
                tf.reduce_sum(tf.where(weight > 0, part, tf.zeros((), part.dtype)), -1)
                for part in each
            )
            idle = [
                before & self._idle(a, weight)
                for before, a in zip(seen.idle, out.activations, strict=True)
            ]
            examples = seen.examples + tf.reduce_sum(weight)
            return i + 1, Tally(seen.loss + loss, seen.correct + correct, examples, idle)

        chunks = dev.x.shape[0]
        return tf.while_loop(lambda i, _: i < chunks, body, (tf.constant(0), tally))[1]

    def idle_shares(self, tally: Tally, live: Sequence[Live]) -> list[tf.Tensor]:
        """Of each hidden layer the share of its true units that were idle, `[]` or `[stack]`."""
        shares = []
        for idle, lanes in zip(tally.idle, live, strict=True):
            units = tf.reduce_sum(tf.cast(lanes.units, tally.loss.dtype), -1)
            found = tf.reduce_sum(tf.cast(idle & lanes.units, tally.loss.dtype), -1)
            shares.append(found / tf.maximum(units, 1.0))
        return shares

    def _idle(self, a: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        return tf.reduce_all(self.recipe.network.kind.idle(a) | (weight[:, tf.newaxis] <= 0), -2)

    def _averages(self, state: State, hyper: Hyper) -> list[Moments]:
        step = tf.maximum(state.step, 1.0)
        return [debiased(m, step, hyper["batch_norm_momentum"]) for m in state.averages]
