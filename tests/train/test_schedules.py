"""Schedules by hand, per epoch and per step, with and without warm-up before them."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.study import tables
from caviar.train.schedules import DEFAULTS, SCHEDULES, inverse_time, rates

ROOT_HALF = 0.7071067811865476

BY_HAND = {
    # name: (hyperparameters, rates at the epochs 0, 1, 2, 3, 4, 8 for a learning rate of 0.2)
    "none": ({}, [0.2, 0.2, 0.2, 0.2, 0.2, 0.2]),
    "inverse_time": ({"learning_rate_decay": 1.0}, [0.2, 0.1, 0.2 / 3, 0.05, 0.04, 0.2 / 9]),
    "inverse_sqrt": (
        {"learning_rate_decay": 3.0},
        [0.2, 0.1, 0.2 / 7**0.5, 0.2 / 10**0.5, 0.2 / 13**0.5, 0.04],
    ),
    "exponential": (
        {"decay_factor": 0.25, "decay_epochs": 4.0},
        [0.2, 0.2 * ROOT_HALF, 0.1, 0.1 * ROOT_HALF, 0.05, 0.0125],
    ),
    "staircase": (
        {"decay_factor": 0.1, "decay_epochs": 2.0},
        [0.2, 0.2, 0.02, 0.02, 0.002, 0.00002],
    ),
    "cosine": (
        {"decay_epochs": 4.0},
        [0.2, 0.1 + 0.1 * ROOT_HALF, 0.1, 0.1 - 0.1 * ROOT_HALF, 0.0, 0.0],
    ),
}
EPOCHS = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 8.0])


def trial(name, warmup=0.0, **more):
    return {"learning_rate": 0.2, "schedule": name, "warmup_epochs": warmup, **more}


def test_every_schedule_is_computed_by_hand():
    assert set(BY_HAND) == set(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_formula_over_many_epochs_at_once(name):
    hyperparameters, expected = BY_HAND[name]
    found = SCHEDULES[name](0.2, EPOCHS, **hyperparameters)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-17)
    singly = [SCHEDULES[name](0.2, float(t), **hyperparameters) for t in EPOCHS]
    np.testing.assert_allclose(singly, found, rtol=1e-15)


@pytest.mark.parametrize("name", SCHEDULES)
def test_per_epoch_all_steps_have_one_rate(name):
    hyperparameters, expected = BY_HAND[name]
    for epoch, rate in zip(EPOCHS, expected, strict=True):
        found = rates(trial(name, **hyperparameters), int(epoch), 3)
        assert found.dtype == np.float64
        assert len(set(found)) == 1
        np.testing.assert_allclose(found, [rate] * 3, rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize(
    ("name", "hyperparameters", "expected"),
    [  # the second epoch of four steps: t = 1, 1.25, 1.5, 1.75
        ("none", {}, [0.2, 0.2, 0.2, 0.2]),
        ("inverse_time", {"learning_rate_decay": 4.0}, [0.04, 0.2 / 6, 0.2 / 7, 0.025]),
        ("inverse_sqrt", {"learning_rate_decay": 12.0}, [0.2 / 13**0.5, 0.05, 0.2 / 19**0.5,
                                                         0.2 / 22**0.5]),
        ("exponential", {"decay_factor": 0.25, "decay_epochs": 0.5}, [0.0125, 0.00625, 0.003125,
                                                                      0.0015625]),
        ("staircase", {"decay_factor": 0.5, "decay_epochs": 0.5}, [0.05, 0.05, 0.025, 0.025]),
        ("cosine", {"decay_epochs": 1.5}, [0.05, 0.1 - 0.1 * 0.75**0.5, 0.0, 0.0]),
    ],
)  # fmt: skip
def test_per_step_the_rate_changes_within_the_epoch(name, hyperparameters, expected):
    found = rates(trial(name, **hyperparameters), 1, 4, "step")
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_warm_up_of_two_epochs_by_hand(per):
    cosine = trial("cosine", warmup=2.0, decay_epochs=4.0)
    np.testing.assert_allclose(rates(cosine, 0, 4, per), [0.025, 0.05, 0.075, 0.1], rtol=1e-12)
    np.testing.assert_allclose(rates(cosine, 1, 4, per), [0.125, 0.15, 0.175, 0.2], rtol=1e-12)
    lower = 0.1 + 0.1 * ROOT_HALF  # an eighth of a turn on
    first = {"epoch": [0.2, 0.2], "step": [0.2, lower]}[per]
    np.testing.assert_allclose(rates(cosine, 2, 2, per), first, rtol=1e-12)
    second = {"epoch": [0.1, 0.1], "step": [0.1, 0.2 - lower]}[per]
    np.testing.assert_allclose(rates(cosine, 3, 2, per), second, rtol=1e-12)


def test_a_warm_up_that_ends_within_an_epoch():
    stairs = trial("staircase", warmup=1.5, decay_factor=0.5, decay_epochs=0.25)
    rising = [0.2 * 5 / 6, 0.2]
    np.testing.assert_allclose(rates(stairs, 1, 4, "step"), [*rising, 0.2, 0.1], rtol=1e-12)
    # Per epoch the one in which the warm-up ends keeps the rate; the next is the first of t = 0.
    np.testing.assert_allclose(rates(stairs, 1, 4), [*rising, 0.2, 0.2], rtol=1e-12)
    np.testing.assert_allclose(rates(stairs, 2, 4), [0.2] * 4, rtol=1e-12)
    np.testing.assert_allclose(rates(stairs, 3, 4), [0.2 / 16] * 4, rtol=1e-12)


@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    per=st.sampled_from(["epoch", "step"]),
    steps=st.integers(1, 7),
    warmup=st.floats(0, 3) | st.integers(0, 3).map(float),
    alpha=st.floats(1e-6, 1e3),
    decay=st.floats(0, 10),
    factor=st.floats(1e-3, 1),
    length=st.floats(1e-2, 20),
)
@settings(max_examples=200, deadline=None)
def test_rates_rise_to_alpha_and_never_rise_again(
    name, per, steps, warmup, alpha, decay, factor, length
):
    values = trial(name, warmup, learning_rate_decay=decay, decay_factor=factor)
    values |= {"learning_rate": alpha, "decay_epochs": length}
    found = np.concatenate([rates(values, epoch, steps, per) for epoch in range(6)])
    ends = (np.arange(found.size) + 1) / steps
    rising = ends <= warmup
    np.testing.assert_allclose(found[rising], alpha * ends[rising] / (warmup or 1.0))
    assert (np.diff(found[~rising]) <= 1e-12 * alpha).all()
    # No jump at the joint: the first step behind the warm-up has at most a step's decay.
    assert math.isclose(found[~rising][0], alpha) or (per == "step" and (warmup * steps) % 1)
    assert found.min() >= 0
    assert found.max() <= alpha


def test_stairs_are_not_missed_by_rounding():
    # 0.3 / 0.1 is 2.9999999999999996 in float64.
    values = trial("staircase", decay_factor=0.5, decay_epochs=0.1)
    np.testing.assert_allclose(rates(values, 0, 10, "step"), 0.2 * 0.5 ** np.arange(10), rtol=1e-12)


def test_a_trial_that_says_nothing_keeps_its_rate_exactly():
    alpha = 0.1 + 0.2
    for epoch in (0, 1, 26):
        for per in ("epoch", "step"):
            found = rates({"learning_rate": alpha}, epoch, 5, per)
            np.testing.assert_array_equal(found, np.full(5, alpha))


def test_inverse_time_of_plain_numbers():
    assert inverse_time(0.2, 7, 0.0) == 0.2
    assert inverse_time(0.2, 0, 1.0) == 0.2
    assert inverse_time(0.2, 3, 1.0) == 0.05


@pytest.mark.parametrize("name", ["exponential", "staircase", "cosine"])
def test_a_length_near_nothing_ends_at_a_rate_of_nothing(name):
    values = trial(name, decay_factor=0.5, decay_epochs=1e-310)
    np.testing.assert_allclose(rates(values, 1, 2), [0.0, 0.0], atol=1e-15)


def test_a_warm_up_of_next_to_nothing_is_none():
    np.testing.assert_array_equal(rates(trial("none", warmup=1e-310), 0, 3), [0.2] * 3)


def test_hyperparameters_are_the_functions_arguments():
    for schedule in SCHEDULES.values():
        arguments = tuple(inspect.signature(schedule.function).parameters)
        assert arguments == ("alpha", "t", *schedule.hyperparameters)
        assert set(schedule.hyperparameters) <= set(DEFAULTS)


def test_what_is_trained_with_is_what_a_study_file_may_name():
    own = {name: schedule.hyperparameters for name, schedule in SCHEDULES.items()}
    assert own == tables.SCHEDULES


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "training.learning_rate: is needed to train, got none"),
        (
            {"learning_rate": 0.1, "schedule": "linear"},
            "training.schedule: must be one of none, inverse_time, exponential, staircase, "
            "inverse_sqrt, cosine, got 'linear'",
        ),
        (
            {"learning_rate": 0.1, "schedule": "cosine"},
            "training.decay_epochs: is needed to train, got none",
        ),
    ],
)
def test_what_is_missing_is_named(values, message):
    with pytest.raises(StudyError) as caught:
        rates(values, 0, 3)
    assert str(caught.value) == message
