"""What watching the layers costs: the compiled epoch with and without it, in turns.

    python benchmarks/watching.py [--only digits images] [--seconds 60] [--repeats 3] [--width 1]

Three copies of an epoch, each compiled of its own, train the same made-up trials in one process on
one core, epoch by epoch in turns whose order goes round: one as it is; one without the norms of
gradients and weights and the search for idle units, in the step, in the dev evaluation and on the
host; and one more as it is, the control: what it differs by is noise. `--repeats` processes of
`--seconds` each measure a problem, since a copy can be lucky with where its code and state lie.

Prints the fastest and the median epoch of each copy, and what watching adds to both: the median
over the processes. Where the control is off by more than 1 %, the figures say nothing. Target: less
than 5 %.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from problems import Problem
from processes import answer, conditions, elsewhere, pin, seconds_of

PROBLEMS = (
    Problem("digits", 64, (64, 64, 64), 10, 1_437, 64),
    Problem("images", 784, (256, 128), 10, 20_000, 128),
)
WATCHED, BLIND, CONTROL = "watched", "not watched", "control"
TARGET, NOISE = 0.05, 0.01


@contextmanager
def blind() -> Iterator[None]:
    """Nothing is watched in what is traced and run meanwhile."""
    import tensorflow as tf

    from caviar.train.evaluation import Evaluation

    def square_norms(layers: Any, watched: Any, before: Any) -> Any:
        if before is not None:
            return before
        first = layers[0]["w"]
        return tf.zeros((*first.shape[:-2], len(layers)), first.dtype)

    def idle(self: Evaluation, a: Any, weight: Any) -> Any:
        return tf.zeros((*a.shape[:-2], a.shape[-1]), tf.bool)

    with ExitStack() as patches:
        patches.enter_context(mock.patch("caviar.train.epoch.square_norms", square_norms))
        patches.enter_context(mock.patch.object(Evaluation, "_idle", idle))
        patches.enter_context(mock.patch("caviar.train.group.watch_of", return_value=None))
        yield


class Copy:
    """An epoch compiled of its own, with trials in training."""

    def __init__(self, problem: Problem, feed: Any, width: int, watched: bool) -> None:
        """Compiles it."""
        from caviar.study.records import Lane, Signature, Trial
        from caviar.train.epoch import CompiledEpoch
        from caviar.train.group import Course, Group
        from caviar.train.recipe import Recipe

        signature = Signature(problem.units, problem.batch_size, "adam")
        recipe = Recipe.of(signature, problem.features, problem.classes)
        units = {f"units_{place + 1}": count for place, count in enumerate(problem.units)}
        values = {"layers": len(problem.units), **units, "learning_rate": 1e-3}
        lanes = [Lane(Trial(lane, (), values)) for lane in range(width)]
        epoch = CompiledEpoch(recipe, feed, width)
        self._group = Group.begin(epoch, lanes, signature, Course(0, {}))
        self._problem, self._watched, self._behind = problem, watched, 0
        self.seconds: list[float] = []
        self.train()
        self.seconds.clear()

    def train(self) -> None:
        """Trains another epoch and takes its time."""
        from caviar.train.order import data_order

        order = data_order(0, self._behind, self._problem.batch_size, self._problem.examples)
        with ExitStack() as stack:
            if not self._watched:
                stack.enter_context(blind())
            self.seconds += seconds_of(lambda: self._group.run(order, self._behind))
        self._behind += 1


def measure(problem: str, seconds: float, width: int) -> dict[str, list[float]]:
    """The fastest and the median epoch of each copy, in seconds."""
    pin()
    from caviar.train.feed import Resident

    asked = next(one for one in PROBLEMS if one.name == problem)
    feed = Resident(asked.dataset())
    names = (WATCHED, BLIND, CONTROL)
    copies = {name: Copy(asked, feed, width, name != BLIND) for name in names}
    end, turn = time.perf_counter() + seconds, 0
    while time.perf_counter() < end or turn < len(names):
        for place in range(len(names)):
            copies[names[(turn + place) % len(names)]].train()
        turn += 1
    return {name: [min(copy.seconds), median(copy.seconds), turn] for name, copy in copies.items()}


def compare(problem: Problem, seconds: float, repeats: int, width: int) -> None:
    """Measures a problem in several processes and prints what watching adds."""
    print(f"\n{problem.name}: {problem.sizes}, batch {problem.batch_size}, width {width}")
    added: dict[str, list[list[float]]] = {WATCHED: [], CONTROL: []}
    for _ in range(repeats):
        found = elsewhere(__file__, "measure", problem=problem.name, seconds=seconds, width=width)
        told = [
            f"{name} {1e3 * least:.3f} / {1e3 * middle:.3f}"
            for name, (least, middle, _) in found.items()
        ]
        turns = int(found[WATCHED][2])
        print(f"  fastest / median ms of {turns:,} epochs: {', '.join(told)}", flush=True)
        for name, other in ((WATCHED, BLIND), (CONTROL, WATCHED)):
            pairs = zip(found[name][:2], found[other][:2], strict=True)
            added[name].append([one / base - 1 for one, base in pairs])
    for place, which in enumerate(("fastest", "median")):
        cost, noise = (median(one[place] for one in added[name]) for name in (WATCHED, CONTROL))
        verdict = "reached" if cost < TARGET else "MISSED"
        verdict = verdict if abs(noise) <= NOISE else "too noisy to tell"
        print(f"  {which:7}: watching adds {cost:+.1%}, the control {noise:+.1%}", end="")
        print(f" (target {TARGET:.0%}: {verdict})")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [problem.name for problem in PROBLEMS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--seconds", type=float, default=60, help="of each process")
    parser.add_argument("--repeats", type=int, default=3, help="processes a problem")
    parser.add_argument("--width", type=int, default=1, help="lanes in a call")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        answer(options.child, {"measure": measure})
        return
    print(conditions())
    for problem in PROBLEMS:
        if problem.name in options.only:
            compare(problem, options.seconds, options.repeats, options.width)


if __name__ == "__main__":
    main()
