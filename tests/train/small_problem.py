"""A small problem for the compiled epoch, and the claims that train on them."""

from __future__ import annotations

import io

import numpy as np

from caviar.data.dataset import Dataset, Part
from caviar.study.records import Claim, Lane, Signature, Trial

FEATURES, CLASSES, BATCH = 6, 3, 16


def parts():
    """A training part of 100 (six batches of 16 and a rest) and a dev part of 37."""
    rng = np.random.default_rng(11)
    centres = rng.normal(size=(CLASSES, FEATURES))
    y = rng.integers(0, CLASSES, 137)
    x = (centres[y] + 0.8 * rng.normal(size=(137, FEATURES))).astype(np.float32)
    y = y.astype(np.int32)
    return (x[:100], y[:100]), (x[100:], y[100:])


def dataset(train=None, dev=None, classes=CLASSES, **more):
    """The parts as a data set that is standardised already; those of `parts` by default."""
    if train is None or dev is None:
        train, dev = parts()
    features = train[0].shape[1]
    facts = {
        "name": "small",
        "version": "1.0.0",
        "class_names": tuple(map(str, range(classes))),
        "feature_shape": (features,),
        "test": None,
        "mean": np.zeros(features, np.float32),
        "std": np.ones(features, np.float32),
        "fingerprint": "",
    }
    return Dataset(train=Part(*train), dev=Part(*dev), **{**facts, **more})


def trainer_of(data=None, dtype=None, **settings):
    """A trainer of study 7."""
    import tensorflow as tf

    from caviar.train.trainer import Settings, Trainer

    data = dataset() if data is None else data
    return Trainer(data, Settings(seed=7, **settings), dtype=dtype or tf.float32)


def trial(index, learning_rate=0.01, layers=2, units=8, **more):
    values = {
        "layers": layers,
        "units": units,
        "learning_rate": learning_rate,
        "beta_1": 0.9,
        "beta_2": 0.99,
        "momentum": 0.9,
        "epsilon": 1e-6,
        "learning_rate_decay": 0.1,
        "batch_size": BATCH,
    }
    return Trial(index, (), {**values, **more})


def signature(optimizer="adam", widths=(8, 8), **more):
    return Signature(widths, BATCH, optimizer, **more)


def claim(trials, last_epoch, signature, epoch=0, checkpoints=None):
    lanes = tuple(Lane(t, epoch, (checkpoints or {}).get(t.index)) for t in trials)
    return Claim(0, 1, lanes, last_epoch, signature, None, 100)


def train(trainer, claim, width):
    """All measurements by (trial, epoch), without times, and the last checkpoint of each trial."""
    curves, kept = {}, {}
    for progress in trainer.train(claim, width):
        for m in progress.measurements:
            scores = (m.train_loss, m.train_accuracy, m.dev_loss, m.dev_accuracy, m.diverged)
            curves[m.trial, m.epoch] = scores
        if progress.done:
            kept |= {t: data for t, (_, data) in progress.checkpoints().items()}
    return curves, kept


def arrays_of(checkpoint):
    """A checkpoint's arrays by name, without its header."""
    with np.load(io.BytesIO(checkpoint)) as archive:
        return {name: archive[name] for name in archive.files if name != "header"}


def relative_gap(one, other):
    """How far apart two checkpoints' parameters are, normwise; infinite if of other sizes."""
    vectors = []
    for checkpoint in (one, other):
        arrays = arrays_of(checkpoint)
        vectors.append([arrays[name].ravel() for name in arrays if name.startswith("params")])
    found, expected = map(np.concatenate, vectors)
    if len(found) != len(expected):
        return np.inf
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
