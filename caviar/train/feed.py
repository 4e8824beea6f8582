"""How examples reach the compiled step: resident on the device, or streamed to it in chunks.

Both keep what the data set holds (bytes stay bytes) and standardise in the step, and both follow
the same order of the examples, so that they give the same curve.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from caviar.data.dataset import Dataset, Part

DEV_BATCH = 1024
"""Dev examples evaluated at a time, so that activations stay small."""
CHUNK_BYTES = 8 << 20
"""Of a streamed chunk of examples; a few of them are in flight."""

HOST_MIB = 1024
"""Of data that every slice on a CPU copies for itself; larger ones are streamed."""


class Inputs(NamedTuple):
    """What turns an example as it lies on disk into a network's input, on the device.

    Attributes:
        mean: `[features]`.
        scale: `[features]`, 1 over the standard deviation.
        class_weights: `[classes]`, or None where all count alike.
        image_shape: (height, width, channels) of an image, or None.
    """

    mean: tf.Tensor
    scale: tf.Tensor
    class_weights: tf.Tensor | None
    image_shape: tuple[int, int, int] | None

    @classmethod
    def of(cls, data: Dataset, dtype: tf.DType) -> Inputs:
        """The inputs of a data set, on the current device."""
        kind = dtype.as_numpy_dtype
        weights = data.class_weights
        return cls(
            tf.constant(data.mean.astype(kind)),
            tf.constant((1.0 / data.std.astype(np.float64)).astype(kind)),
            None if weights is None else tf.constant(weights.astype(kind)),
            data.image_shape,
        )

    def standardised(self, x: tf.Tensor) -> tf.Tensor:
        """Examples `[n, features]` as they lie on disk, standardised."""
        return (tf.cast(x, self.mean.dtype) - self.mean) * self.scale


class Examples(NamedTuple):
    """Training examples on the device.

    Attributes:
        x: `[examples, features]`, as on disk.
        y: `[examples]` class numbers.
    """

    x: tf.Tensor
    y: tf.Tensor


class DevChunks(NamedTuple):
    """Dev examples on the device, in chunks of at most `DEV_BATCH`.

    Attributes:
        x: `[chunks, chunk, features]`, as on disk; the last ones are filled up with zeros.
        y: `[chunks, chunk]`.
        weight: `[chunks, chunk]`, 1 for an example and 0 for filling.
    """

    x: tf.Tensor
    y: tf.Tensor
    weight: tf.Tensor


class Resident:
    """All examples on the device."""

    def __init__(self, data: Dataset, dtype: tf.DType = tf.float32):
        """Puts the training and the dev part of `data` on the current device."""
        self.inputs = Inputs.of(data, dtype)
        self.examples = len(data.train)
        self.train = Examples(_features(data.train.x, dtype), tf.constant(data.train.y))
        self.dev = dev_chunks(data.dev, dtype)


class Stream:
    """Examples in the host's memory, sent to the device a chunk of steps at a time."""

    def __init__(self, data: Dataset, dtype: tf.DType = tf.float32):
        """Keeps `data` where it is; in a slice that is memory which all of a node share."""
        self.inputs = Inputs.of(data, dtype)
        self.examples = len(data.train)
        self._train, self._dev = data.train, data.dev
        self._dtype = dtype

    def chunk_steps(self, batch_size: int) -> int:
        """Steps in a chunk of training examples."""
        row = self._train.x.shape[1] * self._train.x.dtype.itemsize
        steps = self.examples // batch_size
        return max(1, min(steps, CHUNK_BYTES // max(1, row * batch_size)))

    def chunks(
        self, order: NDArray[np.int32], batch_size: int, steps: int
    ) -> Iterator[tuple[int, int, Examples]]:
        """The examples of an epoch's first `steps`, in chunks of equal shape.

        `tf.data` gathers the next chunks while the device is at work on one.

        Args:
            order: examples of the epoch's minibatches, `[steps * batch_size]`.
            batch_size: examples in a step.
            steps: how many to take.

        Yields:
            The first step, how many steps are true, and the chunk, filled up with other rows.
        """
        size = self.chunk_steps(batch_size)
        for first, rows in zip(
            range(0, steps, size), self._gathered(order, size * batch_size), strict=False
        ):
            yield first, min(size, steps - first), Examples(*rows)

    def dev_chunks(self) -> Iterator[DevChunks]:
        """The dev part, at most `CHUNK_BYTES` at a time, in pieces of equal shape."""
        dev, chunk = self._dev, min(DEV_BATCH, len(self._dev))
        chunks = -(-len(dev) // chunk)
        most = max(1, CHUNK_BYTES // max(1, chunk * dev.x.shape[1] * dev.x.dtype.itemsize))
        # Shared out evenly, so that little is filled up.
        each = -(-chunks // -(-chunks // most))
        for first in range(0, len(dev), each * chunk):
            rows = slice(first, first + each * chunk)
            yield dev_chunks(Part(dev.x[rows], dev.y[rows]), self._dtype, chunk, each)

    def _gathered(self, order: NDArray[np.int32], rows: int) -> tf.data.Dataset:
        x, y = self._train.x, self._train.y
        kind = _kind(x, self._dtype)
        # Equal shapes, so that the last chunk needs no compilation of its own.
        filled = np.resize(order, -(-len(order) // rows) * rows).reshape(-1, rows)

        def gather(chosen: Any) -> tuple[NDArray[Any], NDArray[np.int32]]:
            return x[chosen].astype(kind, copy=False), y[chosen]

        def shaped(chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            got_x, got_y = tf.numpy_function(gather, [chosen], [kind, np.int32], stateful=False)
            return tf.ensure_shape(got_x, (rows, x.shape[1])), tf.ensure_shape(got_y, (rows,))

        chunks = tf.data.Dataset.from_tensor_slices(filled)
        return chunks.map(shaped, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def feed_of(
    data: Dataset,
    asked: Literal["auto", "resident", "stream"],
    memory_mib: int | None,
    dtype: tf.DType = tf.float32,
) -> Resident | Stream:
    """The feed that was asked for; of itself resident where the parts take half the memory or less.

    Args:
        data: the parts.
        asked: a study file's `data.feed`.
        memory_mib: the device's memory; None where it is the host's, of which `HOST_MIB` may go.
        dtype: of the step.
    """
    share = memory_mib / 2 if memory_mib else HOST_MIB
    fits = data.train.x.nbytes + data.dev.x.nbytes <= share * 2**20
    resident = asked == "resident" or (asked == "auto" and fits)
    return Resident(data, dtype) if resident else Stream(data, dtype)


def dev_chunks(
    part: Part, dtype: tf.DType, chunk: int | None = None, chunks: int | None = None
) -> DevChunks:
    """A part on the current device, in so many chunks of `chunk`; `DEV_BATCH` at most by default.

    Args:
        part: the examples, or some of them.
        dtype: of the step.
        chunk: examples in a chunk.
        chunks: how many to fill up to; as many as the examples take by default.
    """
    size = chunk or min(DEV_BATCH, len(part))
    count = chunks or -(-len(part) // size)
    weight = np.ones(len(part), dtype.as_numpy_dtype)
    x = part.x.astype(_kind(part.x, dtype), copy=False)
    return DevChunks(*(tf.constant(_chunked(a, count, size)) for a in (x, part.y, weight)))


def _features(x: NDArray[Any], dtype: tf.DType) -> tf.Tensor:
    return tf.constant(x.astype(_kind(x, dtype), copy=False))


def _kind(x: NDArray[Any], dtype: tf.DType) -> np.dtype[Any]:
    """Bytes stay bytes; other numbers get the step's type."""
    return np.dtype(np.uint8) if x.dtype == np.uint8 else np.dtype(dtype.as_numpy_dtype)


def _chunked(array: NDArray[Any], chunks: int, size: int) -> NDArray[Any]:
    """`[n, ...]` as `[chunks, size, ...]`, filled up with zeros."""
    fill = chunks * size - len(array)
    padded = np.pad(array, [(0, fill)] + [(0, 0)] * (array.ndim - 1)) if fill else array
    return padded.reshape(chunks, size, *array.shape[1:])
