"""The benchmark scripts still start, and their tiny runs print figures that can be so."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

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
