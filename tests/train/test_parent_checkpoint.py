"""A trial goes on from its parent's checkpoint, with hyperparameters of its own."""

from dataclasses import replace

import pytest
from small_problem import claim, relative_gap, signature, train, trainer_of, trial

from caviar.study.records import Claim, Lane
from caviar.train.checkpoint import CheckpointError, header

KIND = signature()


@pytest.fixture(scope="module")
def trainer():
    return trainer_of()


def goes_on(trial, epoch, data, last_epoch):
    return Claim(0, 1, (Lane(trial, epoch, data),), last_epoch, KIND, None, 100)


def child(index, parent, **more):
    return replace(trial(index, **more), parent=parent)


def test_going_on_unchanged_is_training_longer(trainer):
    curve, _ = train(trainer, claim([trial(3)], 4, KIND), 1)
    whole = train(trainer, claim([trial(3)], 4, KIND), 1)[1][3]
    half = train(trainer, claim([trial(3)], 2, KIND), 1)[1][3]
    found, kept = train(trainer, goes_on(child(8, (3, 2)), 2, half, 4), 1)
    assert found == {(8, epoch): curve[3, epoch] for epoch in (3, 4)}
    assert relative_gap(kept[8], whole) == 0
    assert (header(kept[8]).trial, header(kept[8]).epoch) == (8, 4)


def test_its_own_hyperparameters_train_it(trainer):
    half = train(trainer, claim([trial(3)], 2, KIND), 1)[1][3]
    slow, fast = (
        train(trainer, goes_on(child(8, (3, 2), learning_rate=rate), 2, half, 3), 1)[1][8]
        for rate in (1e-6, 0.1)
    )
    assert relative_gap(slow, half) < 1e-3 < relative_gap(fast, half)


def test_it_goes_on_from_its_own_once_it_has_one(trainer):
    half = train(trainer, claim([trial(3)], 2, KIND), 1)[1][3]
    own = train(trainer, goes_on(child(8, (3, 2)), 2, half, 3), 1)[1][8]
    found, _ = train(trainer, goes_on(child(8, (3, 2)), 3, own, 4), 1)
    assert list(found) == [(8, 4)]


@pytest.mark.parametrize("parent", [None, (4, 2), (3, 1)])
def test_a_checkpoint_of_anyone_else_is_refused(trainer, parent):
    half = train(trainer, claim([trial(3)], 2, KIND), 1)[1][3]
    stranger = replace(trial(8), parent=parent)
    with pytest.raises(CheckpointError, match=r"must be trial 8.* at epoch 2, got trial 3 at"):
        train(trainer, goes_on(stranger, 2, half, 3), 1)


def test_a_parents_checkpoint_at_another_epoch_is_refused(trainer):
    half = train(trainer, claim([trial(3)], 2, KIND), 1)[1][3]
    with pytest.raises(CheckpointError, match="or its parent, trial 3 at epoch 1, got trial 3 at"):
        train(trainer, goes_on(child(8, (3, 2)), 1, half, 3), 1)
