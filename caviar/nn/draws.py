"""Random draws inside the compiled step: functions of a key and counters, and of nothing else.

The draw in row r and column c depends on the key, the counters, r and c: not on how many rows and
columns are asked for (so padding changes nothing), nor on the device or the number of threads. A
counter is hashed rather than a generator's state carried along; XLA fuses the hash into whatever
uses it. On XLA:CPU `tf.random.stateless_uniform` takes a hundred times as long.

The mixing function is Chris Wellons's "lowbias32" (hash-prospector, 2018, public domain): two
rounds of multiply and shift in which every input bit flips every output bit about half the time.
"""

from __future__ import annotations

import tensorflow as tf

_COLUMN = 0x9E3779B9
"""2^32 over the golden ratio: sets neighbouring columns far apart."""


def stream(key: tf.Tensor, *counters: tf.Tensor | int) -> tf.Tensor:
    """The number that sets one use of randomness apart from all others.

    Args:
        key: `[2]`, int32; of the study's seed.
        counters: `[]` integers, or floats that hold one, as the step and the layer.

    Returns:
        `[]`, uint32.
    """
    words = tf.unstack(tf.cast(key, tf.uint32))
    state = tf.zeros((), tf.uint32)
    for word in (*words, *(_word(counter) for counter in counters)):
        state = _mixed(state + word + _constant(_COLUMN))
    return state


def uniform(stream: tf.Tensor, rows: int, columns: int, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Draws `[rows, columns]` from [0, 1), multiples of 2^-24: the same in float32 and float64."""
    bits = tf.bitwise.right_shift(_words(stream, rows, columns), _constant(8))
    return tf.cast(bits, dtype) * 2.0**-24


def normal(stream: tf.Tensor, rows: int, columns: int, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Draws `[rows, columns]` of mean 0 and standard deviation 1, by the inverse of erf."""
    bits = tf.bitwise.right_shift(_words(stream, rows, columns), _constant(9))
    # Half a step off the ends: no draw is infinite, and the draws are symmetrical.
    symmetrical = (tf.cast(bits, dtype) + 0.5) * 2.0**-22 - 1.0
    return tf.math.erfinv(symmetrical) * 2.0**0.5


def _words(stream: tf.Tensor, rows: int, columns: int) -> tf.Tensor:
    """`[rows, columns]` of 32 random bits."""
    row = _mixed(stream + tf.cast(tf.range(rows), tf.uint32))
    column = tf.cast(tf.range(columns), tf.uint32) * _constant(_COLUMN)
    return _mixed(row[:, tf.newaxis] + column)


def _mixed(word: tf.Tensor) -> tf.Tensor:
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        word = _folded(word, shift) * _constant(factor)
    return _folded(word, 16)


def _folded(word: tf.Tensor, shift: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(word, tf.bitwise.right_shift(word, _constant(shift)))


def _word(counter: tf.Tensor | int) -> tf.Tensor:
    """A counter as 32 bits; by way of int32, which a float converts to alike everywhere."""
    return tf.cast(tf.cast(counter, tf.int32), tf.uint32)


def _constant(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint32)
