"""The compiled epoch: one call trains every lane for an epoch and evaluates it on the dev part.

The steps are a raw `tf.while_loop` inside one XLA program. Everything that changes between calls
is an argument: the state, the hyperparameters, the rate of every step, the order of the examples
and the number of steps. So there is one trace and one compilation, whatever their values; `traces`
counts the first, the tests count the second from what XLA dumps. (A loop over `tf.range`, `x[i]`
or a `TensorArray` would compile again for every new length, with a single trace.) With zero steps
the call only evaluates. Streamed examples take the same step in a program of their own, chunk by
chunk, and the dev part in another.

A stack of one lane drops its stack axis inside, since plain matrix products are faster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from caviar.nn.network import Live
from caviar.nn.softmax import Scores
from caviar.train.evaluation import Evaluation, Tally
from caviar.train.feed import DevChunks, Examples, Resident, Stream
from caviar.train.order import steps_per_epoch
from caviar.train.recipe import Recipe
from caviar.train.state import Layout, State, zero_state
from caviar.train.step import Batch, Step
from caviar.train.watching import WATCH_EVERY, every_watched, square_norms

_KEYS = 4
"""Integers in an epoch's random key."""


class EpochScores(NamedTuple):
    """What an epoch gave, in NumPy; each `[stack]` unless it says otherwise.

    Attributes:
        train_loss: mean cross-entropy over the epoch's steps.
        train_accuracy: likewise.
        dev_loss: mean over the dev part after the epoch, by the averages of batch norm.
        dev_accuracy: likewise.
        finite: whether every number of the lane's state is finite.
        gradient_norm: `[layers, stack]`, the output layer last; see `records.Watch`.
        weight_norm: `[layers, stack]`, likewise.
        idle: `[hidden layers, stack]`, likewise.
    """

    train_loss: NDArray[np.float64]
    train_accuracy: NDArray[np.float64]
    dev_loss: NDArray[np.float64]
    dev_accuracy: NDArray[np.float64]
    finite: NDArray[np.bool_]
    gradient_norm: NDArray[np.float64]
    weight_norm: NDArray[np.float64]
    idle: NDArray[np.float64]


class EpochNumbers(NamedTuple):
    """What an epoch is to be trained with, in NumPy.

    Attributes:
        hyper: `recipe.numbers` by name, each `[width]`.
        rates: learning rates of every step, `[steps, width]`.
        units: true units of each lane's hidden layers, 0 for a layer it lacks, `[width, depth]`.
        key: the epoch's random key, `[4]`.
    """

    hyper: Mapping[str, NDArray[np.floating]]
    rates: NDArray[np.floating]
    units: NDArray[np.integer]
    key: NDArray[np.integer]


class _Trained(NamedTuple):
    """Sums over the steps of an epoch: `[]` or `[stack]`, the squares `[..., layers]`."""

    loss: tf.Tensor
    correct: tf.Tensor
    squares: tf.Tensor


class _Lanes(NamedTuple):
    """What a traced call unpacks: without the stack axis where the width is 1."""

    state: State
    hyper: dict[str, tf.Tensor]
    rates: tf.Tensor
    live: list[Live]
    key: tf.Tensor


