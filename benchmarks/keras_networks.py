"""The same networks in Keras 3: as people write them, and at Keras's best, for comparison."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf
from problems import Problem


@dataclass(frozen=True)
class Setting:
    """How Keras is asked to train."""

    jit: bool | str
    steps_per_execution: int
    cached: bool

    def __str__(self) -> str:
        source = "cached tf.data" if self.cached else "arrays"
        return f"jit={self.jit}, steps_per_execution={self.steps_per_execution}, {source}"


def settings(problem: Problem) -> tuple[Setting, list[Setting]]:
    """Keras as people write it (its defaults, arrays), and the sweep whose fastest is its best."""
    sweep = [
        Setting(jit, per_call, True)
        for jit in (True, False)
        for per_call in (max(problem.steps // 4, 1), problem.steps)
    ]
    return Setting("auto", 1, False), sweep


def network(problem: Problem, setting: Setting) -> tf.keras.Model:
    """Dense without bias, batch norm, ReLU; then logits; Adam, as caviar's."""
    layers = [tf.keras.layers.Input((problem.features,))]
    for units in problem.units:
        layers += [
            tf.keras.layers.Dense(units, use_bias=False, kernel_initializer="he_normal"),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.ReLU(),
        ]
    model = tf.keras.Sequential([*layers, tf.keras.layers.Dense(problem.classes)])
    model.compile(
        tf.keras.optimizers.Adam(0.003),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=setting.jit,
        steps_per_execution=setting.steps_per_execution,
    )
    return model


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
    (x, y), dev = problem.data()
    clock, model = _Clock(), network(problem, setting)
    if setting.cached:
        train = tf.data.Dataset.from_tensor_slices((x, y)).cache().shuffle(len(x))
        train = train.batch(problem.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
        held = tf.data.Dataset.from_tensor_slices(dev).batch(1024).cache()
        model.fit(train, validation_data=held, epochs=epochs + 2, verbose=0, callbacks=[clock])
    else:
        size = problem.batch_size
        model.fit(x, y, size, epochs + 2, verbose=0, callbacks=[clock], validation_data=dev)
    yield from clock.seconds[2:]
