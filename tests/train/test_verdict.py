"""What ends a trial, and why it says so."""

from __future__ import annotations

import math

import pytest

from caviar.study.records import Watch
from caviar.train.early_stopping import EarlyStopping
from caviar.train.group import Values
from caviar.train.verdict import Judge

SOUND = Watch((1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (0.0, 0.0))
JUDGE = Judge(10, 3.0, "dev_loss", EarlyStopping(0, lower_is_better=True))
INF, NAN = math.inf, math.nan


def judged(epoch=2, watch=SOUND, judge=JUDGE, best=None, **changed):
    numbers = {"train_loss": 1.0, "train_accuracy": 0.5, "dev_loss": 1.5, "dev_accuracy": 0.25}
    values = Values(**{**numbers, "finite": True, "watch": watch, **changed})
    return judge(4, epoch, values, 0.125, best)


def test_a_sound_epoch_is_a_plain_measurement():
    found, best = judged()
    assert best is None
    assert (found.trial, found.epoch, found.elapsed_s, found.watch) == (4, 2, 0.125, SOUND)
    scores = (found.train_loss, found.train_accuracy, found.dev_loss, found.dev_accuracy)
    assert scores == (1.0, 0.5, 1.5, 0.25)
    assert (found.diverged, found.stopped, found.reason) == (False, False, "")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"train_loss": NAN}, "training loss nan"),
        ({"train_loss": INF, "finite": False}, "training loss inf"),
        ({"train_loss": 6.91}, "training loss 6.91 above 3 ln 10 = 6.908"),
        ({"finite": False}, "its state is not finite"),
        ({"dev_loss": INF}, "dev loss inf"),
        ({"dev_loss": NAN}, "dev loss nan"),
    ],
)
def test_how_a_lane_diverged(changed, reason):
    found, _ = judged(**changed)
    assert (found.diverged, found.stopped, found.reason) == (True, False, reason)


def test_the_first_epoch_may_cost_more_than_guessing_but_must_be_finite():
    assert not judged(epoch=1, train_loss=1e9)[0].diverged
    assert judged(epoch=1, train_loss=INF)[0].diverged
    assert not judged(train_loss=6.90)[0].diverged


@pytest.mark.parametrize(
    ("gradients", "weights", "where"),
    [
        ((1.0, NAN, 1.0), (1.0, 1.0, 1.0), "first in the gradient of layer 2"),
        ((NAN, NAN, NAN), (INF, 1.0, NAN), "first in the weights of layer 1"),
        ((1.0, 1.0, INF), (1.0, 1.0, 1.0), "first in the gradient of the output layer"),
    ],
)
def test_where_it_diverged(gradients, weights, where):
    found, _ = judged(train_loss=NAN, watch=Watch(gradients, weights, (0.0, 0.0)))
    assert found.reason == f"training loss nan: {where}"


def test_early_stopping_goes_by_its_metric_and_never_beside_a_divergence():
    patient = Judge(10, 3.0, "dev_accuracy", EarlyStopping(2, lower_is_better=False))
    found, best = judged(epoch=4, judge=patient, best=(2, 0.5))
    assert best == (2, 0.5)
    assert (found.diverged, found.stopped) == (False, True)
    assert found.reason == "no better dev_accuracy than 0.5 of epoch 2 in 2 epochs"
    assert judged(epoch=4, judge=patient, best=(2, 0.2))[1] == (4, 0.25)
    found, best = judged(epoch=4, judge=patient, best=(2, 0.5), train_loss=NAN)
    assert (found.diverged, found.stopped) == (True, False)
    assert best == (2, 0.5)
