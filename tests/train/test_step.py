"""One step with everything on, against the same written down plainly for a single network."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from caviar.nn.augmentation import augment
from caviar.nn.dropout import draws
from caviar.nn.network import Shape
from caviar.study.records import Signature
from caviar.study.tables import TECHNIQUES
from caviar.train.feed import Inputs
from caviar.train.optimizers import OPTIMIZERS
from caviar.train.recipe import Recipe
from caviar.train.state import zero_state
from caviar.train.step import Batch, Step

FEATURES, UNITS, CLASSES, BATCH = 12, (7, 5), 3, 16
IMAGE = (3, 4, 1)
CLASS_WEIGHTS = np.array([0.5, 1.0, 2.0])
NUMBERS = {
    "learning_rate": 0.1,
    "beta_1": 0.8,
    "beta_2": 0.95,
    "epsilon": 1e-4,
    "batch_norm_momentum": 0.7,
    "batch_norm_epsilon": 0.01,
    "l2": 0.3,
    "l1": 0.02,
    "weight_decay": 0.25,
    "keep_prob_1": 0.5,
    "keep_prob_2": 0.8,
    "label_smoothing": 0.2,
    "max_norm": 1.1,
    "clip_norm": 0.4,
    "shift": 0.3,
    "flip": 0.5,
    "rotation": 20.0,
    "zoom": 0.2,
    "noise": 0.3,
}
KEY, PLACE, BEFORE = (11, -22, 33, 44), 3, 5.0
"""The epoch's random key, which step of the epoch it is, and steps taken before it."""


@pytest.fixture(params=[True, False], ids=["batch norm", "bias"])
def problem(request):
    """A step of Adam, a state in the midst of training, and a minibatch of bytes."""
    rng = np.random.default_rng(4)
    kind = Signature(UNITS, BATCH, "adam", batch_norm=request.param, techniques=tuple(TECHNIQUES))
    shape = Shape(FEATURES, UNITS, CLASSES, request.param)
    state = zero_state(shape, OPTIMIZERS["adam"], np.float64)
    state = tf.nest.map_structure(
        lambda a: tf.constant(np.abs(rng.normal(size=a.shape[1:])) / 9), state
    )
    signed = [{n: tf.constant(rng.normal(size=w.shape)) for n, w in p.items()} for p in state[0]]
    state = state._replace(params=signed, step=tf.constant(BEFORE, tf.float64))
    inputs = Inputs(
        tf.constant(rng.uniform(90, 160, FEATURES)),
        tf.constant(1 / rng.uniform(20, 70, FEATURES)),
        tf.constant(CLASS_WEIGHTS),
        IMAGE,
    )
    x = tf.constant(rng.integers(0, 256, (BATCH, FEATURES)).astype(np.uint8))
    y = tf.constant(rng.integers(0, CLASSES, BATCH).astype(np.int32))
    batch = Batch(x, y, tf.constant(KEY), tf.constant(PLACE))
    return Step(Recipe.of(kind, FEATURES, CLASSES), inputs), state, batch


def _numbers(**changed):
    return {n: tf.constant(v, tf.float64) for n, v in (NUMBERS | changed).items()}


def _inputs(step, batch, h):
    x = (tf.cast(batch.x, tf.float64) - step.inputs.mean) * step.inputs.scale
    names = ("shift", "flip", "rotation", "zoom", "noise")
    return augment(x, IMAGE, {n: h[n] for n in names}, tf.constant(KEY[2:]), PLACE)


def _forward(params, x, h):
    """Logits, and mean and variance of each hidden layer's z."""
    moments = []
    for layer, p in enumerate(params[:-1]):
        z = x @ p["w"]
        if "gamma" in p:
            mean, variance = tf.nn.moments(z, [0])
            moments.append((mean, variance))
            unit = (z - mean) / tf.sqrt(variance + h["batch_norm_epsilon"])
            z = p["gamma"] * unit + p["beta"]
        else:
            z += p["b"]
        keep = h[f"keep_prob_{layer + 1}"]
        drawn = draws(tf.constant(KEY[:2]), PLACE, layer, BATCH, UNITS[layer], tf.float64)
        x = tf.where(drawn < keep, tf.nn.relu(z) / keep, tf.zeros_like(z))
    return x @ params[-1]["w"] + params[-1]["b"], moments


