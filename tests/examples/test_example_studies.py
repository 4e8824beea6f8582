"""The example studies parse, say how to run them, and show what they say they show."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from caviar.search.quasi_random import Sobol
from caviar.study.records import Value
from caviar.study.spec import StudySpec

EXAMPLES = Path(__file__).parents[2] / "examples"
STUDIES = sorted(path.name for path in EXAMPLES.glob("*.toml"))


def trials(name: str) -> list[dict[str, Value]]:
    """The hyperparameters of the study's trials."""
    spec = StudySpec.load(EXAMPLES / name)
    searcher = Sobol(len(spec.space.names), spec.seed)
    points = [searcher.point(index) for index in range(spec.search.trials)]
    return [dict(spec.space.decode(point)) for point in points]


def test_they_are_all_there() -> None:
    assert {
        "softmax_regression.toml",
        "batch_norm.toml",
        "dropout_or_l2.toml",
        "optimizers.toml",
        "fashion_mnist.toml",
        "fashion_mnist_best.toml",
        "csv.toml",
        "signals1d.toml",
        "edge.toml",
    } <= set(STUDIES)


@pytest.mark.parametrize("name", STUDIES)
def test_it_parses_and_says_how_to_run_it(name: str) -> None:
    path = EXAMPLES / name
    assert StudySpec.load(path).search.trials >= 1
    comment = path.read_text().split("\n\n")[0]
    assert all(line.startswith("#") for line in comment.splitlines())
    assert f"caviar run examples/{name}" in comment


def test_softmax_regression_has_no_hidden_layer() -> None:
    assert {trial["layers"] for trial in trials("softmax_regression.toml")} == {0}


def test_batch_norm_is_half_on_and_half_off() -> None:
    found = trials("batch_norm.toml")
    on = [trial for trial in found if trial["batch_norm"]]
    assert abs(len(on) - len(found) / 2) <= 1
    assert all(("batch_norm_momentum" in trial) == trial["batch_norm"] for trial in found)


def test_dropout_meets_each_l2_once() -> None:
    pairs = {(trial["keep_prob"], trial["l2"]) for trial in trials("dropout_or_l2.toml")}
    assert len(pairs) == 16
    assert (1.0, 0.0) in pairs


def test_optimizers_trials_have_what_their_optimizer_reads() -> None:
    found = trials("optimizers.toml")
    assert {trial["optimizer"] for trial in found} == {
        "sgd",
        "momentum",
        "nesterov",
        "rmsprop",
        "adam",
        "adamw",
    }
    for trial in found:
        optimizer, schedule = trial["optimizer"], trial["schedule"]
        assert ("momentum" in trial) == (optimizer in {"momentum", "nesterov"})
        assert ("beta_1" in trial) == (optimizer in {"adam", "adamw"})
        assert ("beta_2" in trial) == (optimizer in {"rmsprop", "adam", "adamw"})
        assert ("weight_decay" in trial) == (optimizer == "adamw")
        assert ("clip_norm" in trial) == (optimizer in {"sgd", "momentum"})
        assert ("learning_rate_decay" in trial) == (schedule == "inverse_time")
        assert ("decay_factor" in trial) == (schedule == "exponential")
        assert ("warmup_epochs" in trial) == (schedule in {"exponential", "cosine"})


def test_fashion_mnist_is_what_the_lectures_ask_for() -> None:
    spec = StudySpec.load(EXAMPLES / "fashion_mnist.toml")
    assert (spec.search.trials, spec.search.max_epochs) == (16, 9)
    assert {trial["layers"] for trial in trials("fashion_mnist.toml")} == {3}


def test_measurements_are_what_their_script_writes(example, tmp_path: Path) -> None:
    script = example("make_measurements")
    script.write(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (EXAMPLES / "measurements.csv").read_bytes()


def test_measurements_have_words_numbers_and_gaps(example) -> None:
    rows = np.array(example("make_measurements").rows())
    assert rows.shape == (400, 8)
    assert 5 < (rows == "").sum() < 60
    assert set(rows[:, -1]) == {"amber", "birch", "cedar"}
    assert all(re.fullmatch(r"|\d+\.\d+", cell) for cell in rows[:, 3:7].flat)
