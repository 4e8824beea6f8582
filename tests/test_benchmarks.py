"""The benchmark scripts still start, and their tiny runs print figures that can be so."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def run(script: str, *options: str, timeout: float = 100, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script as a module, with its neighbours importable."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def figure(out: str, pattern: str) -> float:
    found = re.search(pattern, out)
    assert found, out
    return float(found[1].replace(",", ""))


def test_the_readme_names_every_script_and_no_other() -> None:
    named = set(re.findall(r"`(\w+\.py)`", (BENCHMARKS / "README.md").read_text()))
    assert named == {path.name for path in BENCHMARKS.glob("*.py")}


@pytest.mark.parametrize(
    "script", ["no_op.py", "against_ray_tune.py", "decisions.py", "journal.py"]
)
def test_help_tells_what_is_measured(script: str) -> None:
    out = run(script, "--help")
    assert f"python benchmarks/{script}" in out
    assert "--trials" in out


@pytest.mark.parametrize("script", ["fashion_mnist.py", "feeding.py", "watching.py", "bfloat16.py"])
def test_help_of_training_tells_the_command(script: str) -> None:
    out = run(script, "--help")
    assert f"python benchmarks/{script}" in out
    assert "--repeats" in out
    assert "--child" not in out


def test_a_kept_data_set_is_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    problems = load("problems", monkeypatch)
    data = problems.Problem("small", 5, (4,), 3, 40, 8).dataset()
    problems.keep(data, tmp_path)
    again = problems.kept(tmp_path)
    for part in ("train", "dev"):
        np.testing.assert_array_equal(getattr(again, part).x, getattr(data, part).x)
        np.testing.assert_array_equal(getattr(again, part).y, getattr(data, part).y)
    assert (again.features, again.classes, again.test) == (5, 3, None)


def test_flops_are_those_of_the_products(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = load("problems", monkeypatch).Problem("small", 5, (4,), 3, 43, 8)
    trained = 40 * 2 * (2 * 5 * 4 + 3 * 4 * 3)  # the inputs need no gradient
    assert problem.flops == trained + 10 * 2 * (5 * 4 + 4 * 3)


def test_both_sides_train_the_same_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    values = load("fashion_mnist", monkeypatch).values
    assert values(0, 4) == values(0, 4)
    assert len({trial["learning_rate"] for process in (0, 1) for trial in values(process, 4)}) == 8
    for trial in values(1, 50):
        assert 10**-3.5 <= trial["learning_rate"] <= 10**-2
        assert 0.8 <= trial["beta_1"] <= 0.99


CHILD = """
import sys
from processes import answer, wait_for_start

def double(number):
    wait_for_start()
    return 2 * number

def fail():
    raise ValueError("a child's own words")

