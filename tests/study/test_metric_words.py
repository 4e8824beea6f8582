"""Metrics in words: one way to write them."""

import pytest

from caviar.study.metric_words import (
    difference,
    difference_span,
    metric_name,
    metric_value,
    percent,
    span,
)


@pytest.mark.parametrize(
    ("metric", "value", "told"),
    [
        ("dev_accuracy", 0.97214, "97.21 %"),
        ("dev_accuracy", None, "unknown"),
        ("dev_loss", 0.123456, "0.1235"),
        ("dev_loss", 0.000123456, "0.0001235"),
        ("train_loss", 3.2e12, "3.2e+12"),
        ("train_loss", 0.0, "0"),
    ],
)
def test_a_value(metric, value, told):
    assert metric_value(metric, value) == told


def test_a_share_that_is_unknown():
    assert percent(None) == "unknown"


def test_an_interval():
    assert span("dev_accuracy", {"low": 0.9, "high": 1.0}) == "90.00 % to 100.00 %"
    assert span("dev_loss", {"low": None, "high": None}) == ""


def test_differences_are_points_or_nats():
    assert difference("dev_accuracy", -0.0241) == "-2.41 points"
    assert difference("dev_loss", 0.0241) == "0.0241 nats"
    assert difference_span("dev_accuracy", -0.002, 0.01) == "-0.20 to 1.00 points"


def test_a_name():
    assert metric_name("dev_accuracy") == "dev accuracy"
