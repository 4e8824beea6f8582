"""The planted studies, run as a person runs them: one overfits, the other underfits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(400)]
CAVIAR = str(Path(sys.executable).with_name("caviar"))
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def diagnosed(ray_environment: dict[str, str], tmp_path: Path):
    """Runs an example to its end; returns what `caviar diagnose --json` says of it."""

    def run(name: str) -> dict[str, Any]:
        commands = (
            ["run", str(EXAMPLES / name), "--dir", str(tmp_path)],
            ["diagnose", str(tmp_path), "--json"],
        )
        for command in commands:
            done = subprocess.run(
                [CAVIAR, *command],
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
                env=ray_environment,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


def test_big_networks_on_few_examples_are_diagnosed_as_variance(diagnosed) -> None:
    told = diagnosed("overfit.toml")
    assert told["larger"] == "variance"
    assert told["about"].startswith("the winner")
    assert told["train_error"] < 0.02
    assert told["variance"]["value"] > 10 * told["variance"]["noise"]
    assert "overfitting" in {named["shape"] for named in told["shapes"]}
    assert told["recipe"][0]["title"] == "more data"


def test_softmax_regression_on_signals_is_diagnosed_as_bias(diagnosed) -> None:
    told = diagnosed("underfit.toml")
    assert told["larger"] == "bias"
    assert told["bias"]["value"] > 2 * told["variance"]["value"] > 0
    assert told["recipe"][0]["title"] == "a bigger network"
    assert "layers = " in told["recipe"][0]["patch"]
