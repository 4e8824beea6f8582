"""Schedules by hand."""

from caviar.train.schedules import inverse_time


def test_inverse_time():
    assert inverse_time(0.2, 0.0, 7) == 0.2
    assert inverse_time(0.2, 1.0, 0) == 0.2
    assert inverse_time(0.2, 1.0, 3) == 0.05
