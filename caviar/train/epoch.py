"""The compiled epoch: one call trains every lane for an epoch and evaluates it on the dev part.

The steps are a raw `tf.while_loop` inside one XLA program. Everything that changes between calls
is an argument: the state, the hyperparameters, the order of the examples and the number of steps.
So there is one trace and one compilation, whatever their values; `traces` counts the first, the
tests count the second from what XLA dumps. (A loop over `tf.range`, `x[i]` or a `TensorArray` would
compile again for every new length, with a single trace.) With zero steps the call only evaluates.

A stack of one lane drops its stack axis inside, since plain matrix products are faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from caviar.nn.batch_norm import Moments, average, debiased
from caviar.nn.network import Network, Params
from caviar.nn.softmax import Scores, scores
from caviar.train.optimizers import Hyper, Optimizer, Slots
from caviar.train.order import steps_per_epoch
from caviar.train.state import Layout, State, per_lane, zero_state

_DEV_BATCH = 1024
"""Dev examples evaluated at a time, so that activations stay small."""


class EpochScores(NamedTuple):
    """What an epoch gave, each `[stack]`; outside the compiled call, NumPy in float64 or bool.

    Attributes:
        train_loss: mean over the epoch's steps.
        train_accuracy: likewise.
        dev_loss: mean over the dev part after the epoch, by the averages of batch norm.
        dev_accuracy: likewise.
        finite: whether every number of the lane's state is finite.
    """

    train_loss: NDArray[np.float64]
    train_accuracy: NDArray[np.float64]
    dev_loss: NDArray[np.float64]
    dev_accuracy: NDArray[np.float64]
    finite: NDArray[np.bool_]


class Resident(NamedTuple):
    """Data on the device.

    Attributes:
        train_x: `[examples, features]`.
        train_y: `[examples]` class indices.
        dev_x: `[chunks, chunk, features]`, the last chunk filled up with zeros.
        dev_y: `[chunks, chunk]`.
        dev_weight: `[chunks, chunk]`, 1 for an example and 0 for filling.
    """

    train_x: tf.Tensor
    train_y: tf.Tensor
    dev_x: tf.Tensor
    dev_y: tf.Tensor
    dev_weight: tf.Tensor


def resident(
    train: tuple[NDArray[np.floating], NDArray[np.integer]],
    dev: tuple[NDArray[np.floating], NDArray[np.integer]],
    dtype: tf.DType = tf.float32,
) -> Resident:
    """Puts `(x [n, features], y [n])` of the training and the dev part on the current device."""
    kind = dtype.as_numpy_dtype
    train_x, train_y = train[0].astype(kind), train[1].astype(np.int32)
    dev_x, dev_y = dev[0].astype(kind), dev[1].astype(np.int32)
    weight = np.ones(len(dev_y), kind)
    chunk = min(_DEV_BATCH, len(dev_y))
    arrays = [train_x, train_y, *(_chunked(a, chunk) for a in (dev_x, dev_y, weight))]
    return Resident(*(tf.constant(array) for array in arrays))


def _chunked(array: NDArray[Any], size: int) -> NDArray[Any]:
    """`[n, ...]` as `[chunks, size, ...]`, the last chunk filled up with zeros."""
    fill = -len(array) % size
    padded = np.pad(array, [(0, fill)] + [(0, 0)] * (array.ndim - 1))
    return padded.reshape(-1, size, *array.shape[1:])


class CompiledEpoch:
    """One epoch of training and the dev evaluation after it, for `width` lanes, compiled by XLA."""

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        data: Resident,
        batch_size: int,
        width: int,
    ):
        """Nothing is traced or compiled before the first call.

        Args:
            network: the forward pass, at its padded sizes.
            optimizer: the family; its hyperparameters are arguments of every call.
            data: on the device.
            batch_size: examples in a step, shared by all lanes.
            width: lanes in a call, >= 1.

        Raises:
            StudyError: a batch is larger than the training part.
        """
        self.network = network
        self.optimizer = optimizer
        self.data = data
        self.batch_size = batch_size
        self.width = width
        self.steps = steps_per_epoch(data.train_x.shape[0], batch_size)
        self.layout = Layout(zero_state(network.shape, optimizer, self.dtype))
        self.traces = 0
        self._compiled = tf.function(self._call, jit_compile=True, autograph=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of all numbers, the data's."""
        return np.dtype(self.data.train_x.dtype.as_numpy_dtype)

    def __call__(
        self,
        state: tf.Tensor,
        hyper: Mapping[str, NDArray[np.floating]],
        active: NDArray[np.bool_],
        order: NDArray[np.int32],
        steps: int | None = None,
    ) -> tuple[tf.Tensor, EpochScores]:
        """Trains every lane for an epoch.

        Args:
            state: of `width` lanes, packed by `layout`.
            hyper: the optimiser's hyperparameters, each `[width]`.
            active: which hidden layers a lane has, `[width, depth]`.
            order: examples of the epoch's minibatches, `[steps * batch_size]`.
            steps: how many of them to take; all by default, 0 to compile and evaluate only.

        Returns:
            The new state, packed, and the epoch's scores.
        """
        names = self.optimizer.hyperparameters
        numbers = np.array([hyper[name] for name in names], self.dtype)
        count = np.int32(self.steps if steps is None else steps)
        arguments = [tf.constant(a) for a in (numbers, active, order, count)]
        state, found = self._compiled(state, *arguments)
        *scores, finite = found.numpy().astype(np.float64)
        return state, EpochScores._make([*scores, finite > 0])

    def _call(
        self,
        packed: tf.Tensor,
        numbers: tf.Tensor,
        active: tf.Tensor,
        order: tf.Tensor,
        steps: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The traced function: the new state, packed, and the scores `[5, width]`."""
        self.traces += 1
        state, masks = self.layout.unpack(packed), self._masks(active)
        hyper = dict(zip(self.optimizer.hyperparameters, tf.unstack(numbers), strict=True))
        if self.width == 1:
            state, hyper, masks = tf.nest.map_structure(
                lambda t: None if t is None else tf.squeeze(t, 0), (state, hyper, masks)
            )
        state, train = self._train(state, hyper, masks, order, steps)
        finite = tf.cast(_finite(state), state.step.dtype)
        scores = tf.stack([*train, *self._evaluate(state, masks), finite])
        if self.width == 1:
            state = tf.nest.map_structure(lambda t: tf.expand_dims(t, 0), state)
        return self.layout.pack(state), tf.reshape(scores, (len(EpochScores._fields), self.width))

    def _masks(self, active: tf.Tensor) -> list[tf.Tensor | None]:
        """Which lanes have each layer; None where all must: only an equal width can pass."""
        units = self.network.shape.units
        return [
            active[:, layer] if layer and units[layer - 1] == units[layer] else None
            for layer in range(len(units))
        ]

    def _train(
        self,
        state: State,
        hyper: Hyper,
        masks: Sequence[tf.Tensor | None],
        order: tf.Tensor,
        steps: tf.Tensor,
    ) -> tuple[State, Scores]:
        data = self.data
        batches = tf.reshape(order, (self.steps, self.batch_size))

        def body(i: tf.Tensor, state: State, total: Scores) -> tuple[tf.Tensor, State, Scores]:
            chosen = tf.gather(batches, i)
            x, y = tf.gather(data.train_x, chosen), tf.gather(data.train_y, chosen)
            state, new = self._step(state, hyper, masks, x, y)
            return i + 1, state, _add(total, new)

        loop = (tf.constant(0), state, _nothing(state.step))
        _, state, total = tf.while_loop(lambda i, *_: i < steps, body, loop)
        taken = tf.cast(tf.maximum(steps, 1), total.loss.dtype)
        return state, Scores(total.loss / taken, total.correct / taken)

    def _step(
        self,
        state: State,
        hyper: Hyper,
        masks: Sequence[tf.Tensor | None],
        x: tf.Tensor,
        y: tf.Tensor,
    ) -> tuple[State, Scores]:
        """One minibatch: forward, backward, update; its mean loss and accuracy per lane."""
        with tf.GradientTape() as tape:
            tape.watch(state.params)
            logits, moments = self.network.train(state.params, x, masks)
            each = scores(logits, y)
            mean = Scores(tf.reduce_mean(each.loss, -1), tf.reduce_mean(each.correct, -1))
            # Lanes share nothing but the minibatch: the gradient of the sum is that of each.
            cost = tf.reduce_sum(mean.loss)
        gradients = tape.gradient(cost, state.params)
        step = state.step + 1.0
        params, slots = self._update(state, gradients, self.optimizer.prepare(hyper, step))
        averages = [
            average(past, new, self.network.momentum)
            for past, new in zip(state.averages, moments, strict=True)
        ]
        return State(params, slots, averages, step), mean

    def _update(
        self, state: State, gradients: Params, hyper: Hyper
    ) -> tuple[Params, list[dict[str, Slots]]]:
        params: Params = [{} for _ in state.params]
        slots: list[dict[str, Slots]] = [{} for _ in state.params]
        for layer, weights in enumerate(state.params):
            for name, w in weights.items():
                numbers = {key: per_lane(number, w) for key, number in hyper.items()}
                change, slots[layer][name] = self.optimizer.update(
                    gradients[layer][name], state.slots[layer][name], numbers
                )
                params[layer][name] = w + change
        return params, slots

    def _evaluate(self, state: State, masks: Sequence[tf.Tensor | None]) -> Scores:
        """Mean dev loss and accuracy per lane, chunk by chunk."""
        data = self.data
        averages: list[Moments] = [
            debiased(moments, tf.maximum(state.step, 1.0), self.network.momentum)
            for moments in state.averages
        ]

        def body(i: tf.Tensor, total: Scores) -> tuple[tf.Tensor, Scores]:
            x, y, weight = (tf.gather(a, i) for a in (data.dev_x, data.dev_y, data.dev_weight))
            each = scores(self.network.infer(state.params, averages, x, masks), y)
            # A filled row is left out rather than multiplied by 0: its loss may be infinite.
            kept = (tf.where(weight > 0, part, 0.0) for part in each)
            return i + 1, _add(total, Scores(*(tf.reduce_sum(part, -1) for part in kept)))

        chunks = data.dev_x.shape[0]
        loop = (tf.constant(0), _nothing(state.step))
        _, total = tf.while_loop(lambda i, *_: i < chunks, body, loop)
        examples = tf.reduce_sum(data.dev_weight)
        return Scores(total.loss / examples, total.correct / examples)


def _nothing(like: tf.Tensor) -> Scores:
    return Scores(tf.zeros_like(like), tf.zeros_like(like))


def _add(total: Scores, new: Scores) -> Scores:
    return Scores(total.loss + new.loss, total.correct + new.correct)


def _finite(state: State) -> tf.Tensor:
    """Whether each lane's state is finite, of `state.step`'s shape."""
    rank = state.step.shape.rank
    checks = [
        tf.reduce_all(tf.math.is_finite(t), list(range(rank, t.shape.rank)))
        for t in tf.nest.flatten(state)
    ]
    return tf.reduce_all(tf.stack(checks), 0)
