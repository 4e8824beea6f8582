"""A lane is a function of its trial alone: of no neighbour, no lane, no padding, no width."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from small_problem import CLASSES, claim, signature, train, trainer_of, trial

from caviar.train import checkpoint
from caviar.train.lanes import trial_shape
from caviar.train.optimizers import OPTIMIZERS

WIDTH = 4


@pytest.fixture(scope="module", params=OPTIMIZERS)
def optimizer(request):
    return request.param


@pytest.fixture(scope="module")
def trainer(parts, optimizer):
    """Compiles each width once for all tests of an optimiser."""
    del optimizer
    return trainer_of()


TRIALS = [trial(0, 0.02, 2, 8), trial(1, 0.1, 1, 5), trial(2, 0.001, 2, 7), trial(3, 0.05, 1, 8)]


def test_neighbours_and_places_do_not_matter_bit_for_bit(trainer, optimizer):
    together, kept = train(trainer, claim(TRIALS, 3, signature(optimizer)), WIDTH)
    for order in ((3, 1, 2, 0), (1,), (2, 0)):
        some = [TRIALS[i] for i in order]
        curves, checkpoints = train(trainer, claim(some, 3, signature(optimizer)), WIDTH)
        assert curves == {key: together[key] for key in curves}
        assert checkpoints == {i: kept[i] for i in order}
    assert len({kept[i] for i in range(4)}) == 4


def test_a_diverged_neighbour_does_not_matter_bit_for_bit(trainer, optimizer):
    calm, kept = train(trainer, claim(TRIALS, 3, signature(optimizer)), WIDTH)
    wild = [*TRIALS[:2], trial(2, 1e30, 2, 7), TRIALS[3]]
    curves, checkpoints = train(trainer, claim(wild, 3, signature(optimizer)), WIDTH)
    last = max(epoch for index, epoch in curves if index == 2)
    assert curves[2, last][-1]
    assert 2 not in checkpoints
    for index in (0, 1, 3):
        assert checkpoints[index] == kept[index]
        assert curves[index, 3] == calm[index, 3]


def test_three_epochs_a_pause_and_six_equal_nine_bit_for_bit(parts, trainer, optimizer):
    whole, kept = train(trainer, claim(TRIALS, 9, signature(optimizer)), WIDTH)
    first, paused = train(trainer, claim(TRIALS, 3, signature(optimizer)), WIDTH)
    again = claim(TRIALS[::-1], 9, signature(optimizer), 3, paused)
    second, resumed = train(trainer, again, WIDTH)
    assert first | second == whole
    for index in kept:
        whose = TRIALS[index], trainer._epoch(signature(optimizer), WIDTH).recipe.network.shape
        shape = trial_shape(*whose)
        states = [checkpoint.load(k[index], shape, OPTIMIZERS[optimizer]) for k in (kept, resumed)]
        tf.nest.map_structure(np.testing.assert_array_equal, states[0][0], states[1][0])
        assert resumed[index] == kept[index]


@pytest.fixture(scope="module")
def exact(parts, optimizer):
    """The same in float64, where widths and paddings agree but for rounding."""
    del optimizer
    return trainer_of(dtype=tf.float64)


def _weights(data, one, widths, optimizer):
    whole = trial_shape(trial(0, layers=len(widths), units=widths[0]), _whole(widths))
    state, _ = checkpoint.load(data, trial_shape(one, whole), OPTIMIZERS[optimizer])
    return np.concatenate([a.ravel() for a in tf.nest.flatten(state.params)])


def _whole(widths):
    from caviar.nn.network import Shape

    return Shape(6, widths, CLASSES)


def test_widths_and_paddings_agree_in_float64(exact, optimizer):
    """Over 17 epochs of six steps, more than 100 steps, at learning rates up to 0.1."""
    epochs, found = 17, {}
    for width, widths in ((WIDTH, (8, 8)), (1, (8, 8)), (2, (12, 12, 12))):
        _, kept = train(exact, claim(TRIALS, epochs, signature(optimizer, widths)), width)
        found[width] = {i: _weights(kept[i], TRIALS[i], widths, optimizer) for i in kept}
    for one in TRIALS[:1]:
        sizes = (one.hyperparameters["units"],) * one.hyperparameters["layers"]
        _, kept = train(exact, claim([one], epochs, signature(optimizer, sizes)), 1)
        found[0] = {one.index: _weights(kept[one.index], one, sizes, optimizer)}
    for others in found.values():
        for index, weights in others.items():
            expected = found[WIDTH][index]
            gap = np.linalg.norm(weights - expected) / np.linalg.norm(expected)
            assert gap < 1e-9, (index, gap)
    assert math.isclose(*(np.linalg.norm(found[w][0]) for w in (1, 2)), rel_tol=1e-9)