answer(sys.argv[2], {"double": double, "fail": fail})
"""


def test_children_answer_side_by_side(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    processes, script = load("processes", monkeypatch), tmp_path / "script.py"
    script.write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(BENCHMARKS))
    monkeypatch.setenv("XLA_FLAGS", "--nonsense")
    assert processes.side_by_side(script, "double", [{"number": 2}, {"number": 5}]) == [4, 10]
    with pytest.raises(SystemExit, match="a child's own words"):
        processes.elsewhere(script, "fail")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_watching_is_measured_against_a_blind_copy() -> None:
    out = run("watching.py", "--only", "digits", "--seconds", "1", "--repeats", "1", timeout=280)
    assert figure(out, r"median ms of ([\d,]+) epochs") >= 3
    assert len(re.findall(r"watching adds [+-]", out)) == 2


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_blind_watches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from caviar.train.feed import Resident

    watching = load("watching", monkeypatch)
    problem = watching.Problem("small", 5, (4,), 3, 40, 8)
    feed, order = Resident(problem.dataset()), np.arange(40, dtype=np.int32)
    copies = (watching.Copy(problem, feed, 1, watched) for watched in (True, False))
    seeing, blind = (copy._group.run(order, 1)[0] for copy in copies)
    assert min(seeing.watch.gradient_norm + seeing.watch.weight_norm) > 0
    assert set(blind.watch.gradient_norm + blind.watch.weight_norm + blind.watch.idle) == {0.0}
    assert blind.dev_loss == pytest.approx(seeing.dev_loss, rel=1e-4)


def test_no_op_worker_trains_what_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    from caviar.study.records import Claim, Lane, Signature, Trial

    worker = load("no_op_worker", monkeypatch).NoOpWorker(size=7)
    lanes = tuple(Lane(Trial(index, (), {}), epoch=1, checkpoint=b"") for index in (4, 9))
    signature = Signature((16,), 32, "adam")
    progress = list(worker.train(Claim(1, 1, lanes, 3, signature, 1, 0), width=1))
    assert [step.done for step in progress] == [False, True]
    assert [(m.trial, m.epoch) for step in progress for m in step.measurements] == [
        (4, 2),
        (9, 2),
        (4, 3),
        (9, 3),
    ]
    assert progress[-1].checkpoints() == {4: (3, bytes(7)), 9: (3, bytes(7))}
    assert worker.warm == {signature}


def test_turns_are_told_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    from caviar.study.facts import Attempt

    claims = [("a", 1.0), ("b", 1.5), ("a", 3.0), ("b", 2.0), ("a", 3.5)]
    attempts = tuple(
        Attempt(number, 1, name, at, at, None, None, 1) for number, (name, at) in enumerate(claims)
    )
    no_op = load("no_op", monkeypatch)
    assert sorted(no_op.turn_times_s(attempts)) == [0.5, 0.5, 2.0]


def test_a_cold_run_inherits_nothing_warm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = load("against_ray_tune", monkeypatch)
    for name in script.WARM:
        monkeypatch.setenv(name, "/somewhere")
    environment = script.cold_environment(tmp_path)
    assert not set(script.WARM) & set(environment)
    assert {environment["HOME"], environment["XDG_CACHE_HOME"]} == {
        str(tmp_path),
        str(tmp_path / "cache"),
    }


@pytest.mark.ray
def test_no_op_runs_and_counts(tmp_path: Path) -> None:
    options = ("--trials", "30", "--stack", "1", "--max-epochs", "1", "--dir", str(tmp_path))
    out = run("no_op.py", *options, RAY_AUTH_MODE="disabled")
    assert figure(out, r"trial-epochs +([\d,]+),") == 30
    assert figure(out, r"checkpoints +([\d,]+) files") == 30
    assert figure(out, r"an assignment +[\d.]+ ms \((\d+) on") == 30
    assert 0 < figure(out, r"an assignment +([\d.]+) ms") < 1000
    memory = re.findall(r"^ +30((?: +[\d.]+){4})$", out, re.M)
    assert memory, out
    driver, broker, *_ = memory[-1].split()
    assert float(driver) > 50
    assert float(broker) > 50
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_both_sides_do_the_job() -> None:
    out = run("against_ray_tune.py", "--trials", "4", timeout=560, RAY_AUTH_MODE="disabled")
    sides = re.findall(r"^(caviar|ray-tune, jit auto) .*?(\d+) trial-epochs .*rungs 4, ", out, re.M)
    assert [name for name, _ in sides] == ["caviar", "ray-tune, jit auto"], out
    assert all(int(epochs) >= 4 + 2 + 6 + 18 for _, epochs in sides)
    assert figure(out, r"takes ([\d.]+) times less") > 0


def test_tune_searches_the_same_space() -> None:
    program = """
import json, ray_tune_keras as side
from caviar.study.spec import StudySpec
from ray.tune.search.sample import Domain
spec = StudySpec.default()
space = side.param_space(spec)
rows = []
for _ in range(200):
    drawn = {k: v.sample() if isinstance(v, Domain) else v for k, v in space.items()}
    rows.append({k: side.value(drawn, k) for k in (*spec.space.names, *spec.space.fixed)})
inside = all(d.contains(row[name]) for row in rows for name, d in spec.space.domains.items())
late = sum(row["beta_1"] > 0.99 for row in rows) / len(rows)
print(json.dumps({"inside": inside, "late": late, "units": len({r["units"] for r in rows})}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=BENCHMARKS,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["inside"]
    assert 0.35 < told["late"] < 0.65
    assert told["units"] > 30
