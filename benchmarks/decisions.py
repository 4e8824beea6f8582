"""How long the caviar strategy takes to decide: milliseconds by the number of trials it knows.

    python benchmarks/decisions.py [--trials N] [--slices N]

Simulated slices train nothing; only the strategy's own time is taken, observing and replaying too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Collection, Iterable

import numpy as np

from caviar.search.caviar import CaviarStrategy
from caviar.search.factory import caviar_strategy
from caviar.search.simulate import Conditions, Simulation
from caviar.study.records import Assignment, Measurement, Signature
from caviar.study.spec import StudySpec


class Timed:
    """A strategy with a stop watch."""

    def __init__(self, strategy: CaviarStrategy) -> None:
        self.strategy = strategy
        self.decisions: list[tuple[int, float]] = []
        self.observing_s: list[float] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.strategy, name)

    def next_assignment(self, warm: Collection[Signature] = ()) -> Assignment | None:
        """The strategy's, timed."""
        began = time.perf_counter()
        assignment = self.strategy.next_assignment(warm)
        self.decisions.append((len(self.strategy.trials), time.perf_counter() - began))
        return assignment

    def observe(self, measurements: Iterable[Measurement]) -> None:
        """The strategy's, timed."""
        began = time.perf_counter()
        self.strategy.observe(measurements)
        self.observing_s.append(time.perf_counter() - began)


def row(name: str, seconds: list[float]) -> None:
    figures = [1e3 * q for q in (np.mean(seconds), *np.quantile(seconds, [0.5, 0.99, 1.0]))]
    print(f"{name:34} {len(seconds):7,}" + "".join(f"{figure:10.3f}" for figure in figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--slices", type=int, default=8)
    arguments = parser.parse_args()
    spec = StudySpec().override(trials=arguments.trials)
    for stack in ("auto", 1):
        given = spec.model_copy(
            update={"resources": spec.resources.model_copy(update={"stack": stack})}
        )
        measure(given, arguments.slices)


def measure(spec: StudySpec, slices: int) -> None:
    """One study, and the replay of its journal."""
    timed = Timed(caviar_strategy(spec, slices=slices))
    simulation = Simulation(
        lambda: timed,
        lambda values, epoch: 0.9 - abs(float(values["beta_1"]) - 0.95) / epoch,
        Conditions(slices=slices, lane_epoch_s=0.01),
    )
    began = time.perf_counter()
    outcome = simulation.run()
    took = time.perf_counter() - began
    print(f"{spec.search.trials:,} trials, {slices} slices, stack {spec.resources.stack}")
    print(f"{'milliseconds':34} {'calls':>7}{'mean':>10}{'median':>10}{'99 %':>10}{'most':>10}")
    row("decision", [seconds for _, seconds in timed.decisions])
    late = [seconds for known, seconds in timed.decisions if known >= 0.9 * spec.search.trials]
    row("decision, over 90 % drawn", late)
    row("observing a measurement", timed.observing_s)
    began = time.perf_counter()
    caviar_strategy(spec, slices=slices).replay(outcome.entries)
    replayed = time.perf_counter() - began
    entries = len(outcome.entries)
    print(f"whole study in {took:.2f} s, replay of {entries:,} entries {replayed:.2f} s\n")


if __name__ == "__main__":
    main()
