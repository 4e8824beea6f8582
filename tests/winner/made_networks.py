"""Checkpoints of made-up networks, each with weights, averages and inputs of no special kind."""

from __future__ import annotations

import numpy as np

CLASSES = 4


def checkpoint(
    feature_shape=(5,), units=(8, 6), activation="relu", batch_norm=True, seed=1, step=7, **hyper
):
    """The bytes of a checkpoint, as a slice of caviar's would write them."""
    from caviar.train.checkpoint import Header, save

    return save(
        state(feature_shape, units, batch_norm, seed, step),
        Header(3, 9, hyperparameters(units, activation, batch_norm, **hyper), "made"),
        inputs(feature_shape, seed),
    )


def shape_of(feature_shape, units, batch_norm):
    from caviar.nn.network import Shape

    return Shape(int(np.prod(feature_shape)), units, CLASSES, batch_norm)


def state(feature_shape=(5,), units=(8, 6), batch_norm=True, seed=1, step=7):
    """A state in NumPy `[1, ...]`; variances are above 0."""
    from caviar.train.optimizers import OPTIMIZERS
    from caviar.train.state import zero_state

    rng = np.random.default_rng(seed)
    made = zero_state(shape_of(feature_shape, units, batch_norm), OPTIMIZERS["adam"])
    for layer in made.params:
        for array in layer.values():
            array[...] = rng.normal(size=array.shape)
    for moments in made.averages:
        moments.mean[...] = 0.1 * rng.normal(size=moments.mean.shape)
        moments.variance[...] = rng.uniform(0.1, 0.6, size=moments.variance.shape)
    made.step[...] = step
    return made


def inputs(feature_shape=(5,), seed=1):
    rng = np.random.default_rng(seed + 100)
    features = int(np.prod(feature_shape))
    mean = rng.normal(100.0, 10.0, features).astype(np.float32)
    return {"mean": mean, "std": rng.uniform(30.0, 60.0, features).astype(np.float32)}


def hyperparameters(units, activation, batch_norm, **more):
    named = {f"units_{place}": width for place, width in enumerate(units, 1)}
    values = {"layers": len(units), **named, "learning_rate": 0.01, "batch_size": 16, **more}
    if units:
        values |= {"activation": activation, "batch_norm": batch_norm}
    return values


def raw(n=20, feature_shape=(5,), seed=2):
    """Examples as they lie on disk: bytes."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, *feature_shape)).astype(np.uint8)
