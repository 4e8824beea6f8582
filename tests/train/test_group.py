"""A group's epochs, against steps taken one by one: order, draws and rates are the study's."""

from __future__ import annotations

import numpy as np
import pytest
import small_problem as small
import tensorflow as tf
from small_problem import arrays_of, claim, dataset, signature, train, trainer_of, trial

from caviar.nn.network import Shape
from caviar.train.feed import Inputs
from caviar.train.lanes import initial_state, number
from caviar.train.optimizers import OPTIMIZERS
from caviar.train.order import data_order, random_key
from caviar.train.recipe import Recipe
from caviar.train.schedules import rates
from caviar.train.step import Batch, Step

SEED, EPOCHS, STEPS = 7, 3, 6
KIND = signature("momentum", techniques=("keep_prob", "noise"))
ONE = trial(
    5, 0.05, keep_prob=0.7, noise=0.2, schedule="cosine", decay_epochs=4.0, warmup_epochs=1.5
)


def _by_hand(data, per):
    """The parameters after the steps of all epochs."""
    recipe = Recipe.of(KIND, small.FEATURES, small.CLASSES)
    step = Step(recipe, Inputs.of(data, tf.float64))
    shape = Shape(small.FEATURES, (8, 8), small.CLASSES)
    state = initial_state(shape, OPTIMIZERS["momentum"], SEED, ONE, np.float64)
    state = tf.nest.map_structure(lambda a: tf.constant(a[0]), state)
    live, values = recipe.network.live(tf.constant((8, 8))), ONE.hyperparameters
    numbers = {n: tf.constant(number(values, n), tf.float64) for n in recipe.numbers}
    for epoch in range(EPOCHS):
        order = data_order(SEED, epoch, small.BATCH, len(data.train)).reshape(STEPS, -1)
        key = tf.constant(random_key(SEED, epoch))
        for place, rate in enumerate(rates(values, epoch, STEPS, per)):
            x, y = data.train.x[order[place]], data.train.y[order[place]]
            batch = Batch(tf.constant(x), tf.constant(y), key, tf.constant(place))
            hyper = {**numbers, "learning_rate": tf.constant(rate)}
            state = step(state, live, hyper, batch).state
    return state


@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("ignore:Even though the:UserWarning")
@pytest.mark.parametrize("feed", ["resident", "stream"])
@pytest.mark.parametrize("per", ["epoch", "step"])
def test_epochs_are_the_steps_of_the_studys_order_draws_and_rates(per, feed, monkeypatch):
    monkeypatch.setattr("caviar.train.feed.CHUNK_BYTES", 4 * small.BATCH * small.FEATURES * 4)
    exact = trainer_of(dtype=tf.float64, schedule_per=per, feed=feed)
    _, kept = train(exact, claim([ONE], EPOCHS, KIND), 2)
    arrays, expected = arrays_of(kept[5]), _by_hand(dataset(), per)
    assert arrays["step"] == expected.step.numpy() == EPOCHS * STEPS
    for layer, parameters in enumerate(expected.params):
        for name, w in parameters.items():
            np.testing.assert_allclose(arrays[f"params.{layer}.{name}"][0], w, rtol=1e-9)


@pytest.mark.usefixtures("eagerly")
def test_inputs_are_standardised_by_the_data_sets_moments():
    """The same examples in other units train the same network."""
    plain, mean, std = dataset(), np.arange(6.0), np.linspace(0.5, 3.0, 6)
    moments = {"mean": mean.astype(np.float32), "std": std.astype(np.float32)}
    parts = [((p.x * std + mean).astype(np.float32), p.y) for p in (plain.train, plain.dev)]
    found = [
        train(trainer_of(data, tf.float64), claim([trial(0)], 2, signature()), 1)[0]
        for data in (plain, dataset(*parts, **moments))
    ]
    for key, scores in found[0].items():
        np.testing.assert_allclose(found[1][key], scores, rtol=1e-4)
