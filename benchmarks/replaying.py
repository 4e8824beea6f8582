"""A search replayed on a table of curves, in simulated time: the harness of `replay.py`.

    replay(make, read_table(path), seed=0, workers=1, budget=1020)   # regrets [budget]

A suggested point is answered by the nearest row not yet used; each epoch a worker trains takes one
unit of time and one of the budget. Everything here imports in no time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from curves import Floats, Table

BUDGET = 1020
"""Trial-epochs of a replay: twenty trainings of 51 epochs."""
SHARES = (0.1, 0.25, 0.5, 1.0)
"""Of the budget, where regrets are shown."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a free worker does: takes a trial on from where it is.

    Attributes:
        trial: any number of the method's own, the same for one trial.
        point: `[d]` in the unit cube; looked at when the trial is new.
        last_epoch: epochs it shall have behind it, at most those of the table.
    """

    trial: int
    point: Floats
    last_epoch: int


class Method(Protocol):
    """A searcher with whatever stops, pauses and promotes."""

    def ask(self) -> Job | None:
        """Work for a free worker, or None while it can only wait for others."""
        ...

    def tell(self, trial: int, epoch: int, loss: float) -> bool:
        """Takes the loss after an epoch; whether the job goes on.

        Told after the last epoch of a job too, and with inf where training diverged and is over;
        then the answer is of no account.
        """
        ...


Make = Callable[[Table, int, int, int], Method]
"""From table, seed, workers and budget to a fresh method."""


class Rows:
    """Answers points with rows of a table, each once; when all are used, all are free again."""

    def __init__(self, table: Table) -> None:
        self._points = table.points
        self._unused = np.ones(len(table.points), bool)

    def nearest(self, point: Floats) -> int:
        """The nearest unused row, which is used from now on."""
        if not self._unused.any():
            self._unused[:] = True
        distances = ((self._points - np.asarray(point)) ** 2).sum(axis=1)
        row = int(np.where(self._unused, distances, np.inf).argmin())
        self._unused[row] = False
        return row


@dataclass
class Replay:
    """One search at work.

    Attributes:
        rows: by trial, the row that answered it.
        epochs: by trial, how many it has behind it.
        regrets: after each trained epoch.
    """

    method: Method
    table: Table
    workers: int = 1
    budget: int = BUDGET
    rows: dict[int, int] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)
    regrets: list[float] = field(default_factory=list)

    def run(self) -> Floats:
        """Spends the budget; the regrets `[budget]`.

        A method that ends with less than a whole training a worker left has its last regret for
        the rest: it may know the budget, and begin nothing that it could not end.

        Raises:
            RuntimeError: nothing runs, and the method starts nothing with more left than that.
        """
        self._answer = Rows(self.table)
        self._incumbent = np.inf
        # Every epoch takes one unit of time: who began one first ends it first.
        self._running: deque[Job] = deque()
        idle = self._hand_out(self.workers)
        while len(self.regrets) < self.budget:
            if not self._running:
                return self._ended_early()
            job = self._running.popleft()
            if self._train(job):
                self._running.append(job)
            else:
                idle += 1
            idle = self._hand_out(idle)
        return np.array(self.regrets)

    def _ended_early(self) -> Floats:
        left = self.budget - len(self.regrets)
        if left >= self.table.epochs * self.workers or not self.regrets:
            raise RuntimeError(f"the method starts nothing, {left} of {self.budget} epochs left")
        return np.pad(self.regrets, (0, left), mode="edge")

    def _hand_out(self, idle: int) -> int:
        """Asks for work for the free workers; how many are left without."""
        while idle and len(self.regrets) < self.budget:
            job = self.method.ask()
            if job is None:
                break
            self._begin(job)
            self._running.append(job)
            idle -= 1
        return idle

    def _begin(self, job: Job) -> None:
        if job.trial not in self.rows:
            self.rows[job.trial] = self._answer.nearest(job.point)
            self.epochs[job.trial] = 0
        assert self.epochs[job.trial] < job.last_epoch <= self.table.epochs

    def _train(self, job: Job) -> bool:
        """One epoch of a job; whether there is more of it."""
        self.epochs[job.trial] += 1
        epoch = self.epochs[job.trial]
        loss = float(self.table.losses[self.rows[job.trial], epoch - 1])
        self._incumbent = min(self._incumbent, loss)
        self.regrets.append(self.table.regret(self._incumbent))
        goes_on = self.method.tell(job.trial, epoch, loss)
        return goes_on and math.isfinite(loss) and epoch < job.last_epoch


def replay(make: Make, table: Table, seed: int, workers: int = 1, budget: int = BUDGET) -> Floats:
    """The normalised regrets `[budget]` of a method after each trained epoch."""
    return Replay(make(table, seed, workers, budget), table, workers, budget).run()


def expected_random(table: Table, budget: int = BUDGET, draws: int = 2_000) -> float:
    """The regret that rows drawn by lot, each trained to its end, one worker, leave in the mean.

    Random search must come out near it: it differs only in that some rows are nearest to more
    points than others.
    """
    rng, regrets = np.random.default_rng(0), []
    lowest = np.minimum.accumulate(table.losses, axis=1)
    lengths = np.minimum(np.isfinite(table.losses).sum(axis=1) + 1, table.epochs)
    for _ in range(draws):
        order = rng.permutation(len(lengths))
        left = budget - np.concatenate([[0], lengths[order].cumsum()[:-1]])
        trained = np.clip(left, 0, lengths[order])
        ends = lowest[order[trained > 0], trained[trained > 0] - 1]
        regrets.append(table.regret(float(ends.min())))
    return float(np.mean(regrets))
