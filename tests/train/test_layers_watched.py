"""What is watched of a lane: its own layers, and nothing said of numbers that are none."""

import math

import numpy as np

from caviar.train.watching import every_watched, watch_of


def test_padded_layers_are_left_out_and_the_output_stays_last():
    norms = np.array([1.0, 2.0, 0.0, 4.0])
    watch = watch_of(2, norms, 10 * norms, np.array([0.1, 0.2, 1.0]))
    assert watch.gradient_norm == (1.0, 2.0, 4.0)
    assert watch.weight_norm == (10.0, 20.0, 40.0)
    assert watch.idle == (0.1, 0.2)


def test_of_weights_that_are_not_finite_no_share_is_told():
    weights = np.array([math.nan, 2.0, math.inf, 1.0])
    watch = watch_of(3, weights, weights, np.zeros(3))
    assert [math.isnan(share) for share in watch.idle] == [True, False, True]


def test_watched_steps_are_counted():
    import tensorflow as tf

    counts = [int(every_watched(tf.constant(n))) for n in (0, 1, 16, 17, 32, 33)]
    assert counts == [1, 1, 1, 2, 2, 3]
