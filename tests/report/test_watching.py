import math

import pytest

from caviar.report.watching import findings
from caviar.study.records import Measurement, Watch


def epochs(norms, idle=(), **end):
    """A trial's curve: gradient norms of each epoch's layers; the last epoch's idle shares."""
    layers = len(norms[0])
    quiet = (0.0,) * (layers - 1)
    watched = [Watch(tuple(row), (1.0,) * layers, quiet) for row in norms]
    watched[-1] = Watch(watched[-1].gradient_norm, (1.0,) * layers, idle or quiet)
    found = [
        Measurement(0, epoch, 1.0, 0.5, 1.0, 0.5, 0.1, watch=watch)
        for epoch, watch in enumerate(watched, 1)
    ]
    last = found[-1]
    found[-1] = Measurement(0, last.epoch, 1.0, 0.5, 1.0, 0.5, 0.1, watch=last.watch, **end)
    return found


def test_a_healthy_trial_needs_no_words():
    assert findings(epochs([(0.5, 1.0), (0.4, 0.8), (0.002, 1.9)], idle=(0.5,))) == []
    assert findings([]) == []
    assert findings([Measurement(0, 1, 1.0, 0.5, 1.0, 0.5, 0.1)]) == []


@pytest.mark.parametrize(
    ("norms", "told"),
    [
        ([(0.9e-3, 1.0)] * 2, []),  # too few epochs to be sure
        (
            [(1e-9, 1.0)],  # all there is, and beyond doubt
            [
                "vanishing gradients: in epoch 1 the first layer's gradient norm was about "
                "1e+09 times or more below the output layer's"
            ],
        ),
        ([(1e-9, 1.0), (1.0, 1.0)], []),
        ([(1.1e-3, 1.0)] * 9, []),  # not so far below
        ([(0.0, 0.0)] * 9, []),  # nobody learns any more
        ([(1e-9,)] * 9, []),  # softmax regression has one layer
        (
            [(1.0, 1.0), (1e-4, 1.0), (2e-4, 1.0), (1e-5, 1.0), (1.0, 1.0), (1e-9, 1.0)],
            [
                "vanishing gradients: in epochs 2 to 4 the first layer's gradient norm was about "
                "5,000 times or more below the output layer's"
            ],
        ),
        (
            [(0.0, 1.0)] * 3,
            [
                "vanishing gradients: in epochs 1 to 3 the first layer's gradient norm was "
                "nothing beside the output layer's"
            ],
        ),
        ([(1e-9, math.inf)] * 3 + [(math.nan, math.nan)] * 3, []),
    ],
)
def test_vanishing(norms, told):
    assert findings(epochs(norms)) == told


@pytest.mark.parametrize(
    ("norms", "told"),
    [
        ([(3.0, 4.0), (300.0, 400.0)], []),
        ([(300.0, 400.0), (0.3, 0.4), (300.0, 400.0)], []),  # no more than at the beginning
        (
            [(0.0, 0.0), (0.3, 0.4), (0.3, 0.5), (48.0, 64.0), (1.0, 1.0)],
            ["exploding gradients: their norm grew 160-fold, from 0.5 in epoch 2 to 80 in epoch 4"],
        ),
        (
            [(3.0, 4.0), (math.nan, 1.0), (math.inf, 1.0)],
            [
                "exploding gradients: their norm grew beyond all numbers, "
                "from 5 in epoch 1 to inf in epoch 3"
            ],
        ),
        ([(math.inf, 1.0)] * 2, []),  # it was there from the beginning: how it ended says it
    ],
)
def test_exploding(norms, told):
    assert findings(epochs(norms)) == told


@pytest.mark.parametrize(
    ("idle", "told"),
    [
        ((0.5, 0.51, 0.1), "dead units: 51 % of those of layer 2 in epoch 1"),
        (
            (0.6, 0.7, 0.1, 0.9, 0.2, 1.0),
            "dead units: over half, up to 100 %, of those of layers 1 to 2, 4 and 6 in epoch 1",
        ),
    ],
)
def test_idle(idle, told):
    curve = epochs([(1.0,) * (len(idle) + 1)], idle=idle)
    assert findings(curve) == [told]
    assert findings(curve, "leaky_relu") == [told]
    assert findings(curve, "tanh") == [told.replace("dead", "saturated")]


def test_only_the_last_epoch_tells_of_idle_units():
    first = epochs([(1.0, 1.0)], idle=(0.9,))[0]
    second = Measurement(0, 2, 1, 1, 1, 1, 0.1, watch=Watch((1.0, 1.0), (1.0, 1.0), (0.1,)))
    assert findings([first, second]) == []


def test_how_it_ended():
    lost = epochs([(1.0, 1.0)] * 2, diverged=True, reason="training loss nan")
    assert findings(lost) == ["diverged in epoch 2: training loss nan"]
    assert findings(epochs([(1.0,)], diverged=True)) == ["diverged in epoch 1"]
    ended = epochs([(1.0,)] * 3, stopped=True, reason="no better dev_loss")
    assert findings(ended) == ["stopped in epoch 3: no better dev_loss"]


def test_everything_at_once_in_one_order():
    norms = [(1e-5, 1.0), (1e-4, 10.0), (1e-3, 200.0)]
    told = findings(epochs(norms, idle=(1.0,), diverged=True))
    assert [sentence.split()[0] for sentence in told] == [
        "vanishing", "exploding", "dead", "diverged"
    ]  # fmt: skip
