"""The compiled epoch: one call trains every lane for an epoch and evaluates it on the dev part.

The steps are a raw `tf.while_loop` inside one XLA program. Everything that changes between calls
is an argument: the state, the hyperparameters, the rate of every step, the order of the examples
and the number of steps. So there is one trace and one compilation, whatever their values; `traces`
counts the first, the tests count the second from what XLA dumps. (A loop over `tf.range`, `x[i]`
or a `TensorArray` would compile again for every new length, with a single trace.) With zero steps
the call only evaluates. Streamed examples take the same step in a program of their own, chunk by
chunk, and the dev part in another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from caviar.nn.softmax import Scores
from caviar.train.arguments import Arguments, EpochNumbers, Lanes, Packed
from caviar.train.evaluation import Evaluation, Tally
from caviar.train.feed import DevChunks, Examples, Resident, Stream
from caviar.train.order import steps_per_epoch
from caviar.train.recipe import Recipe
from caviar.train.state import Layout, State, zero_state
from caviar.train.step import Batch, Step
from caviar.train.watching import WATCH_EVERY, every_watched, square_norms


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


class _Sums(NamedTuple):
    """Sums over the steps of an epoch: `[]` or `[stack]`, the squares `[..., layers]`."""

    loss: tf.Tensor
    correct: tf.Tensor
    squares: tf.Tensor


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
        self._arguments = Arguments(recipe, self.layout, width)
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
        if isinstance(self.feed, Resident):
            packed = self._arguments.pack(state, numbers, count, order)
            state, found = self._whole(packed, self.feed.train, self.feed.dev)
        else:
            packed = self._arguments.pack(state, numbers, count)
            state, found = self._streamed(self.feed, packed, order, count)
        return state, self._scores(found.numpy().astype(np.float64))

    def _streamed(
        self, feed: Stream, packed: Packed, order: NDArray[np.int32], count: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        lone = () if self.width == 1 else (self.width,)
        sums, tally = self._nothing(lone), self._evaluation.start(tf.zeros(lone, self.dtype))
        # A chunk even where no step is to be taken, so that it is compiled.
        chunks = feed.chunks(order, self.recipe.batch_size, max(count, 1))
        for first, steps, examples in chunks:
            place = tf.constant([first, min(steps, count)], tf.int32)
            state, sums = self._chunk(packed, examples, place, sums)
            packed = packed._replace(state=state)
        for dev in feed.dev_chunks():
            tally = self._dev(packed, dev, tally)
        return packed.state, self._close(packed, sums, tally)

    # What is traced

    def _call(self, packed: Packed, train: Examples, dev: DevChunks) -> tuple[tf.Tensor, tf.Tensor]:
        """The whole epoch: the new state, packed, and the scores `[rows, width]`."""
        self.traces += 1
        lanes = self._arguments.unpack(packed)
        batches = tf.reshape(lanes.order, (self.steps, self.recipe.batch_size))

        def batch_at(i: tf.Tensor) -> Examples:
            chosen = tf.gather(batches, i)
            return Examples(tf.gather(train.x, chosen), tf.gather(train.y, chosen))

        start = self._nothing(lanes.state.step.shape)
        state, sums = self._train(lanes, batch_at, tf.constant(0), lanes.steps, start)
        lanes = lanes._replace(state=state)
        tally = self._evaluated(lanes, dev, self._evaluation.start(state.step))
        return self._arguments.pack_state(state), self._found(lanes, sums, tally)

    def _call_chunk(
        self, packed: Packed, examples: Examples, place: tf.Tensor, sums: _Sums
    ) -> tuple[tf.Tensor, _Sums]:
        """The steps of a streamed chunk; `place` is its first step and how many it has."""
        self.traces += 1
        lanes = self._arguments.unpack(packed)
        shaped = [tf.reshape(a, (-1, self.recipe.batch_size, *a.shape[1:])) for a in examples]
        first, count = place[0], place[1]

        def batch_at(i: tf.Tensor) -> Examples:
            return Examples(*(tf.gather(a, i - first) for a in shaped))

        state, sums = self._train(lanes, batch_at, first, first + count, sums)
        return self._arguments.pack_state(state), sums

    def _call_dev(self, packed: Packed, dev: DevChunks, tally: Tally) -> Tally:
        """The tally with a streamed piece of the dev part added."""
        self.traces += 1
        return self._evaluated(self._arguments.unpack(packed), dev, tally)

    def _call_close(self, packed: Packed, sums: _Sums, tally: Tally) -> tf.Tensor:
        """The scores of a streamed epoch."""
        self.traces += 1
        return self._found(self._arguments.unpack(packed), sums, tally)

    def _train(
        self,
        lanes: Lanes,
        batch_at: Callable[[tf.Tensor], Examples],
        first: tf.Tensor,
        last: tf.Tensor,
        start: _Sums,
    ) -> tuple[State, _Sums]:
        """Takes the epoch's steps from `first` to before `last`, adding to the sums."""

        def body(i: tf.Tensor, state: State, sums: _Sums) -> tuple[tf.Tensor, State, _Sums]:
            hyper = {**lanes.hyper, "learning_rate": tf.gather(lanes.rates, i)}
            new = self._step(state, lanes.live, hyper, Batch(*batch_at(i), lanes.key, i))
            watched = tf.equal((lanes.steps - 1 - i) % WATCH_EVERY, 0)
            squares = square_norms(new.gradients, watched, sums.squares)
            loss, correct = sums.loss + new.scores.loss, sums.correct + new.scores.correct
            return i + 1, new.state, _Sums(loss, correct, squares)

        loop = (first, lanes.state, start)
        return tf.while_loop(lambda i, *_: i < last, body, loop)[1:]

    def _evaluated(self, lanes: Lanes, dev: DevChunks, tally: Tally) -> Tally:
        return self._evaluation.add(tally, lanes.state, lanes.live, lanes.hyper, dev)

    def _found(self, lanes: Lanes, sums: _Sums, tally: Tally) -> tf.Tensor:
        """All scores as `[rows, width]`."""
        kind = sums.loss.dtype
        taken = tf.cast(tf.maximum(lanes.steps, 1), kind)
        watched = tf.cast(every_watched(lanes.steps), kind)
        weights = square_norms(lanes.state.params, None, None)
        rows = [
            *(Scores(sums.loss / taken, sums.correct / taken)),
            *(Scores(tally.loss / tally.examples, tally.correct / tally.examples)),
            tf.cast(_finite(lanes.state), kind),
            *tf.unstack(tf.sqrt(sums.squares / watched), axis=-1),
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

    def _nothing(self, shape: tuple[int, ...]) -> _Sums:
        zero = tf.zeros(shape, self.dtype)
        return _Sums(zero, zero, tf.zeros((*shape, self.recipe.depth + 1), self.dtype))


def _finite(state: State) -> tf.Tensor:
    """Whether each lane's state is finite, of `state.step`'s shape."""
    rank = state.step.shape.rank
    checks = [
        tf.reduce_all(tf.math.is_finite(t), list(range(rank, t.shape.rank)))
        for t in tf.nest.flatten(state)
    ]
    return tf.reduce_all(tf.stack(checks), 0)
