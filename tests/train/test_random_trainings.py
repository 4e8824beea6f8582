"""Every valid study file trains: random ones, a trial each, for an epoch of digits."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from study_files import study_tables

from caviar.data.dataset import Part
from caviar.data.load import load_dataset
from caviar.data.request import Request
from caviar.study.records import Claim, Lane, Trial
from caviar.study.signature import signature_of
from caviar.study.spec import StudySpec
from caviar.train.checkpoint import header
from caviar.train.trainer import Settings, Trainer


@lru_cache(maxsize=1)
def digits():
    """A few digits, so that an epoch is nothing beside compiling it."""
    from dataclasses import replace

    data = load_dataset(Request(name="digits"), 0)
    train, dev = (Part(p.x[:n], p.y[:n]) for p, n in ((data.train, 256), (data.dev, 64)))
    return replace(data, train=train, dev=dev, test=None)


def train_one(tables):
    """Trains the middle of the space for an epoch; whatever is wrong raises."""
    spec = StudySpec.model_validate(tables)
    point = np.full(spec.space.dimensions, 0.5)
    trial = Trial(3, tuple(point.tolist()), spec.space.decode(point))
    signature = signature_of(spec, trial.hyperparameters)
    of = Settings(
        spec.seed,
        metric=spec.metric,
        lower_is_better=spec.lower_is_better,
        patience=spec.training.patience,
        schedule_per=spec.training.schedule_per,
    )
    precision = "float32" if signature.precision == "auto" else ""
    claim = Claim(0, 1, (Lane(trial),), 1, signature, None, 1, precision)
    ((progress),) = Trainer(digits(), of).train(claim, 1)
    (measured,) = progress.measurements
    assert not measured.diverged, measured.reason
    assert math.isfinite(measured.train_loss)
    assert len(measured.watch.idle) == trial.hyperparameters["layers"]
    ((epoch, data),) = progress.checkpoints().values()
    assert header(data).hyperparameters == trial.hyperparameters
    assert epoch == 1


# Shrinking would compile a hundred more; the first failure says enough.
ONCE = {
    "deadline": None,
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
    "suppress_health_check": list(HealthCheck),
    "derandomize": True,
}


@settings(max_examples=6, **ONCE)
@given(study_tables(max_units=8, max_layers=2))
def test_random_studies_train_an_epoch(tables):
    train_one(tables)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=100, **{**ONCE, "derandomize": False})
@given(study_tables(max_units=24, max_layers=4))
def test_many_random_studies_train_an_epoch(tables):
    train_one(tables)
