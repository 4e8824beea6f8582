"""Yardsticks as methods of `replaying.py`: random search, and a zoom as plain as one can be."""

from __future__ import annotations

import math

import numpy as np
from curves import Floats, Table
from replaying import Job

ETA = 3


def rungs_of(epochs: int) -> tuple[int, ...]:
    """1, 3, 9, ... and last `epochs`."""
    rungs = [1]
    while rungs[-1] * ETA < epochs:
        rungs.append(rungs[-1] * ETA)
    return (*rungs, epochs) if epochs > 1 else (1,)


class Random:
    """Uniform points, each trained to the end."""

    def __init__(self, table: Table, seed: int, workers: int, budget: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._table = table
        self._trials = 0

    def ask(self) -> Job:
        """A new point."""
        self._trials += 1
        point = self._rng.random(self._table.dimensions)
        return Job(self._trials - 1, point, self._table.epochs)

    def tell(self, trial: int, epoch: int, loss: float) -> bool:
        """Nothing is learnt and nothing stopped."""
        return True


class SimpleZoom:
    """A Gaussian around the best tenth, its width from their spread.

    A fifth of the points, and all until there is a tenth of `LEAST`, come from the whole cube.
    Whoever is of the best third of a rung goes on to the next.
    """

    WHOLE, ELITE, LEAST = 0.2, 0.1, 3

    def __init__(self, table: Table, seed: int, workers: int, budget: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._rungs, self._dimensions = rungs_of(table.epochs), table.dimensions
        self._points: list[Floats] = []
        self._arrived: list[dict[int, float]] = [{} for _ in self._rungs]
        """By rung, the loss of each trial that came to it."""
        self._promoted: list[set[int]] = [set() for _ in self._rungs]

    def ask(self) -> Job:
        """A promotion from the highest rung that has one, else a new point."""
        for rung in reversed(range(len(self._rungs) - 1)):
            trial = self._promotable(rung)
            if trial is not None:
                self._promoted[rung].add(trial)
                return Job(trial, self._points[trial], self._rungs[rung + 1])
        self._points.append(self._point())
        return Job(len(self._points) - 1, self._points[-1], self._rungs[0])

    def tell(self, trial: int, epoch: int, loss: float) -> bool:
        """Keeps what was found at rungs; a diverged trial stays in the last it was running for."""
        if epoch in self._rungs:
            self._arrived[self._rungs.index(epoch)][trial] = loss
        return True

    def _promotable(self, rung: int) -> int | None:
        arrived = self._arrived[rung]
        best = sorted(arrived, key=lambda trial: arrived[trial])[: len(arrived) // ETA]
        waiting = (t for t in best if t not in self._promoted[rung] and math.isfinite(arrived[t]))
        return next(waiting, None)

    def _point(self) -> Floats:
        elites = self._elites()
        if len(elites) < self.LEAST or self._rng.random() < self.WHOLE:
            return self._rng.random(self._dimensions)
        found = np.array([self._points[trial] for trial in elites])
        point = self._rng.normal(found.mean(axis=0), found.std(axis=0))
        return np.asarray(np.clip(point, 0.0, 1.0))

    def _elites(self) -> list[int]:
        """The best tenth of the trials, by the highest rung reached, then by the loss there."""
        ranked: dict[int, None] = {}
        for arrived in reversed(self._arrived):
            ranked |= dict.fromkeys(sorted(arrived, key=lambda trial: arrived[trial]))
        return list(ranked)[: round(self.ELITE * len(ranked))]
