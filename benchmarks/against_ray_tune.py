"""caviar against Ray Tune with Keras on the default study: the same job, everything included.

    python benchmarks/against_ray_tune.py [--trials 256] [--only SIDE] [--jit auto on off]

Both sides train digits networks (the study that `caviar run` runs: same data and cut, same search
space with its batch sizes, rungs 1, 3, 9 and 27, reduction factor 3) on slices of one CPU:

- caviar: `caviar run --trials N` as a command;
- ray-tune: `ray_tune_keras.py`, Ray Tune and Keras as people write them, see there; `--jit` says
  with which settings of Keras's XLA, and of several the fastest is compared.

Each side runs as a process of its own, from starting Python to its end: imports, Ray's start,
reading the data and every compilation included. It runs cold: in a home and cache directory that
are new and empty, so with no XLA cache and no prepared data; Python's own bytecode and the disk's
cache in memory are warm for both. A trial-epoch is one epoch of one trial, dev evaluation
included. caviar promotes, Tune's ASHA stops, so that the trial-epochs differ a little: both the
ratio of the seconds and that of the trial-epochs a second are told. Targets: 5 times faster; 256
trials of caviar within 100 s, 64 within 60 s.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caviar.study.journal import Journal

HERE = Path(__file__).resolve().parent
CAVIAR = (sys.executable, "-c", "from caviar.cli import main; main()")
WARM = ("TF_XLA_FLAGS", "XLA_FLAGS", "TFDS_DATA_DIR", "KERAS_HOME", "RAY_ADDRESS")
"""Variables that could point a cold run to something warm, or to another cluster."""


@dataclass(frozen=True)
class Result:
    """What one side came to.

    Attributes:
        name: of the side.
        seconds: of wall-clock time, all in all.
        start_s: seconds of it until the first trial began.
        trial_epochs: trained.
        accuracy: the best dev accuracy at any epoch it was compared at.
        reached: how many trials came to each rung.
    """

    name: str
    seconds: float
    start_s: float
    trial_epochs: int
    accuracy: float
    reached: str

    @property
    def pace(self) -> float:
        """Trial-epochs a second."""
        return self.trial_epochs / self.seconds


def cold_environment(home: Path) -> dict[str, str]:
    """This process's environment, with `home` (new and empty) for everything that is kept."""
    kept = {name: text for name, text in os.environ.items() if name not in WARM}
    cache = home / "cache"
    return kept | {"HOME": str(home), "XDG_CACHE_HOME": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3"}


def run_cold(command: Sequence[object], home: Path) -> float:
    """Runs a command to its end; the seconds it took. What it says is shown if it fails."""
    words = [str(word) for word in command]
    began = time.perf_counter()
    done = subprocess.run(
        words,
        env=cold_environment(home),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{done.stdout}\nfailed with status {done.returncode}: {' '.join(words)}")
    return took


def run_caviar(trials: int, seed: int, home: Path) -> Result:
    """The side that is ours."""
    study = home / "study"
    options = ["--trials", trials, "--seed", seed, "--dir", study]
    began = time.time()
    seconds = run_cold([*CAVIAR, "run", *options], home)
    with Journal.open(study) as journal:
        start_s = min(attempt.claimed_at for attempt in journal.attempts()) - began
    shown = subprocess.run(
        [*CAVIAR, "show", str(study), "--json"], capture_output=True, text=True, check=True
    )
    told: dict[str, Any] = json.loads(shown.stdout)
    reached = {rung["epoch"]: rung["reached"] for rung in told["rungs"]}
    accuracy = told["best"]["dev_accuracy"]
    return Result("caviar", seconds, start_s, told["trial_epochs"], accuracy, rungs(reached))


def run_ray_tune(trials: int, seed: int, jit: str, home: Path) -> Result:
    """The side of Ray Tune and Keras."""
    out = home / "result.json"
    options = ["--trials", trials, "--seed", seed, "--jit", jit, "--out", out]
    began = time.time()
    seconds = run_cold([sys.executable, HERE / "ray_tune_keras.py", *options], home)
    told: dict[str, Any] = json.loads(out.read_text())
    if told["failed"]:
        sys.exit(f"{told['failed']} trials failed on Ray Tune's side: {told}")
    name = f"ray-tune, jit {jit}"
    start_s, epochs = told["began"] - began, told["trial_epochs"]
    return Result(name, seconds, start_s, epochs, told["best_dev_accuracy"], rungs(told["reached"]))


def rungs(reached: dict[Any, int]) -> str:
    """Trials that came to each rung, as `256, 85, 28, 9`."""
    return ", ".join(map(str, reached.values()))


def print_result(result: Result) -> None:
    print(
        f"{result.name:20}{result.seconds:8.1f} s (first trial at {result.start_s:.1f} s)"
        f"{result.trial_epochs:6} trial-epochs"
        f"{result.pace:8.2f} /s   dev accuracy {result.accuracy:.4f}"
        f"   to the rungs {result.reached}",
        flush=True,
    )


def print_ratio(caviar: Result, others: Sequence[Result]) -> None:
    """How caviar compares with the fastest of the others."""
    fastest = min(others, key=lambda result: result.seconds)
    print(
        f"caviar takes {fastest.seconds / caviar.seconds:.2f} times less than {fastest.name}, "
        f"and trains {caviar.pace / fastest.pace:.2f} times the trial-epochs a second"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sides = ["caviar", "ray-tune"]
    parser.add_argument("--trials", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=sides, default=sides)
    parser.add_argument("--jit", nargs="+", choices=["auto", "on", "off"], default=["auto"])
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{options.trials} trials, seed {options.seed}, {os.cpu_count()} cores, load {load:.1f}")
    results: list[Result] = []
    runs = ["caviar"] * ("caviar" in options.only)
    runs += options.jit * ("ray-tune" in options.only)
    for run in runs:
        with tempfile.TemporaryDirectory() as home:
            if run == "caviar":
                results.append(run_caviar(options.trials, options.seed, Path(home)))
            else:
                results.append(run_ray_tune(options.trials, options.seed, run, Path(home)))
        print_result(results[-1])
    if len(options.only) == 2:
        print_ratio(results[0], results[1:])


if __name__ == "__main__":
    main()
