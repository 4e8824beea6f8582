"""The planted studies, run as a person runs them: one overfits, the other underfits."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(400)]


def test_big_networks_on_few_examples_are_diagnosed_as_variance(told_of) -> None:
    told = told_of("diagnose", "overfit.toml")
    assert told["larger"] == "variance"
    assert told["about"].startswith("the winner")
    assert told["train_error"] < 0.02
    assert told["variance"]["value"] > 10 * told["variance"]["noise"]
    assert "overfitting" in {named["shape"] for named in told["shapes"]}
    assert told["recipe"][0]["title"] == "more data"


def test_softmax_regression_on_signals_is_diagnosed_as_bias(told_of) -> None:
    told = told_of("diagnose", "underfit.toml")
    assert told["larger"] == "bias"
    assert told["bias"]["value"] > 2 * told["variance"]["value"] > 0
    assert told["recipe"][0]["title"] == "a bigger network"
    assert "layers = " in told["recipe"][0]["patch"]
