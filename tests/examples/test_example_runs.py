"""The example studies, run as a person runs them, show what their comments say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def run(told_of) -> Callable[[str], dict[str, Any]]:
    """Runs an example's search to its end; returns what `caviar show --json` says of it."""

    def run(name: str) -> dict[str, Any]:
        found = told_of("show", name, "--no-winner")
        assert found["status"] == "finished"
        assert found["counts"]["failed"] == 0
        return found

    return run


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("softmax_regression.toml", 0.94),
        ("csv.toml", 0.90),
        ("signals1d.toml", 0.66),
        ("optimizers.toml", 0.95),
    ],
)
def test_accuracy(run, name: str, least: float) -> None:
    assert run(name)["best"]["dev_accuracy"] >= least


def test_a_panda_explodes_is_rolled_back_and_recovers(run) -> None:
    found = run("panda.toml")
    days = found["diary"]
    assert len(days) == 20
    exploded = [day["day"] for day in days if day["verdict"] == "exploded"]
    assert exploded
    assert days[exploded[0]]["rolled_back"]
    assert days[exploded[0]]["from"] < exploded[0]
    assert days[-1]["dev_accuracy"] > 0.94
    assert found["best"]["dev_accuracy"] >= 0.95


def test_a_population_forgets_bad_beginnings(run) -> None:
    found = run("population.toml")
    assert len(found["diary"]) == 80
    assert any(day["copied_from"] is not None for day in found["diary"])
    first = [day["dev_accuracy"] or 0.0 for day in found["diary"] if day["day"] == 1]
    last = [day["dev_accuracy"] or 0.0 for day in found["diary"] if day["day"] == 10]
    assert min(first) < 0.6
    assert sorted(last)[len(last) // 2] > 0.95


def test_batch_norm_widens_the_range_of_learning_rates(run) -> None:
    def learned(trial: dict[str, Any]) -> bool:
        rate = trial["hyperparameters"]["learning_rate"]
        return 0.15 < rate < 0.95 and trial["state"] != "diverged" and trial["dev_accuracy"] > 0.7

    trials = run("batch_norm.toml")["trials"]
    with_it = [trial for trial in trials if trial["hyperparameters"]["batch_norm"]]
    without = [trial for trial in trials if not trial["hyperparameters"]["batch_norm"]]
    assert sum(map(learned, with_it)) >= 3
    assert sum(map(learned, without)) == 0
    assert max(trial["dev_accuracy"] for trial in without) > 0.93


def test_some_dropout_and_some_l2_beat_neither_and_too_much(run) -> None:
    loss = {
        (trial["hyperparameters"]["keep_prob"], trial["hyperparameters"]["l2"]): trial["dev_loss"]
        for trial in run("dropout_or_l2.toml")["trials"]
    }
    neither = loss[1.0, 0.0]
    assert neither == max(loss.values())
    assert loss[0.6, 0.0] < 0.7 * neither
    assert loss[1.0, 1e-2] < 0.7 * neither
    assert min(loss, key=loss.__getitem__) in {(0.6, 1e-2), (0.8, 1e-2), (0.6, 1e-3), (0.8, 1e-3)}
    assert min(value for (_, l2), value in loss.items() if l2 == 0.1) > 1.5
