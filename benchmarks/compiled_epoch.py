"""The compiled epoch on one core against Keras 3 `fit` on all cores, side by side in one run.

    python benchmarks/compiled_epoch.py [--only NAME,...] [--epochs N] [--repeats N] [--no-keras]

Prints for each problem: caviar's epoch (training and dev evaluation) at widths 1, 4, 8 and 16 with
the time of the first call, its share of the core's float32 matrix-product peak, Keras as people
write it and at the best of a sweep, and the ratios. Each Keras setting and each width runs in
a process of its own, in turns (caviar, Keras, caviar, ...), and the fastest epoch counts, so that
a passing load on the machine harms neither side. caviar's processes are pinned to one core.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

if str(Path(__file__).parent) not in sys.path:
    sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_networks import Setting, epoch_seconds, settings
from problems import Problem
from processes import answer, elsewhere, pin, seconds_of

PROBLEMS = (
    Problem("digits", 64, (64, 64), 10, 1_437, 64),
    Problem("digits-3", 64, (64, 64, 64), 10, 1_437, 64),
    Problem("signals", 40, (128, 128), 10, 4_000, 128),
    Problem("images", 784, (256, 128), 10, 20_000, 128),
)
TARGETS = {"digits": (30, 5), "signals": (15, 4), "images": (2.5, 1.4)}
"""Times Keras as people write it, and times Keras at its best; none for `digits-3`."""
WIDTHS = (1, 4, 8, 16)


def peak() -> dict[str, float]:
    """The fastest large float32 matrix products of one core, in GFLOP/s."""
    pin()
    import numpy as np
    import tensorflow as tf

    found = {"tf.matmul": 0.0, "XLA dot": 0.0, "NumPy": 0.0}
    compiled = tf.function(tf.matmul, jit_compile=True)
    for n in (512, 1024, 2048):
        a = tf.random.stateless_normal((n, n), (0, 1))
        b = a.numpy()
        calls = {
            "tf.matmul": lambda a=a: tf.matmul(a, a),
            "XLA dot": lambda a=a: compiled(a, a),
            "NumPy": lambda b=b: np.dot(b, b),
        }
        for name, call in calls.items():
            call()
            found[name] = max(found[name], 2 * n**3 / min(seconds_of(call, 8)) / 1e9)
    return found


def ours(problem: str, width: int, epochs: int) -> dict[str, Any]:
    """First call and the fastest epoch of one lane, in seconds, on one core."""
    pin()
    import numpy as np
    import tensorflow as tf

    from caviar.study.records import Signature, Trial
    from caviar.train.epoch import CompiledEpoch, EpochNumbers
    from caviar.train.feed import Resident
    from caviar.train.lanes import initial_state, number
    from caviar.train.order import data_order, random_key
    from caviar.train.recipe import Recipe

    asked = _problem(problem)
    signature = Signature(asked.units, asked.batch_size, "adam")
    recipe = Recipe.of(signature, asked.features, asked.classes)
    epoch = CompiledEpoch(recipe, Resident(asked.dataset()), width)
    numbers = EpochNumbers(
        {name: np.full(width, number({"epsilon": 1e-7}, name)) for name in recipe.numbers},
        np.full((epoch.steps, width), 0.003),
        np.tile(asked.units, (width, 1)),
        random_key(0, 0),
    )
    shape, trials = recipe.network.shape, (Trial(lane, (), {}) for lane in range(width))
    lanes = [initial_state(shape, recipe.optimizer, 0, trial) for trial in trials]
    state = tf.concat([epoch.layout.pack(lane) for lane in lanes], 0)

    def call(behind: int, steps: int | None = None) -> None:
        nonlocal state
        order = data_order(0, behind, asked.batch_size, asked.examples)
        state, _ = epoch(state, numbers, order, steps)

    first = seconds_of(lambda: call(0, 0))[0]
    seconds = [seconds_of(lambda n=n: call(n))[0] for n in range(epochs)]
    assert epoch.traces == 1
    return {"first_call_s": first, "epoch_s": min(seconds) / width}


def keras(problem: str, setting: dict[str, Any], epochs: int) -> dict[str, Any]:
    """The fastest epoch in seconds, on all cores."""
    return {"epoch_s": min(epoch_seconds(_problem(problem), Setting(**setting), epochs))}


def _problem(name: str) -> Problem:
    return next(problem for problem in PROBLEMS if problem.name == name)


def _fastest(results: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: min(result[key] for result in results) for key in results[0]}


def compare(problem: Problem, top: float, epochs: int, repeats: int, with_keras: bool) -> None:
    """Measures one problem in turns and prints its lines."""
    as_written, sweep = settings(problem.steps)
    runs: dict[Any, list[dict[str, Any]]] = {}
    for _ in range(repeats):
        for width in WIDTHS:
            found = elsewhere(__file__, "ours", problem=problem.name, width=width, epochs=epochs)
            runs.setdefault(width, []).append(found)
        for setting in (as_written, *sweep) if with_keras else ():
            n = max(epochs // 6, 5)
            found = elsewhere(
                __file__, "keras", problem=problem.name, setting=vars(setting), epochs=n
            )
            runs.setdefault(setting, []).append(found)
    fastest = {key: _fastest(results) for key, results in runs.items()}
    _print(problem, top, fastest, as_written, sweep if with_keras else [])


def _print(problem: Problem, top: float, fastest: dict, written: Setting, sweep: list) -> None:
    examples = f"{problem.examples} examples, batch {problem.batch_size}"
    print(f"\n{problem.name}: {problem.sizes}, {examples}")
    for width in WIDTHS:
        seconds, first = fastest[width]["epoch_s"], fastest[width]["first_call_s"]
        rate = problem.flops / seconds / 1e9
        print(
            f"  caviar, width {width:2}: {seconds * 1e3:7.2f} ms per lane-epoch,"
            f" {rate:4.0f} GFLOP/s ({rate / top:4.0%} of the peak), first call {first:.1f} s"
        )
    if not sweep:
        return
    for setting in (written, *sweep):
        print(f"  Keras, {setting}: {fastest[setting]['epoch_s'] * 1e3:.1f} ms")
    best = min(fastest[setting]["epoch_s"] for setting in sweep)
    alone = fastest[1]["epoch_s"]
    ratios = fastest[written]["epoch_s"] / alone, best / alone
    targets = TARGETS.get(problem.name, (0, 0))
    for name, ratio, target in zip(("as written", "best"), ratios, targets, strict=True):
        verdict = f" (target {target}: {'reached' if ratio >= target else 'MISSED'})"
        print(f"  width 1 against Keras {name}: {ratio:.1f} times{verdict if target else ''}")


def main() -> None:
    """Parses the command line and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(p.name for p in PROBLEMS))
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--no-keras", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        answer(options.child, {"peak": peak, "ours": ours, "keras": keras})
        return
    peaks = elsewhere(__file__, "peak")
    listed = ", ".join(f"{name} {rate:.0f}" for name, rate in peaks.items())
    print(f"float32 matrix-product peak of one core in GFLOP/s: {listed}", flush=True)
    for problem in PROBLEMS:
        if problem.name in options.only.split(","):
            top = max(peaks.values())
            compare(problem, top, options.epochs, options.repeats, not options.no_keras)


if __name__ == "__main__":
    main()
