"""The shapes of learning curves: made by hand, and what holds of any."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.report.curves import Shape, onset, shapes, shapes_of, still_falling
from caviar.report.levels import jitter, levels
from caviar.study.records import Measurement

N = np.arange(1, 41)
FALLING = 2.3 * 0.9**N
RESTING = 0.3 + 2.0 * 0.6**N
VALLEY = 0.3 + 0.001 * (N - 12) ** 2
"""Least in epoch 12."""


def names(train, dev, **more):
    epochs = range(1, len(np.atleast_1d(dev)) + 1)
    return [named.shape for named in shapes(epochs, train, dev, **more)]


def noisy(curve, spread, seed=0):
    return curve * np.exp(spread * np.random.default_rng(seed).standard_normal(len(curve)))


@pytest.mark.parametrize(
    ("train", "dev", "found"),
    [
        (FALLING, VALLEY, [Shape.OVERFITTING]),
        (FALLING, FALLING + 0.1, [Shape.IMPROVING]),
        (RESTING, RESTING, [Shape.PLATEAUED]),
        (RESTING, noisy(RESTING, 0.3), [Shape.STEP_VARIANCE, Shape.PLATEAUED]),
        (VALLEY, VALLEY, [Shape.UNSTABLE]),  # both rise: no overfitting
        (noisy(RESTING, 0.02), noisy(RESTING, 0.02), [Shape.PLATEAUED]),
    ],
)
def test_the_shapes_of_clear_curves(train, dev, found):
    assert names(train, dev) == found


def test_the_onset_is_where_dev_loss_was_least():
    (named,) = shapes(range(1, 41), FALLING, VALLEY)
    assert named.epoch == 12
    assert named.line.startswith("overfitting from epoch 12 on: dev loss turned up for good")
    assert "while train loss went on falling" in named.line


def test_the_onset_after_a_long_flat_stretch_is_its_end():
    dev = np.concatenate([np.linspace(2, 0.5, 6), np.full(20, 0.5), 0.5 + 0.05 * np.arange(1, 15)])
    dev[9] = 0.495  # least by a hair, long before it turned up
    turned = onset(FALLING, dev)
    assert turned is not None
    assert 22 <= turned <= 26


def test_noise_is_seldom_taken_for_a_shape():
    """Of 100 flat curves with noise hardly one overfits, still improves or is unstable."""
    rng, kinds = np.random.default_rng(0), []
    for _ in range(100):
        train, dev = RESTING * np.exp(rng.standard_normal((2, 40)) * [[0.05], [0.15]])
        kinds += names(train, dev)
    for shape in (Shape.OVERFITTING, Shape.IMPROVING, Shape.UNSTABLE):
        assert kinds.count(shape) <= 5


@pytest.mark.parametrize("seed", range(5))
def test_the_onset_is_found_through_noise(seed):
    turned = onset(noisy(FALLING, 0.05, seed), noisy(VALLEY, 0.05, seed + 9))
    assert turned is not None
    assert abs(turned - 11) <= 6


def test_a_hump_that_comes_down_again_is_no_overfitting():
    dev = 0.5 + 0.3 * np.exp(-(((N - 20) / 5) ** 2))
    assert onset(FALLING, dev) is None


def test_a_rise_within_the_last_epochs_may_be_an_accident():
    dev = np.concatenate([RESTING[:38], [0.5, 0.6]])
    assert onset(FALLING, dev) is None


def test_a_train_loss_that_is_as_low_as_it_gets_need_not_fall_on():
    train = np.where(N < 12, FALLING, 1e-5)
    (named,) = shapes(range(1, 41), train, VALLEY)
    assert named.shape == Shape.OVERFITTING
    assert "stayed as low" in named.line


def test_a_spike_is_named_with_its_epoch():
    train = RESTING.copy()
    train[[19, 29]] = 1.5
    named = shapes(range(1, 41), train, RESTING)[0]
    assert (named.shape, named.epoch) == (Shape.UNSTABLE, 20)
    assert named.line == (
        "unstable: train loss jumped from 0.3 to 1.5 in epoch 20, the first of 2 such jumps"
    )


def test_a_jump_far_below_the_first_loss_is_none():
    train = 2.3 * 0.6**N
    train[30] *= 20  # from 3e-7 to 6e-6
    assert Shape.UNSTABLE not in names(train, RESTING)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_exploded_and_the_rest_is_judged_alone(bad):
    train = FALLING.copy()
    train[30] = bad
    found = shapes(range(1, 41), train, VALLEY)
    assert [(named.shape, named.epoch) for named in found] == [
        (Shape.EXPLODED, 31),
        (Shape.OVERFITTING, 12),
    ]


def test_measurements_of_a_trial_that_diverged():
    curve = [Measurement(0, e, 2.3 * 0.9**e, 0.5, 2.3 * 0.9**e, 0.5, 0.1) for e in range(1, 9)]
    curve.append(Measurement(0, 9, 50.0, 0.1, math.nan, 0.1, 0.1, diverged=True))
    found = shapes_of(curve)
    assert [(n.shape, n.epoch) for n in found] == [(Shape.EXPLODED, 9), (Shape.IMPROVING, 8)]
    assert shapes_of([]) == ()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_epochs_say_little(count):
    loss = np.full(count, 0.5)
    assert names(loss, loss) == []
    assert onset(loss, loss) is None
    assert not still_falling(loss)


def test_two_epochs_may_be_improving():
    assert names([2.0, 1.0], [2.0, 1.0]) == [Shape.IMPROVING]
    assert still_falling([2.0, 1.0])
    assert not still_falling([2.0, 1.0, math.nan, 0.5][1:2])


def test_what_fell_before_the_last_quarter_has_come_to_rest():
    assert not still_falling([*np.linspace(2, 1, 30), *[1.0] * 10])
    assert still_falling(np.linspace(2, 1, 40))


def test_jitter_is_that_of_the_noise_not_of_the_trend():
    noise = np.random.default_rng(3).standard_normal(400) * 0.2
    trend = np.linspace(0, -3, 400)
    assert jitter(trend) < 1e-9
    assert jitter(trend + noise) == pytest.approx(0.2, rel=0.15)
    noise[100] += 50
    assert jitter(trend + noise) == pytest.approx(0.2, rel=0.15)
    assert jitter(noise[:4]) == 0.0


losses = st.one_of(
    st.floats(0, 1e6),
    st.floats(0, 10),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e-300, 1e300]),
)


@given(st.lists(st.tuples(losses, losses), max_size=90), st.booleans())
def test_any_curve_is_judged(pairs, diverged):
    train, dev = [one for one, _ in pairs], [other for _, other in pairs]
    end = len(pairs) + 1 if diverged else None
    found = shapes(range(1, len(pairs) + 1), train, dev, diverged=end)
    kinds = [named.shape for named in found]
    assert len(kinds) == len(set(kinds))
    assert len({Shape.OVERFITTING, Shape.IMPROVING, Shape.PLATEAUED} & set(kinds)) <= 1
    broke = diverged or not np.isfinite(np.array([train, dev], dtype=float)).all()
    assert (Shape.EXPLODED in kinds) == broke
    assert all(1 <= named.epoch <= len(pairs) + 1 for named in found)
    assert all("nan" not in n.line and "inf" not in n.line and "\n" not in n.line for n in found)


@given(st.lists(st.floats(1e-3, 10), min_size=1, max_size=60), st.floats(0.1, 10))
def test_levels_tell_ratios(found, factor):
    """Times a factor, all levels shift alike, as long as the first loss is no giant."""
    before = levels(np.array(found) / 100)
    after = levels(np.array(found) / 100 * factor)
    assert after - before == pytest.approx(np.full(len(found), math.log(factor)), abs=1e-6)


@given(st.lists(st.floats(0.5, 1.0), min_size=20, max_size=60))
def test_what_falls_all_the_way_does_not_overfit(factors):
    falling = 2.0 * np.cumprod(factors)
    kinds = names(falling, falling)
    assert Shape.OVERFITTING not in kinds
    assert Shape.UNSTABLE not in kinds