def _cost(params, logits, y, h):
    e = h["label_smoothing"]
    truth = (1 - e) * tf.one_hot(y, CLASSES, dtype=tf.float64) + e / CLASSES
    losses = tf.nn.softmax_cross_entropy_with_logits(truth, logits)
    weighted = tf.reduce_mean(tf.gather(tf.constant(CLASS_WEIGHTS), y) * losses)
    weights = [p["w"] for p in params]
    squares = tf.add_n([tf.reduce_sum(w * w) for w in weights])
    sizes = tf.add_n([tf.reduce_sum(tf.abs(w)) for w in weights])
    return weighted + h["l2"] / 2 * squares + h["l1"] * sizes


def _adam(g, slots, h):
    m = h["beta_1"] * slots["m"] + (1 - h["beta_1"]) * g
    v = h["beta_2"] * slots["v"] + (1 - h["beta_2"]) * g * g
    t = BEFORE + 1
    rate = h["learning_rate"] * tf.sqrt(1 - h["beta_2"] ** t) / (1 - h["beta_1"] ** t)
    return -rate * m / (tf.sqrt(v) + h["epsilon"]), m, v


def _expected(step, state, batch, h):
    """Parameters, first slots and averages after the step, the loss, and the raw gradients."""
    x = _inputs(step, batch, h)
    with tf.GradientTape() as tape:
        tape.watch(state.params)
        logits, moments = _forward(state.params, x, h)
        value = _cost(state.params, logits, batch.y, h)
    raw = tape.gradient(value, state.params)
    clipped, norm = tf.clip_by_global_norm(tf.nest.flatten(raw), h["clip_norm"])
    assert norm > 2 * h["clip_norm"]
    gradients = tf.nest.pack_sequence_as(raw, clipped)
    params, first = [], []
    for layer, p in enumerate(state.params):
        params.append({})
        first.append({})
        for name, w in p.items():
            change, m, _ = _adam(gradients[layer][name], state.slots[layer][name], h)
            new = w + change
            if name == "w":
                new -= h["learning_rate"] * h["weight_decay"] * w
                if layer < len(UNITS):
                    new = tf.clip_by_norm(new, h["max_norm"], axes=[0])
            params[layer][name], first[layer][name] = new, m
    past = h["batch_norm_momentum"]
    averages = [
        tuple(past * old + (1 - past) * new for old, new in zip(*both, strict=True))
        for both in zip(state.averages, moments, strict=True)
    ]
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch.y, logits))
    return params, first, averages, loss, raw


def test_a_step_with_everything_on_is_the_same_written_plainly(problem):
    step, state, batch = problem
    h = _numbers()
    found = step(state, step.recipe.network.live(tf.constant(UNITS)), h, batch)
    params, first, averages, loss, raw = _expected(step, state, batch, h)
    moments = [{n: slots["m"] for n, slots in layer.items()} for layer in found.state.slots]
    for ours, plain in (
        (found.state.params, params),
        (moments, first),
        ([tuple(a) for a in found.state.averages], averages),
        (found.scores.loss, loss),
        (found.gradients, raw),
    ):
        for a, b in zip(tf.nest.flatten(ours), tf.nest.flatten(plain), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert found.state.step.numpy() == BEFORE + 1
    hidden = [np.linalg.norm(p["w"], axis=0).max() for p in found.state.params[:-1]]
    np.testing.assert_allclose(hidden, NUMBERS["max_norm"], rtol=1e-12)


@pytest.mark.parametrize("place", [PLACE + 1, 0])
def test_every_step_of_an_epoch_draws_anew(problem, place):
    """Dropout by itself, then what is done to the inputs by itself."""
    step, state, batch = problem
    live = step.recipe.network.live(tf.constant(UNITS))
    still = {**dict.fromkeys(("shift", "flip", "rotation", "zoom", "noise"), 0.0)}
    whole = {"keep_prob_1": 1.0, "keep_prob_2": 1.0}
    other = batch._replace(place=tf.constant(place))
    for off, alike in ((still, False), (whole, False), (still | whole, True)):
        losses = [step(state, live, _numbers(**off), b).scores.loss for b in (batch, other)]
        assert (losses[0].numpy() == losses[1].numpy()) == alike
