"""Checkpoints of made-up networks, each with weights, averages and inputs of no special kind."""

from __future__ import annotations

import io
import json
from itertools import pairwise

import numpy as np

CLASSES = 4


def checkpoint(
    feature_shape=(5,), units=(8, 6), activation="relu", batch_norm=True, seed=1, step=7, **hyper
):
    """The bytes of a checkpoint as `caviar.train.checkpoint` would write them, for SGD."""
    head = {
        "trial": 3,
        "epoch": 9,
        "hyperparameters": hyperparameters(units, activation, batch_norm, **hyper),
        "signature": "made",
        "format": 1,
    }
    kept = {f"input.{name}": array for name, array in inputs(feature_shape, seed).items()}
    buffer = io.BytesIO()
    header = np.frombuffer(json.dumps(head).encode(), np.uint8)
    state = arrays(int(np.prod(feature_shape)), units, batch_norm, seed, step)
    np.savez(buffer, header=header, **kept, **state)
    return buffer.getvalue()


def arrays(features, units, batch_norm, seed, step):
    """Float32 `[1, ...]` by place; variances are above 0."""
    rng = np.random.default_rng(seed)
    sizes, made = (features, *units, CLASSES), {}
    for place, fans in enumerate(pairwise(sizes)):
        normed = batch_norm and place < len(units)
        made[f"params.{place}.w"] = rng.normal(size=(1, *fans))
        for name in ("gamma", "beta") if normed else ("b",):
            made[f"params.{place}.{name}"] = rng.normal(size=(1, fans[1]))
        if normed:
            made[f"averages.{place}.mean"] = 0.1 * rng.normal(size=(1, fans[1]))
            made[f"averages.{place}.variance"] = rng.uniform(0.1, 0.6, size=(1, fans[1]))
    made["step"] = np.array([step])
    return {name: array.astype(np.float32) for name, array in made.items()}


def shape_of(feature_shape, units, batch_norm):
    from caviar.nn.network import Shape

    return Shape(int(np.prod(feature_shape)), units, CLASSES, batch_norm)


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
