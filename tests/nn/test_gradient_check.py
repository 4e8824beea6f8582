"""The gradient check passes right gradients and catches wrong ones of several kinds."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from caviar.nn.activations import ACTIVATIONS
from caviar.nn.batch_norm import normalise_batch
from caviar.nn.dense import dense
from caviar.nn.gradient_check import Verdict, gradient_check, verdict
from caviar.nn.penalties import penalty
from caviar.nn.softmax import cost as softmax_cost

FEATURES, UNITS, CLASSES, BATCH = 6, 8, 4, 12


class Problem:
    """Two hidden layers of batch norm and an activation, a softmax head, smoothing, L1 and L2."""

    def __init__(self, activation="relu", l1=1e-3, scale=1.0):
        rng = np.random.default_rng(5)
        self.x = tf.constant(rng.normal(size=(BATCH, FEATURES)))
        self.labels = tf.constant(rng.integers(0, CLASSES, BATCH))
        self.activation = ACTIVATIONS[activation].function
        self.l1 = l1
        sizes = (FEATURES, UNITS, UNITS, CLASSES)
        weights = [tf.constant(scale * rng.normal(size=fans)) for fans in itertools.pairwise(sizes)]
        self.params = [
            {
                "w": w,
                "gamma": tf.constant(rng.uniform(0.5, 1.5, UNITS)),
                "beta": tf.constant(rng.normal(size=UNITS)),
            }
            for w in weights[:-1]
        ]
        self.params.append({"w": weights[-1], "b": tf.constant(rng.normal(size=CLASSES))})

    def forward(self, params):
        x, before = self.x, []
        for layer in params[:-1]:
            y, _ = normalise_batch(dense(x, layer["w"]), layer["gamma"], layer["beta"])
            before.append(y)
            x = self.activation(y)
        return dense(x, params[-1]["w"]) + params[-1]["b"], before

    def cost(self, params):
        loss = softmax_cost(self.forward(params)[0], self.labels, smoothing=0.1)
        return tf.reduce_mean(loss) + penalty(params, l1=self.l1, l2=1e-2)

    def pattern(self, params):
        signs = [*self.forward(params)[1], *(layer["w"] for layer in params)]
        return tf.concat([tf.reshape(tf.sign(s), [-1]) for s in signs], 0)

    def gradients(self):
        with tf.GradientTape() as tape:
            tape.watch(self.params)
            value = self.cost(self.params)
        return tape.gradient(value, self.params)

    def check(self, gradients=None, pattern=True, **settings):
        rng = np.random.default_rng(0)
        found = self.pattern if pattern else None
        return gradient_check(self.cost, self.params, gradients, rng, pattern=found, **settings)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_tapes_gradients_are_right(activation):
    check = Problem(activation).check(per_array=8)
    assert check.passed
    assert check.relative < 1e-7
    names = [(array.layer, array.name) for array in check.arrays]
    hidden = [(layer, name) for layer in (0, 1) for name in ("w", "gamma", "beta")]
    assert names == [*hidden, (2, "w"), (2, "b")]
    assert all(
        array.checked + array.kinks == min(8, size)
        for array, size in zip(check.arrays, (48, 8, 8, 64, 8, 8, 32, 4), strict=True)
    )


def _sign(problem, gradients):
    gradients[0]["beta"] = -gradients[0]["beta"]


def _factor(problem, gradients):
    gradients[1]["w"] *= 1.001


def _missing_penalty(problem, gradients):
    gradients[2]["w"] -= 1e-2 * problem.params[2]["w"]


def _missing_part_of_batch_norm(problem, gradients):
    """As if mean and variance were constants: dz = gamma / sigma dy."""
    with tf.GradientTape() as tape:
        tape.watch(problem.params)
        z = dense(problem.x, problem.params[0]["w"])
        mean, variance = tf.nn.moments(z, 0)
        inverse = tf.stop_gradient(tf.math.rsqrt(variance + 1e-3))
        y = problem.params[0]["gamma"] * (z - tf.stop_gradient(mean)) * inverse
        x = problem.activation(y + problem.params[0]["beta"])
        y, _ = normalise_batch(
            dense(x, problem.params[1]["w"]), *list(problem.params[1].values())[1:]
        )
        logits = dense(problem.activation(y), problem.params[2]["w"]) + problem.params[2]["b"]
        loss = tf.reduce_mean(softmax_cost(logits, problem.labels, smoothing=0.1))
        value = loss + penalty(problem.params, l1=problem.l1, l2=1e-2)
    gradients[0]["w"] = tape.gradient(value, problem.params[0]["w"])


def _one_entry(problem, gradients):
    gradients[2]["b"] += tf.constant([0.0, 0.0, 1e-4, 0.0], tf.float64)


def _nothing(problem, gradients):
    gradients[1]["gamma"] = tf.zeros_like(gradients[1]["gamma"])


def _nan(problem, gradients):
    gradients[1]["gamma"] *= np.nan


PLANTED = {
    _sign: (0, "beta"),
    _factor: (1, "w"),
    _missing_penalty: (2, "w"),
    _missing_part_of_batch_norm: (0, "w"),
    _one_entry: (2, "b"),
    _nothing: (1, "gamma"),
    _nan: (1, "gamma"),
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_wrong_gradient_is_caught_where_it_is(plant):
    problem = Problem()
    gradients = problem.gradients()
    plant(problem, gradients)
    check = problem.check(gradients, per_array=8)
    assert not check.passed
    wrong = [(a.layer, a.name) for a in check.arrays if a.verdict is not Verdict.RIGHT]
    assert wrong == [PLANTED[plant]]


def test_a_small_error_in_a_small_array_does_not_hide_in_the_overall_figure():
    problem = Problem()
    gradients = problem.gradients()
    gradients[2]["b"] *= 1.0 + 1e-6
    check = problem.check(gradients, per_array=8)
    assert check.relative < 1e-6
    assert check.verdict is Verdict.LOOK


def test_entries_at_a_kink_are_left_out_and_counted():
    problem = Problem(l1=0.1)
    w = problem.params[2]["w"].numpy()
    w[0, :2] = 0.0
    problem.params[2]["w"] = tf.constant(w)
    by_array = {(a.layer, a.name): a for a in problem.check(per_array=32).arrays}
    assert by_array[2, "w"].kinks == 2
    assert by_array[2, "w"].checked == UNITS * CLASSES - 2
    assert by_array[2, "w"].verdict is Verdict.RIGHT
    # A ReLU that switches inside the step: one example's z is put at zero, by the layer's beta.
    y = problem.forward(problem.params)[1][1].numpy()
    problem.params[1]["beta"] -= tf.constant(np.eye(UNITS)[0] * y[0, 0])
    with_pattern, without = (problem.check(per_array=8, pattern=on) for on in (True, False))
    assert with_pattern.passed
    assert not without.passed
    assert {(a.layer, a.name): a.kinks for a in with_pattern.arrays}[1, "beta"] == 1


def test_gradients_that_are_zero_but_for_rounding_are_right():
    """A bias under batch norm changes nothing; the difference is all rounding."""
    problem = Problem("tanh", l1=0.0)
    params = [{"b": tf.constant(np.ones(UNITS))}]

    def cost(params):
        z = dense(problem.x, problem.params[0]["w"]) + params[0]["b"]
        y, _ = normalise_batch(z, problem.params[0]["gamma"], problem.params[0]["beta"])
        return tf.reduce_mean(tf.square(tf.math.tanh(y)))

    check = gradient_check(cost, params, None, np.random.default_rng(0))
    assert check.passed
    assert check.arrays[0].gradient < 1e-12


def test_vanishing_gradients_are_checked_all_the_same():
    """Ten sigmoid layers: 1e-8 at the first, where one difference alone is too coarse."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(8, 5)))
    params = [{"w": tf.constant(rng.normal(size=(5, 5)) * 0.6)} for _ in range(12)]

    def cost(params):
        a = x
        for layer in params:
            a = tf.sigmoid(dense(a, layer["w"]))
        return tf.reduce_mean(a)

    check = gradient_check(cost, params, None, np.random.default_rng(0), per_array=8)
    assert check.arrays[0].gradient < 1e-7
    assert check.passed
    with tf.GradientTape() as tape:
        tape.watch(params)
        gradients = tape.gradient(cost(params), params)
    gradients[1]["w"] *= 1.1
    check = gradient_check(cost, params, gradients, np.random.default_rng(0), per_array=8)
    assert check.arrays[1].verdict is Verdict.WRONG


@pytest.mark.parametrize(
    ("relative", "expected"),
    [
        (0.0, "right"),
        (9e-8, "right"),
        (1e-7, "look again"),
        (9e-6, "look again"),
        (1e-5, "suspect"),
        (1e-3, "wrong"),
        (1.0, "wrong"),
        (float("nan"), "wrong"),
    ],
)
def test_the_verdict_by_the_taught_bounds(relative, expected):
    assert verdict(relative) == expected


def test_float32_is_refused():
    params = [{"w": tf.zeros((2, 2))}]
    with pytest.raises(ValueError, match="float64"):
        gradient_check(lambda p: tf.reduce_sum(p[0]["w"]), params, None, np.random.default_rng(0))
