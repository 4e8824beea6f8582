"""The trainer: divergence, groups, mistakes, and that it learns."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import small_problem as small
from small_problem import claim, relative_gap, signature, train, trainer_of, trial

from caviar.errors import StudyError
from caviar.study.records import Claim, Lane
from caviar.train.checkpoint import CheckpointError


@pytest.fixture(scope="module")
def trainer(parts):
    return trainer_of()


def test_it_learns(trainer):
    curves, _ = train(trainer, claim([trial(0, 0.03)], 12, signature()), 1)
    assert curves[0, 12][1] > 0.85 > curves[0, 1][1]
    assert curves[0, 12][2] < curves[0, 1][2]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("ignore:Even though the:UserWarning")
@pytest.mark.parametrize("feed", ["resident", "stream"])
@pytest.mark.parametrize("dev_batch", [16, 1024], ids=["filled up", "whole"])
def test_dev_scores_equal_a_forward_pass_in_numpy(parts, monkeypatch, feed, dev_batch):
    monkeypatch.setattr("caviar.train.feed.DEV_BATCH", dev_batch)
    from caviar.nn.network import Shape
    from caviar.train import checkpoint
    from caviar.train.optimizers import OPTIMIZERS

    curves, kept = train(trainer_of(feed=feed), claim([trial(0, units=5)], 3, signature()), 1)
    shape = Shape(small.FEATURES, (5, 5), small.CLASSES)
    state, header = checkpoint.load(kept[0], shape, OPTIMIZERS["adam"])
    assert (header.trial, header.epoch, state.step[0]) == (0, 3, 18.0)
    (x, y), seen = parts[1], 1 - 0.99**18
    for layer, moments in zip(state.params[:-1], state.averages, strict=True):
        z = x @ layer["w"][0]
        unit = (z - moments.mean / seen) / np.sqrt(moments.variance / seen + 1e-3)
        x = np.maximum(layer["gamma"] * unit + layer["beta"], 0)
    logits = x @ state.params[-1]["w"][0] + state.params[-1]["b"]
    log_sum = np.log(np.exp(logits).sum(1))
    loss = np.mean(log_sum - logits[np.arange(len(y)), y])
    accuracy = np.mean(logits.argmax(1) == y)
    np.testing.assert_allclose(curves[0, 3][2:4], (loss, accuracy), rtol=1e-5)


def test_a_non_finite_lane_is_reported_as_it_is_and_not_trained_further(trainer):
    curves, kept = train(trainer, claim([trial(0, 1e30), trial(1)], 4, signature()), 2)
    assert curves[0, 1][-1]
    assert not math.isfinite(curves[0, 1][0])
    assert (0, 2) not in curves
    assert kept.keys() == {1}
    assert not curves[1, 4][-1]


def test_a_claim_s_seed_changes_all_that_is_random_and_nothing_else(trainer):
    alone = claim([trial(0)], 3, signature())
    kept = {}
    for seed in (None, 7, 8):  # the study's own is 7, and this its trial 0
        curves, files = train(trainer, replace(alone, seed=seed), 1)
        kept[seed] = (curves, small.arrays_of(files[0]))
    for name, array in kept[None][1].items():
        np.testing.assert_array_equal(kept[7][1][name], array)
    assert kept[7][0] == kept[None][0] != kept[8][0]
    # With a seed of its own a training does not depend on which trial it is.
    _, files = train(trainer, replace(claim([trial(5)], 3, signature()), seed=8), 1)
    for name, array in kept[8][1].items():
        np.testing.assert_array_equal(small.arrays_of(files[5])[name], array)
    first = train(trainer, replace(alone, last_epoch=1, seed=8), 1)[1][0]
    assert small.relative_gap(first, train(trainer, replace(alone, last_epoch=1), 1)[1][0]) > 0.5


def test_a_group_whose_lanes_all_diverged_ends(trainer):
    steps = list(trainer.train(claim([trial(0, 1e30)], 4, signature()), 1))
    assert [step.done for step in steps] == [True]
    assert steps[0].checkpoints() == {}


@pytest.mark.usefixtures("eagerly")
def test_an_exploding_loss_is_divergence_from_the_second_epoch_on():
    touchy = trainer_of(diverged_above=0.1)
    curves, kept = train(touchy, claim([trial(0, 1e-5)], 4, signature()), 1)
    assert curves[0, 1][0] > 0.1 * math.log(3)
    assert [curves[0, epoch][-1] for epoch in (1, 2)] == [False, True]
    assert curves.keys() == {(0, 1), (0, 2)}
    assert kept == {}


def test_lanes_at_different_epochs_train_in_groups_of_their_own(trainer):
    _, kept = train(trainer, claim([trial(0)], 2, signature()), 2)
    lanes = (Lane(trial(1)), Lane(trial(0), 2, kept[0]), Lane(trial(2)))
    mixed = Claim(0, 1, lanes, 4, signature(), None, 100)
    groups = [tuple(m.trial for m in p.measurements) for p in trainer.train(mixed, 2)]
    assert groups == [(1, 2)] * 4 + [(0,)] * 2


def test_elapsed_is_the_lanes_share_of_the_call_without_compiling():
    """Softmax regression compiles fastest, and still far longer than it trains."""
    fresh, kind = trainer_of(), signature("sgd", ())
    pair = [trial(0, layers=0), trial(1, layers=0)]
    times = [m.elapsed_s for m in next(fresh.train(claim(pair, 1, kind), 2)).measurements]
    assert times[0] == times[1]
    assert 0 < times[0] < 0.2 * fresh._first_call_s[kind, 2]


@pytest.mark.usefixtures("eagerly")
def test_the_learning_rate_decays():
    """With a decay of 1e9 nothing but the first epoch moves the weights."""
    only, decaying = trial(0, learning_rate_decay=1e9), trainer_of()
    kept = [train(decaying, claim([only], epochs, signature("sgd")), 2)[1][0] for epochs in (1, 2)]
    assert relative_gap(*kept) < 1e-7


def test_a_checkpoint_of_another_trial_or_epoch_is_refused(trainer):
    _, kept = train(trainer, claim([trial(0)], 1, signature()), 1)
    for lane in (Lane(trial(1), 1, kept[0]), Lane(trial(0), 2, kept[0])):
        wrong = Claim(0, 1, (lane,), 3, signature(), None, 100)
        with pytest.raises(CheckpointError, match="got trial 0 at epoch 1"):
            list(trainer.train(wrong, 1))


@pytest.mark.parametrize(
    ("kind", "one", "message"),
    [
        ("adam", trial(0, layers=3), "must fit into the signature's"),
        ("adam", trial(0, units=9), "must fit into the signature's"),
        ("adam", trial(0, layers=0), "network.layers"),
        ("adam", trial(0, epsilon=0.0), "training.epsilon: must be > 0"),
        ("adam", trial(0, batch_norm_epsilon=1e-40), "network.batch_norm_epsilon: must be > 0"),
        ("adam", trial(0, beta_1=1 - 1e-9), "training.beta_1: must be < 1 in float32"),
        ("adam", trial(0, batch_norm_momentum=1 - 1e-9), "network.batch_norm_momentum: must be"),
        ("adagrad", trial(0), "training.optimizer: must be one of sgd, .* got 'adagrad'"),
    ],
)
def test_what_cannot_be_trained_is_told_in_one_line(trainer, kind, one, message):
    with pytest.raises(StudyError, match=message) as caught:
        list(trainer.train(claim([one], 1, signature(kind)), 1))
    assert "\n" not in str(caught.value)
