"""The same networks in Keras 3: as people write them, and at Keras's best, for comparison."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from problems import Examples, Problem


@dataclass(frozen=True)
class Setting:
    """How Keras is asked to train.

    Attributes:
        jit: its `jit_compile`.
        steps_per_execution: likewise.
        source: how it gets its minibatches: "arrays"; "cached", a tf.data pipeline over single
            examples; or "gathered", one over indices that takes a minibatch at once.
    """

    jit: bool | str
    steps_per_execution: int
    source: str

    def __str__(self) -> str:
        source = self.source if self.source == "arrays" else f"{self.source} tf.data"
        return f"jit={self.jit}, steps_per_execution={self.steps_per_execution}, {source}"


def settings(steps: int) -> tuple[Setting, list[Setting]]:
    """Keras as people write it (its defaults, arrays), and the sweep whose fastest is its best.

    Args:
        steps: of an epoch.
    """
    sweep = [
        Setting(jit, per_call, "cached")
        for jit in (True, False)
        for per_call in (max(steps // 4, 1), steps)
    ]
    return Setting("auto", 1, "arrays"), sweep


def network(
    sizes: tuple[int, ...], setting: Setting, learning_rate: float = 0.003, beta_1: float = 0.9
) -> tf.keras.Model:
    """Dense without bias, batch norm, ReLU; then logits; Adam, as caviar's.

    Args:
        sizes: features, units of each hidden layer, classes.
        setting: how it is to be trained.
        learning_rate: Adam's.
        beta_1: likewise.
    """
    layers = [tf.keras.layers.Input(sizes[:1])]
    for units in sizes[1:-1]:
        layers += [
            tf.keras.layers.Dense(units, use_bias=False, kernel_initializer="he_normal"),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.ReLU(),
        ]
    model = tf.keras.Sequential([*layers, tf.keras.layers.Dense(sizes[-1])])
    model.compile(
        tf.keras.optimizers.Adam(learning_rate, beta_1),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=setting.jit,
        steps_per_execution=setting.steps_per_execution,
    )
    return model


def fed(train: Examples, dev: Examples, batch_size: int, setting: Setting) -> dict[str, Any]:
    """The data as arguments of `fit`."""
    if setting.source == "arrays":
        x, y = train
        return {"x": x, "y": y, "batch_size": batch_size, "validation_data": dev}
    whole = tf.data.Dataset.from_tensor_slices(dev).batch(1024).cache()
    one_at_a_time = setting.source == "cached"
    pipeline = (_cached if one_at_a_time else _gathered)(train, batch_size)
    return {"x": pipeline.prefetch(tf.data.AUTOTUNE), "validation_data": whole}


def _cached(train: Examples, batch_size: int) -> tf.data.Dataset:
    examples = tf.data.Dataset.from_tensor_slices(train).cache().shuffle(len(train[0]))
    return examples.batch(batch_size, drop_remainder=True)


def _gathered(train: Examples, batch_size: int) -> tf.data.Dataset:
    x, y = map(tf.constant, train)
    order = tf.data.Dataset.range(len(y)).shuffle(len(y)).batch(batch_size, drop_remainder=True)
    return order.map(lambda i: (tf.gather(x, i), tf.gather(y, i)), tf.data.AUTOTUNE)


class _Clock(tf.keras.callbacks.Callback):
    """Seconds of every epoch, the dev evaluation included."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._start = 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.seconds.append(time.perf_counter() - self._start)


def epoch_seconds(problem: Problem, setting: Setting, epochs: int) -> Iterator[float]:
    """Seconds of each epoch after the first two, in which Keras compiles."""
    clock, model = _Clock(), network(problem.layers, setting)
    data = fed(*problem.data(), problem.batch_size, setting)
    model.fit(**data, epochs=epochs + 2, verbose=0, callbacks=[clock])
    yield from clock.seconds[2:]
