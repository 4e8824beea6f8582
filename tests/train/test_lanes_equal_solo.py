"""A lane is a function of its trial alone: of no neighbour, no lane, no padding, no width."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from small_problem import claim, relative_gap, signature, train, trainer_of, trial

from caviar.train.optimizers import OPTIMIZERS

WIDTH = 4
TRIALS = [trial(0, 0.02, 2, 8), trial(1, 0.1, 1, 5), trial(2, 0.001, 2, 7), trial(3, 0.05, 1, 8)]
ALIKE = {"momentum": "nesterov", "adamw": "adam"}
"""What keeps the same slots and does the same operations as another is not compiled once more."""


@pytest.fixture(scope="module", params=[name for name in OPTIMIZERS if name not in ALIKE])
def optimizer(request):
    return request.param


@pytest.fixture(scope="module")
def trainer(optimizer):
    """Compiles once for all tests of an optimiser."""
    del optimizer
    return trainer_of()


def test_what_is_left_out_is_like_what_is_compiled():
    for name, other in ALIKE.items():
        left_out, compiled = OPTIMIZERS[name], OPTIMIZERS[other]
        assert (left_out.slots, left_out.prepare) == (compiled.slots, compiled.prepare)


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


def test_three_epochs_a_pause_and_six_equal_nine_bit_for_bit(trainer, optimizer):
    whole, kept = train(trainer, claim(TRIALS, 9, signature(optimizer)), WIDTH)
    first, paused = train(trainer, claim(TRIALS, 3, signature(optimizer)), WIDTH)
    again = claim(TRIALS[::-1], 9, signature(optimizer), 3, paused)
    second, resumed = train(trainer, again, WIDTH)
    assert first | second == whole
    # A checkpoint's bytes are those of its numbers.
    assert resumed == kept
    assert resumed != paused


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_widths_and_paddings_agree_in_float64(name):
    """In a stack, padded more, and alone without any padding, where all but rounding agrees."""
    exact = trainer_of(dtype=tf.float64)
    _, stacked = train(exact, claim(TRIALS, 3, signature(name)), WIDTH)
    _, wider = train(exact, claim(TRIALS, 3, signature(name, (12, 12, 12))), 2)
    for one in TRIALS:
        own = (one.hyperparameters["units"],) * one.hyperparameters["layers"]
        _, alone = train(exact, claim([one], 3, signature(name, own)), 1)
        for found in (stacked, wider):
            assert relative_gap(found[one.index], alone[one.index]) < 1e-9


def test_compiled_over_a_hundred_steps_widths_and_paddings_agree_in_float64():
    exact, one = trainer_of(dtype=tf.float64), TRIALS[1]
    _, stacked = train(exact, claim(TRIALS, 17, signature()), WIDTH)
    _, alone = train(exact, claim([one], 17, signature(widths=(5,))), 1)
    assert relative_gap(stacked[1], alone[1]) < 1e-9
    assert relative_gap(stacked[0], stacked[3]) is np.inf
