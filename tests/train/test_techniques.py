"""Every technique at once: lanes stay functions of their trial, streams equal what is resident."""

from __future__ import annotations

import io

import numpy as np
import pytest
import small_problem as small
import tensorflow as tf
from small_problem import claim, signature, train, trainer_of, trial

from caviar.data.dataset import Part
from caviar.nn.network import Shape
from caviar.study.records import Signature
from caviar.train import checkpoint
from caviar.train.lanes import trial_shape
from caviar.train.optimizers import OPTIMIZERS
from caviar.train.recipe import AUGMENTATIONS

SIDE, CLASSES, WIDTH = 4, 3, 4
OTHERS = ("l2", "l1", "weight_decay", "keep_prob", "label_smoothing", "max_norm", "clip_norm")
ALL = tuple(sorted((*OTHERS, *AUGMENTATIONS)))
ON = {
    "l2": 1e-3,
    "l1": 1e-4,
    "weight_decay": 1e-2,
    "keep_prob": 0.8,
    "label_smoothing": 0.1,
    "max_norm": 0.5,
    "clip_norm": 1.0,
    "shift": 0.2,
    "flip": 0.5,
    "rotation": 15.0,
    "zoom": 0.1,
    "noise": 0.1,
    "batch_norm_momentum": 0.9,
    "batch_norm_epsilon": 1e-2,
    "schedule": "cosine",
    "decay_epochs": 20.0,
    "warmup_epochs": 1.5,
}