class CompiledEpoch:
    """One epoch of training and the dev evaluation after it, for `width` lanes, compiled by XLA."""

    def __init__(
        self,
        recipe: Recipe,
        feed: Resident | Stream,
        width: int,
        dtype: tf.DType = tf.float32,
    ):
        """Nothing is traced or compiled before the first call.

        Args:
            recipe: what a step computes.
            feed: the examples.
            width: lanes in a call, >= 1.
            dtype: of all numbers.

        Raises:
            StudyError: a batch is larger than the training part.
        """
        self.recipe = recipe
        self.feed = feed
        self.width = width
        self.dtype = np.dtype(dtype.as_numpy_dtype)
        self.steps = steps_per_epoch(feed.examples, recipe.batch_size)
        self.layout = Layout(zero_state(recipe.network.shape, recipe.optimizer, self.dtype))
        self.traces = 0
        self._step = Step(recipe, feed.inputs)
        self._evaluation = Evaluation(recipe, feed.inputs)
        self._whole, self._chunk, self._dev, self._close = (
            tf.function(call, jit_compile=True, autograph=False)
            for call in (self._call, self._call_chunk, self._call_dev, self._call_close)
        )

    def __call__(
        self,
        state: tf.Tensor,
        numbers: EpochNumbers,
        order: NDArray[np.int32],
        steps: int | None = None,
    ) -> tuple[tf.Tensor, EpochScores]:
        """Trains every lane for an epoch.

        Args:
            state: of `width` lanes, packed by `layout`.
            numbers: what to train with.
            order: examples of the epoch's minibatches, `[steps * batch_size]`.
            steps: how many of them to take; all by default, 0 to compile and evaluate only.

        Returns:
            The new state, packed, and the epoch's scores.
        """
        count = self.steps if steps is None else steps
        rows = [numbers.hyper[name] for name in self.recipe.numbers]
        floats = tf.constant(np.vstack([*rows, numbers.rates]).astype(self.dtype))
        wholes = [np.array([count]), numbers.key, numbers.units.ravel()]
        if isinstance(self.feed, Resident):
            ints = tf.constant(np.concatenate([*wholes, order]).astype(np.int32))
            train, dev = self.feed.train, self.feed.dev
            state, found = self._whole(state, floats, ints, train, dev)
        else:
            ints = tf.constant(np.concatenate(wholes).astype(np.int32))
            state, found = self._streamed(state, floats, ints, order, count)
        return state, self._scores(found.numpy().astype(np.float64))

    def _streamed(
        self,
        state: tf.Tensor,
        floats: tf.Tensor,
        ints: tf.Tensor,
        order: NDArray[np.int32],
        count: int,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        feed = self.feed
        assert isinstance(feed, Stream)
        # Zeros rather than nothing, so that the first chunk is traced like the others.
        lone = () if self.width == 1 else (self.width,)
        trained = self._nothing(lone)
        tally = self._evaluation.start(tf.zeros(lone, self.dtype))
        chunks = feed.chunks(order, self.recipe.batch_size, max(count, 1))
        for first, steps, examples in chunks:
            place = tf.constant([first, min(steps, count)], tf.int32)
            state, trained = self._chunk(state, floats, ints, examples, place, trained)
        for dev in feed.dev_chunks():
            tally = self._dev(state, floats, ints, dev, tally)
        return state, self._close(state, floats, ints, trained, tally)

    # What is traced

    def _call(
        self,
        packed: tf.Tensor,
        floats: tf.Tensor,
        ints: tf.Tensor,
        train: Examples,
        dev: DevChunks,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The whole epoch: the new state, packed, and the scores `[rows, width]`."""
        self.traces += 1
        lanes = self._unpack(packed, floats, ints)
        batch_size = self.recipe.batch_size
        order = ints[1 + _KEYS + self.width * self.recipe.depth :]
        batches = tf.reshape(order, (self.steps, batch_size))

        def batch_at(i: tf.Tensor) -> Examples:
            chosen = tf.gather(batches, i)
            return Examples(tf.gather(train.x, chosen), tf.gather(train.y, chosen))

        start = self._nothing(lanes.state.step.shape)
        state, trained = self._train(lanes, batch_at, tf.constant(0), ints[0], ints[0], start)
        lanes = lanes._replace(state=state)
        first = self._evaluation.start(state.step)
        tally = self._evaluation.add(first, state, lanes.live, lanes.hyper, dev)
        return self._packed(state), self._found(lanes, trained, tally, ints[0])

    def _call_chunk(
        self,
        packed: tf.Tensor,
        floats: tf.Tensor,
        ints: tf.Tensor,
        examples: Examples,
        place: tf.Tensor,
        trained: _Trained,
    ) -> tuple[tf.Tensor, _Trained]:
        """The steps of a streamed chunk; `place` is its first step and how many it has."""
        self.traces += 1
        lanes = self._unpack(packed, floats, ints)
        shaped = [tf.reshape(a, (-1, self.recipe.batch_size, *a.shape[1:])) for a in examples]
        first, count = place[0], place[1]

        def batch_at(i: tf.Tensor) -> Examples:
            return Examples(*(tf.gather(a, i - first) for a in shaped))

        state, trained = self._train(lanes, batch_at, first, first + count, ints[0], trained)
        return self._packed(state), trained

    def _call_dev(
        self,
        packed: tf.Tensor,
        floats: tf.Tensor,
        ints: tf.Tensor,
        dev: DevChunks,
        tally: Tally,
    ) -> Tally:
        """The tally with a streamed piece of the dev part added."""
        self.traces += 1
        lanes = self._unpack(packed, floats, ints)
        return self._evaluation.add(tally, lanes.state, lanes.live, lanes.hyper, dev)

    def _call_close(
        self,
        packed: tf.Tensor,
        floats: tf.Tensor,
        ints: tf.Tensor,
        trained: _Trained,
        tally: Tally,
    ) -> tf.Tensor:
        """The scores of a streamed epoch."""
        self.traces += 1
        return self._found(self._unpack(packed, floats, ints), trained, tally, ints[0])

    def _train(
        self,
        lanes: _Lanes,
        batch_at: Callable[[tf.Tensor], Examples],
        first: tf.Tensor,
        last: tf.Tensor,
        steps: tf.Tensor,
        start: _Trained,
    ) -> tuple[State, _Trained]:
        """Takes the steps from `first` to before `last` of an epoch of `steps`."""

        def body(i: tf.Tensor, state: State, sums: _Trained) -> tuple[tf.Tensor, State, _Trained]:
            hyper = {**lanes.hyper, "learning_rate": tf.gather(lanes.rates, i)}
            new = self._step(state, lanes.live, hyper, Batch(*batch_at(i), lanes.key, i))
            watched = tf.equal((steps - 1 - i) % WATCH_EVERY, 0)
            squares = square_norms(new.gradients, watched, sums.squares)
            loss, correct = sums.loss + new.scores.loss, sums.correct + new.scores.correct
            return i + 1, new.state, _Trained(loss, correct, squares)

        loop = (first, lanes.state, start)
        return tf.while_loop(lambda i, *_: i < last, body, loop)[1:]

    def _found(self, lanes: _Lanes, trained: _Trained, tally: Tally, steps: tf.Tensor) -> tf.Tensor:
        """All scores as `[rows, width]`."""
        kind = trained.loss.dtype
        taken = tf.cast(tf.maximum(steps, 1), kind)
        watched = tf.cast(every_watched(steps), kind)
        weights = square_norms(lanes.state.params, None, None)
        rows = [
            *(Scores(trained.loss / taken, trained.correct / taken)),
            *(Scores(tally.loss / tally.examples, tally.correct / tally.examples)),
            tf.cast(_finite(lanes.state), kind),
            *tf.unstack(tf.sqrt(trained.squares / watched), axis=-1),
            *tf.unstack(tf.sqrt(weights), axis=-1),
            *self._evaluation.idle_shares(tally, lanes.live),
        ]
        return tf.reshape(tf.stack(rows), (len(rows), self.width))

    def _scores(self, found: NDArray[np.float64]) -> EpochScores:
        layers = self.recipe.depth + 1
        single, gradients, weights, idle = np.split(found, [5, 5 + layers, 5 + 2 * layers])
        scores = dict(zip(EpochScores._fields[:4], single, strict=False))
        return EpochScores(
            **scores, finite=single[4] > 0, gradient_norm=gradients, weight_norm=weights, idle=idle
        )

    # Between packed and unpacked

    def _unpack(self, packed: tf.Tensor, floats: tf.Tensor, ints: tf.Tensor) -> _Lanes:
        names, depth = self.recipe.numbers, self.recipe.depth
        state, key = self.layout.unpack(packed), ints[1 : 1 + _KEYS]
        units = tf.reshape(ints[1 + _KEYS : 1 + _KEYS + self.width * depth], (self.width, depth))
        if self.width == 1:
            state, units = tf.nest.map_structure(lambda t: tf.squeeze(t, 0), (state, units))
            floats = tf.squeeze(floats, 1)
        hyper = {name: floats[place] for place, name in enumerate(names)}
        live = self.recipe.network.live(units)
        return _Lanes(state, hyper, floats[len(names) :], live, key)

    def _packed(self, state: State) -> tf.Tensor:
        if self.width == 1:
            state = tf.nest.map_structure(lambda t: tf.expand_dims(t, 0), state)
        return self.layout.pack(state)

    def _nothing(self, shape: tuple[int, ...]) -> _Trained:
        zero = tf.zeros(shape, self.dtype)
        return _Trained(zero, zero, tf.zeros((*shape, self.recipe.depth + 1), self.dtype))


def _finite(state: State) -> tf.Tensor:
    """Whether each lane's state is finite, of `state.step`'s shape."""
    rank = state.step.shape.rank
    checks = [
        tf.reduce_all(tf.math.is_finite(t), list(range(rank, t.shape.rank)))
        for t in tf.nest.flatten(state)
    ]
    return tf.reduce_all(tf.stack(checks), 0)
