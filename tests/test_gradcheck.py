"""`caviar gradcheck`: the example studies' gradients are right, a planted wrong one is caught."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from caviar.data.dataset import Dataset, Part
from caviar.nn.gradient_check import Verdict
from caviar.search.factory import some_trials
from caviar.study.spec import StudySpec
from caviar.train.gradcheck import check_study
from caviar.tuning.preparation import prepare

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.toml"))
EVERYTHING = """
[network]
layers = 2
units = [12, 9]
activation = "%s"
batch_norm = %s
[regularization]
l2 = 0.01
l1 = 0.001
label_smoothing = 0.1
keep_prob = 0.5
max_norm = 1.0
[augmentation]
noise = 0.1
[training]
batch_size = 32
clip_norm = 0.1
precision = "bfloat16"
[data]
class_weights = { 0 = 3.0, 1 = 0.5 }
"""


def images_of(spec):
    """Made-up images in place of those that would have to be downloaded."""
    rng = np.random.default_rng(0)
    part = Part(rng.integers(0, 256, (64, 784), np.uint8), rng.integers(0, 10, 64).astype(np.int32))
    ones = np.full(784, 70.0, np.float32)
    names = tuple(map(str, range(10)))
    shape = (28, 28, 1)
    return Dataset(spec.data.name, "1.0.0", names, shape, part, part, None, ones, ones, "")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_study_is_right_and_a_planted_fault_is_caught(path):
    spec = StudySpec.load(path)
    online = spec.data.name == "fashion_mnist"
    data = images_of(spec) if online else prepare(spec).training
    trials = some_trials(spec, most=2)
    for plant in (False, True):
        for checked in check_study(spec, data, trials, plant=plant, per_array=8):
            assert checked.check.passed is not plant, checked
            assert (checked.check.relative < 1e-7) is not plant


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "sigmoid", "gelu"])
@pytest.mark.parametrize("batch_norm", ["true", "false"])
def test_everything_that_is_in_the_cost_is_right(activation, batch_norm):
    """Every activation, penalties, smoothing and class weights; what draws is named."""
    spec = StudySpec.parse(EVERYTHING % (activation, batch_norm))
    data = prepare(spec).training
    (checked,) = check_study(spec, data, some_trials(spec), per_array=12)
    assert checked.check.verdict is Verdict.RIGHT, checked.check
    assert checked.off == ("keep_prob", "noise")
    (broken,) = check_study(spec, data, some_trials(spec), plant=True, per_array=12)
    wrong = {(a.layer, a.name) for a in broken.check.arrays if a.verdict is not Verdict.RIGHT}
    assert wrong == {broken.broken}


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--break",), 1)])
def test_the_command_says_so_and_its_status_too(options, status):
    study = Path(__file__).parents[1] / "examples" / "softmax_regression.toml"
    command = [sys.executable, "-m", "caviar", "gradcheck", str(study), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == status, done.stderr
    assert done.stderr == ""
    last = done.stdout.splitlines()[-1]
    assert ("NOT right" if status else ": right") in last
    assert "output w" in done.stdout