def images(seed=3):
    """Images of 4 x 4 bytes in three classes, 100 to train on and 37 for dev."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, 137).astype(np.int32)
    centres = rng.integers(0, 200, (CLASSES, SIDE * SIDE))
    x = (centres[y] + rng.integers(0, 56, (137, SIDE * SIDE))).astype(np.uint8)
    moments = {
        "mean": x[:100].mean(0).astype(np.float32),
        "std": x[:100].std(0).astype(np.float32),
    }
    return small.dataset(
        (x[:100], y[:100]),
        (x[100:], y[100:]),
        CLASSES,
        feature_shape=(SIDE, SIDE, 1),
        class_weights=np.array([0.5, 1.0, 1.5], np.float32),
        **moments,
    )


def on(index, **more):
    """A trial with all techniques on, each of its own strength."""
    factor = 1.0 + 0.1 * index
    numbers = {name: v / factor if isinstance(v, float) else v for name, v in ON.items()}
    sizes = {"layers": 1 + index % 2, "units": 5 + index}
    return trial(index, **{"learning_rate": 0.02 / factor, **sizes, **numbers, **more})


TRIALS = [on(index) for index in range(4)]


def everything(widths=(8, 8), **more):
    return signature("adam", widths, **{"techniques": ALL, **more})


@pytest.fixture(scope="module")
def trainer():
    return trainer_of(images(), schedule_per="step")


def test_neighbours_do_not_matter_bit_for_bit_with_everything_on(trainer):
    together, kept = train(trainer, claim(TRIALS, 3, everything()), WIDTH)
    wild = [*TRIALS[:2], on(2, learning_rate=1e30, clip_norm=0.0, max_norm=0.0), TRIALS[3]]
    curves, checkpoints = train(trainer, claim(wild, 3, everything()), WIDTH)
    assert curves[2, max(e for t, e in curves if t == 2)][-1]
    for index in (0, 1, 3):
        assert checkpoints[index] == kept[index]
        assert curves[index, 3] == together[index, 3]


def test_pausing_does_not_matter_bit_for_bit_with_everything_on(trainer):
    whole, kept = train(trainer, claim(TRIALS, 5, everything()), WIDTH)
    first, paused = train(trainer, claim(TRIALS, 2, everything()), WIDTH)
    second, resumed = train(trainer, claim(TRIALS[::-1], 5, everything(), 2, paused), WIDTH)
    assert first | second == whole
    assert resumed == kept


@pytest.fixture(scope="module")
def exact():
    return trainer_of(images(), dtype=tf.float64, schedule_per="step")


def _weights(data, one, whole):
    state, _ = checkpoint.load(data, trial_shape(one, whole), OPTIMIZERS["adam"])
    return np.concatenate([a.ravel() for a in tf.nest.flatten(state.params)])


@pytest.mark.parametrize(
    ("activation", "batch_norm"), [("relu", True), ("sigmoid", False), ("gelu", False)]
)
def test_a_lane_equals_its_solo_with_everything_on(exact, activation, batch_norm):
    """In float64: in a stack, alone, and alone without padding."""
    kind = {"activation": activation, "batch_norm": batch_norm}
    whole = Shape(SIDE * SIDE, (8, 8), CLASSES, batch_norm)
    _, stacked = train(exact, claim(TRIALS, 6, everything(**kind)), WIDTH)
    _, solo = train(exact, claim(TRIALS[:2], 6, everything(**kind)), 1)
    own = (TRIALS[1].hyperparameters["units"],) * 2
    _, bare = train(exact, claim(TRIALS[1:2], 6, everything(own, **kind)), 1)
    for index in (0, 1):
        expected = _weights(solo[index], TRIALS[index], whole)
        for found in (stacked, bare) if index else (stacked,):
            shape = whole._replace(units=own) if found is bare else whole
            gap = _weights(found[index], TRIALS[index], shape) - expected
            assert np.linalg.norm(gap) / np.linalg.norm(expected) < 1e-9


def test_neutral_values_in_the_program_equal_the_program_without_them(exact):
    """Compiled in but off for a lane changes nothing but rounding."""
    off = dict.fromkeys(ALL, 0.0) | {"keep_prob": 1.0}
    one, bare = trial(0, 0.02, **off), trial(0, 0.02)
    _, with_all = train(exact, claim([one], 4, everything()), 1)
    _, without = train(exact, claim([bare], 4, signature()), 1)
    whole = Shape(SIDE * SIDE, (8, 8), CLASSES)
    np.testing.assert_allclose(
        _weights(with_all[0], one, whole), _weights(without[0], bare, whole), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("name", sorted({*ON, *AUGMENTATIONS} - {"schedule", "decay_epochs"}))
def test_every_technique_changes_what_is_trained(trainer, name):
    """Else it would be switched on and do nothing."""
    curves = []
    for value in (ON[name], {"keep_prob": 1.0, "batch_norm_epsilon": 1e-3}.get(name, 0.0)):
        one = on(1, **{name: value})
        curves.append(train(trainer, claim([one], 3, everything()), WIDTH)[0][1, 3])
    assert curves[0] != curves[1]


@pytest.mark.parametrize(("width", "kind"), [(1, everything()), (WIDTH, signature())])
def test_a_stream_equals_the_resident_data_bit_for_bit(width, kind, monkeypatch):
    """Chunks of two steps of six, and of the dev part in pieces."""
    monkeypatch.setattr("caviar.train.feed.CHUNK_BYTES", 2 * small.BATCH * SIDE * SIDE)
    monkeypatch.setattr("caviar.train.feed.DEV_BATCH", 16)
    found = []
    for feed in ("resident", "stream"):
        one = trainer_of(images(), feed=feed, schedule_per="step")
        found.append(train(one, claim(TRIALS, 4, kind), width))
    assert found[0] == found[1]


def test_a_stream_compiles_once_a_program(monkeypatch):
    monkeypatch.setattr("caviar.train.feed.CHUNK_BYTES", 4 * small.BATCH * SIDE * SIDE)
    one = trainer_of(images(), feed="stream")
    train(one, claim([trial(0)], 3, signature()), 1)
    train(one, claim([trial(1, units=5)], 2, signature()), 1)
    assert [epoch.traces for epoch in one._epochs.values()] == [3]


def test_bfloat16_products_learn_as_well():
    data = images()
    one = trainer_of(data)
    exact, _ = train(one, claim([trial(0, 0.03)], 9, signature()), 1)
    half, _ = train(one, claim([trial(0, 0.03)], 9, signature(precision="bfloat16")), 1)
    assert half[0, 9] != exact[0, 9]
    assert abs(half[0, 9][2] - exact[0, 9][2]) < 0.1
    assert half[0, 9][1] > 0.9


def test_a_lane_of_one_width_a_layer():
    one = trial(0, layers=2, units_1=7, units_2=3)
    trainer = trainer_of(images())
    _, kept = train(trainer, claim([one], 2, signature(widths=(8, 4))), 1)
    with np.load(io.BytesIO(kept[0])) as arrays:
        assert arrays["params.1.w"].shape == (1, 7, 3)
        np.testing.assert_array_equal(arrays["input.mean"], images().mean)


def test_softmax_regression_learns_without_hidden_layers():
    one = trial(0, 0.05, layers=0)
    curves, kept = train(trainer_of(images()), claim([one], 20, signature(widths=())), 1)
    assert curves[0, 20][1] > 0.9
    with np.load(io.BytesIO(kept[0])) as arrays:
        assert arrays["params.0.w"].shape == (1, SIDE * SIDE, CLASSES)


def test_early_stopping_ends_a_trial_with_its_checkpoint_and_is_the_same_after_a_pause():
    patient = trainer_of(images(), metric="dev_loss", lower_is_better=True, patience=2)
    one = trial(0, 0.3)
    found = [m for p in patient.train(claim([one], 60, signature()), 1) for m in p.measurements]
    last = found[-1]
    assert last.stopped
    assert last.epoch < 60
    assert last.reason.startswith("no better dev_loss than")
    losses = [m.dev_loss for m in found]
    assert int(np.argmin(losses)) + 1 == last.epoch - 2
    _, kept = train(patient, claim([one], 60, signature()), 1)
    assert checkpoint.header(kept[0]).epoch == last.epoch
    cut = last.epoch - 1
    _, paused = train(patient, claim([one], cut, signature()), 1)
    lane = claim([one], 60, signature(), cut, paused).lanes[0]
    best = (int(np.argmin(losses[:cut])) + 1, min(losses[:cut]))
    again = claim([one], 60, signature(), cut, paused)
    again = type(again)(0, 1, (type(lane)(one, cut, paused[0], best),), 60, signature(), None, 9)
    resumed = [m for p in patient.train(again, 1) for m in p.measurements]
    assert [(m.epoch, m.stopped) for m in resumed] == [(last.epoch, True)]


def test_watching_sees_norms_and_idle_units():
    one = trial(0, 0.01, layers=1, units=5)
    trainer = trainer_of(images())
    *_, last = trainer.train(claim([one], 2, signature()), 1)
    watch = last.measurements[0].watch
    assert len(watch.gradient_norm) == len(watch.weight_norm) == 2
    assert len(watch.idle) == 1
    with np.load(io.BytesIO(last.checkpoints()[0][1])) as arrays:
        norms = [np.linalg.norm(arrays[f"params.{layer}.w"]) for layer in (0, 1)]
    np.testing.assert_allclose(watch.weight_norm, norms, rtol=1e-5)
    assert all(0 < norm < 10 for norm in watch.gradient_norm)


def test_dead_units_and_a_gradient_that_vanished_are_seen():
    """With weights of zero no unit ever rises above zero, and nothing reaches the first layer."""
    one = trial(0, layers=1, units=5, initializer="zeros")
    *_, last = trainer_of(images()).train(
        claim([one], 1, signature("sgd", (8,), batch_norm=False)), 1
    )
    watch = last.measurements[0].watch
    assert watch.idle == (1.0,)
    assert watch.gradient_norm == (0.0, 0.0)
    assert watch.weight_norm == (0.0, 0.0)


def test_the_reason_of_a_divergence_is_told(trainer):
    wild = on(0, learning_rate=1e30, clip_norm=0.0, max_norm=0.0, warmup_epochs=0.0)
    *_, last = trainer.train(claim([wild], 3, everything()), WIDTH)
    assert last.measurements[0].diverged
    assert "finite" in last.measurements[0].reason or "nan" in last.measurements[0].reason
    calm = trainer_of(images(), diverged_above=0.1)
    *_, last = calm.train(claim([trial(0, 1e-5)], 3, signature()), 1)
    assert "above 0.1 ln 3" in last.measurements[0].reason


def test_signatures_differ_by_what_is_compiled():
    names = {str(everything()), str(signature()), str(signature(activation="tanh"))}
    assert len(names) == 3
    assert Signature.parse(str(everything(batch_norm=False, activation="gelu"))) == everything(
        batch_norm=False, activation="gelu"
    )
    assert isinstance(images().train, Part)
