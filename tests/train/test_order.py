"""The order of the examples."""

import numpy as np
import pytest

from caviar.errors import StudyError
from caviar.train.order import data_order, steps_per_epoch


def test_an_epoch_takes_distinct_examples_and_drops_the_last_partial_batch():
    order = data_order(0, 0, 4, 11)
    assert order.dtype == np.int32
    assert len(set(order.tolist())) == len(order) == 8
    assert set(order.tolist()) <= set(range(11))
    assert steps_per_epoch(11, 4) == 2


def test_the_order_follows_from_seed_epoch_and_batch_size_alone():
    order = data_order(1, 2, 4, 100)
    np.testing.assert_array_equal(order, data_order(1, 2, 4, 100))
    for other in ((0, 2, 4), (1, 0, 4), (1, 2, 5)):
        assert not np.array_equal(order[:96], data_order(*other, 100)[:96])


def test_a_batch_larger_than_the_training_part_is_refused():
    with pytest.raises(StudyError, match=r"training.batch_size: must be at most .* 11 .* got 12"):
        steps_per_epoch(11, 12)
    assert steps_per_epoch(11, 11) == 1


@pytest.mark.parametrize("batch_size", [1, 7, 40])
def test_a_share_is_the_same_examples_in_every_epoch_and_within_the_larger(batch_size):
    met = {}
    for share in (0.1, 0.25, 0.5):
        orders = [data_order(3, epoch, batch_size, 100, share) for epoch in range(5)]
        whole = len(data_order(3, 0, batch_size, 100))
        assert {len(order) for order in orders} == {whole}
        met[share] = set(np.concatenate(orders))
        assert len(met[share]) == round(100 * share)
        counts = np.unique(orders[0], return_counts=True)[1]
        assert counts.max() - counts.min() <= 1
        assert not np.array_equal(orders[0], orders[1])
    assert met[0.1] < met[0.25] < met[0.5]
    assert met[0.5] != set(data_order(4, 0, batch_size, 100, 0.5))


def test_the_whole_is_met_as_ever():
    np.testing.assert_array_equal(data_order(3, 2, 8, 50, 1.0), data_order(3, 2, 8, 50))
    assert set(data_order(3, 0, 5, 5, 0.01)) <= set(range(5))
