"""Every technique at once: lanes stay functions of their trial, streams equal what is resident."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import small_problem as small
import tensorflow as tf
from small_problem import arrays_of, claim, relative_gap, signature, train, trainer_of, trial

from caviar.data.dataset import Part
from caviar.nn.activations import ACTIVATIONS
from caviar.study.records import Lane, Watch
from caviar.study.tables import TECHNIQUES
from caviar.train import checkpoint
from caviar.train.group import Group
from caviar.train.lanes import padded, unpadded
from caviar.train.recipe import AUGMENTATIONS

SIDE, CLASSES, WIDTH = 4, 3, 4
ALL = tuple(sorted(TECHNIQUES))
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
SIGMOID_OR_TANH = {"sigmoid", "tanh"}


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


@pytest.fixture(autouse=True, scope="module")
def pieces():
    """Dev examples in chunks of 16, and streamed ones in chunks of two steps of six."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("caviar.train.feed.CHUNK_BYTES", 2 * small.BATCH * SIDE * SIDE)
        patch.setattr("caviar.train.feed.DEV_BATCH", 16)
        yield


@pytest.fixture(scope="module")
def trainer():
    """Compiles everything once."""
    return trainer_of(images(), schedule_per="step")


@pytest.fixture(scope="module")
def together(trainer):
    """Curves and checkpoints of all trials after three epochs in one compiled call each."""
    return train(trainer, claim(TRIALS, 3, everything()), WIDTH)


def test_neighbours_do_not_matter_bit_for_bit_with_everything_on(trainer, together):
    wild = [*TRIALS[:2], on(2, learning_rate=1e30, clip_norm=0.0, max_norm=0.0), TRIALS[3]]
    curves, checkpoints = train(trainer, claim(wild, 3, everything()), WIDTH)
    assert curves[2, max(e for t, e in curves if t == 2)][-1]
    for index in (0, 1, 3):
        assert checkpoints[index] == together[1][index]
        assert curves[index, 3] == together[0][index, 3]


def test_a_partial_call_does_not_matter_bit_for_bit_with_everything_on(trainer, together):
    curves, checkpoints = train(trainer, claim(TRIALS[1:2], 3, everything()), WIDTH)
    assert curves == {key: values for key, values in together[0].items() if key[0] == 1}
    assert checkpoints == {1: together[1][1]}


def test_pausing_does_not_matter_bit_for_bit_with_everything_on(trainer):
    whole, kept = train(trainer, claim(TRIALS, 5, everything()), WIDTH)
    first, paused = train(trainer, claim(TRIALS, 2, everything()), WIDTH)
    second, resumed = train(trainer, claim(TRIALS[::-1], 5, everything(), 2, paused), WIDTH)
    assert first | second == whole
    assert resumed == kept


def test_a_stream_equals_the_resident_data_bit_for_bit(together):
    """And takes one trace for each of its three programs, whatever the values."""
    stream = trainer_of(images(), feed="stream", schedule_per="step")
    assert train(stream, claim(TRIALS, 3, everything()), WIDTH) == together
    others = [on(7, units=3, learning_rate=0.3), on(8, units=8)]
    train(stream, claim(others, 2, everything()), WIDTH)
    assert [epoch.traces for epoch in stream._epochs.values()] == [3]


@pytest.mark.parametrize("name", sorted({*ON, *AUGMENTATIONS} - {"schedule", "decay_epochs"}))
def test_every_technique_changes_what_is_trained(trainer, name):
    """Else it would be switched on and do nothing."""
    curves = []
    for value in (ON[name], {"keep_prob": 1.0, "batch_norm_epsilon": 1e-3}.get(name, 0.0)):
        one = on(1, **{name: value})
        curves.append(train(trainer, claim([one], 3, everything()), WIDTH)[0][1, 3])
    assert curves[0] != curves[1]


@pytest.mark.usefixtures("eagerly")
def test_compiled_is_what_is_written(together):
    """At a rate at which rounding stays small."""
    plain = trainer_of(images(), schedule_per="step")
    _, kept = train(plain, claim(TRIALS, 3, everything()), WIDTH)
    for index, found in together[1].items():
        assert relative_gap(found, kept[index]) < 1e-4


@pytest.fixture
def exact(eagerly):
    del eagerly
    return trainer_of(images(), dtype=tf.float64, schedule_per="step")


