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