@pytest.mark.parametrize("batch_norm", [True, False], ids=["batch norm", "bias"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_lane_equals_its_solo_with_everything_on(exact, activation, batch_norm):
    """In float64: in a stack and padded, and alone without padding. Padding stays exactly zero."""
    kind = {"activation": activation, "batch_norm": batch_norm}
    of = everything((8, 8, 8), **kind)
    epoch = exact._epoch(of, WIDTH)
    group = Group.begin(epoch, [Lane(one) for one in TRIALS[:3]], of, exact._course)
    for behind in range(2):
        group.run(exact._order(exact._course, behind, small.BATCH), behind)
    kept = group.checkpoints()
    for one in TRIALS[:2]:
        own = (one.hyperparameters["units"],) * one.hyperparameters["layers"]
        _, bare = train(exact, claim([one], 2, everything(own, **kind)), 1)
        assert relative_gap(kept[one.index][1], bare[one.index]) < 1e-9
    _assert_padding_is_zero(group, epoch)


def _assert_padding_is_zero(group, epoch):
    state = tf.nest.map_structure(lambda a: a.numpy(), epoch.layout.unpack(group._state))
    whole, optimizer = epoch.recipe.network.shape, epoch.recipe.optimizer
    for place, shape in enumerate(group._shapes):
        lane = tf.nest.map_structure(lambda a, at=place: a[at : at + 1], state)
        again = padded(unpadded(lane, shape, optimizer), whole, optimizer)
        tf.nest.map_structure(np.testing.assert_array_equal, lane, again)
    dead = [a[len(group._shapes) :] for a in tf.nest.flatten(state.params)]
    assert all((a == 0).all() for a in dead)


def test_neutral_values_in_the_program_equal_the_program_without_them(exact):
    """Compiled in but off for a lane changes nothing but rounding."""
    one, bare = trial(0, 0.02, **TECHNIQUES), trial(0, 0.02)
    _, with_all = train(exact, claim([one], 2, everything()), 1)
    _, silent = train(exact, claim([bare], 2, everything()), 1)
    _, without = train(exact, claim([bare], 2, signature()), 1)
    assert relative_gap(with_all[0], without[0]) < 1e-11
    np.testing.assert_equal(arrays_of(silent[0]), arrays_of(with_all[0]))


def test_bfloat16_products_learn_as_well(eagerly):
    data = images()
    short = signature(precision="bfloat16")
    half, _ = train(trainer_of(data), claim([trial(0, 0.03)], 6, short), 1)
    full, _ = train(trainer_of(data), claim([trial(0, 0.03)], 6, signature()), 1)
    assert half[0, 6] != full[0, 6]
    assert abs(half[0, 6][2] - full[0, 6][2]) < 0.1
    assert half[0, 6][1] > 0.9


def test_compiled_bfloat16_products_are_rounded_alike():
    """XLA's own product of bfloat16 numbers against the imitation outside it."""
    found = [train(trainer_of(images()), _short_claim(), 1)[1][0]]
    tf.config.run_functions_eagerly(True)
    try:
        found.append(train(trainer_of(images()), _short_claim(), 1)[1][0])
    finally:
        tf.config.run_functions_eagerly(False)
    assert relative_gap(*found) < 1e-2


def _short_claim():
    return claim([trial(0, 0.003, 1)], 1, signature("sgd", (8,), precision="bfloat16"))


@pytest.mark.usefixtures("eagerly")
def test_a_lane_of_one_width_a_layer():
    one = trial(0, layers=2, units_1=7, units_2=3)
    _, kept = train(trainer_of(images()), claim([one], 1, signature(widths=(8, 4))), 1)
    arrays = arrays_of(kept[0])
    assert arrays["params.1.w"].shape == (1, 7, 3)
    np.testing.assert_array_equal(arrays["input.mean"], images().mean)


@pytest.mark.usefixtures("eagerly")
def test_softmax_regression_learns_without_hidden_layers():
    one = trial(0, 0.05, layers=0)
    curves, kept = train(trainer_of(images()), claim([one], 12, signature(widths=())), 1)
    assert curves[0, 12][1] > 0.9 > curves[0, 1][1]
    assert arrays_of(kept[0])["params.0.w"].shape == (1, SIDE * SIDE, CLASSES)


@pytest.mark.usefixtures("eagerly")
def test_early_stopping_ends_a_trial_with_its_checkpoint_and_is_the_same_after_a_pause():
    patient = trainer_of(images(), metric="dev_loss", lower_is_better=True, patience=2)
    whole = claim([trial(0, 0.3)], 60, signature())
    *_, end = found = list(patient.train(whole, 1))
    losses = [progress.measurements[0].dev_loss for progress in found]
    (last,) = end.measurements
    assert (end.done, last.stopped, last.epoch) == (True, True, len(found))
    assert last.epoch < 60
    assert last.reason.startswith("no better dev_loss than")
    assert int(np.argmin(losses)) + 1 == last.epoch - 2
    ((epoch, data),) = end.checkpoints().values()
    assert checkpoint.header(data).epoch == epoch == last.epoch
    for cut in (last.epoch - 1, last.epoch - 2):
        _, paused = train(patient, replace(whole, last_epoch=cut), 1)
        best = (int(np.argmin(losses[:cut])) + 1, min(losses[:cut]))
        lane = replace(whole.lanes[0], epoch=cut, checkpoint=paused[0], best=best)
        resumed = list(patient.train(replace(whole, lanes=(lane,)), 1))
        ends = [(m.epoch, m.stopped) for progress in resumed for m in progress.measurements]
        assert ends == [(e, e == last.epoch) for e in range(cut + 1, last.epoch + 1)]


@pytest.mark.usefixtures("eagerly")
def test_a_lane_that_stops_early_leaves_its_neighbours_training():
    patient = trainer_of(images(), metric="dev_loss", lower_is_better=True, patience=2)
    pair = [trial(0, 0.3), trial(1, 1e-3)]
    found = list(patient.train(claim(pair, 14, signature()), 2))
    ended = [p.measurements[0].epoch for p in found if any(m.stopped for m in p.measurements)]
    assert len(ended) == 1
    (end,) = ended
    assert [len(p.measurements) for p in found] == [2] * end + [1] * (14 - end)
    assert found[-1].checkpoints().keys() == {1}
    _, alone = train(patient, claim(pair[1:], 14, signature()), 2)
    np.testing.assert_equal(arrays_of(found[-1].checkpoints()[1][1]), arrays_of(alone[1]))


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_watching_sees_norms_and_idle_units(activation):
    """Against what NumPy makes of the checkpoint."""
    one = trial(0, 0.03, layers=1, units=5, initializer_scale=6.0)
    kind = signature("sgd", (8, 8), activation=activation, batch_norm=False)
    (last,) = trainer_of(images()).train(claim([one], 1, kind), 1)
    watch, arrays = last.measurements[0].watch, arrays_of(last.checkpoints()[0][1])
    norms = [np.linalg.norm(arrays[f"params.{layer}.w"]) for layer in (0, 1)]
    np.testing.assert_allclose(watch.weight_norm, norms, rtol=1e-5)
    assert len(watch.gradient_norm) == 2
    assert all(0 < norm < 100 for norm in watch.gradient_norm)
    data = images()
    z = data.standardised(data.dev) @ arrays["params.0.w"][0] + arrays["params.0.b"][0]
    idle = z <= 0
    if activation in SIGMOID_OR_TANH:
        ends = np.tanh(z) if activation == "tanh" else 2 / (1 + np.exp(-z)) - 1
        idle = np.abs(ends) > (0.99 if activation == "tanh" else 0.98)
    assert watch.idle == (pytest.approx(idle.all(0).mean()),)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("limit", [0.0, 1e-3])
def test_the_gradient_norm_is_that_of_the_step_before_clipping(limit):
    """With one step an epoch, gradient descent moves the weights by the rate times it."""
    data, rate = images(), 0.5
    data = replace(data, train=Part(data.train.x[:16], data.train.y[:16]))
    one = trial(0, rate, layers=1, clip_norm=limit, schedule="none")
    kind = signature("sgd", (8,), techniques=("clip_norm",))
    steps, arrays = [], []
    for progress in trainer_of(data).train(claim([one], 2, kind), 1):
        steps.append(progress.measurements[0].watch.gradient_norm)
        arrays.append(arrays_of(progress.checkpoints()[0][1]))
    moved = {name: arrays[1][name] - arrays[0][name] for name in arrays[0]}
    norms = [np.linalg.norm(moved[f"params.{layer}.w"]) / rate for layer in (0, 1)]
    shortened = 1.0
    if limit:
        whole = [a.ravel() for name, a in moved.items() if name.startswith("params")]
        assert np.linalg.norm(np.concatenate(whole)) / rate == pytest.approx(limit, rel=1e-3)
        shortened = norms[0] / steps[1][0]
        assert shortened < 0.1
    np.testing.assert_allclose(norms, shortened * np.array(steps[1]), rtol=1e-3)


@pytest.mark.usefixtures("eagerly")
def test_dead_units_and_a_gradient_that_vanished_are_seen():
    """With weights of zero no unit ever rises above zero, and nothing reaches the first layer."""
    one = trial(0, layers=1, units=5, initializer="zeros")
    kind = signature("sgd", (8,), batch_norm=False)
    *_, last = trainer_of(images()).train(claim([one], 1, kind), 1)
    watch = last.measurements[0].watch
    assert watch == Watch(gradient_norm=(0.0, 0.0), weight_norm=(0.0, 0.0), idle=(1.0,))


@pytest.mark.usefixtures("eagerly")
def test_the_reason_of_a_divergence_is_told():
    wild = on(0, learning_rate=1e30, clip_norm=0.0, max_norm=0.0, warmup_epochs=0.0)
    *_, last = trainer_of(images()).train(claim([wild], 3, everything()), 1)
    assert last.measurements[0].diverged
    assert "first in the weights of layer 1" in last.measurements[0].reason
    calm = trainer_of(images(), diverged_above=0.1)
    *_, last = calm.train(claim([trial(0, 1e-5)], 3, signature()), 1)
    assert "above 0.1 ln 3" in last.measurements[0].reason
