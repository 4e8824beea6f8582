"""How a running study stands, as the broker tells it to whoever asks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from caviar.study.records import Measurement, Value
from caviar.tuning.answers import metrics_of


@dataclass(frozen=True)
class Status:
    """A study at a moment.

    Attributes:
        study: its name.
        finished: whether nothing is left to train.
        trouble: why it cannot go on, in one line, or "".
        counts: trials by state; those not drawn yet are waiting.
        rungs: of each rung its epoch, how many came to it, how many went on.
        trial_epochs: measurements that stand.
        trained_here: lane-epochs trained since this driver started.
        elapsed_s: seconds since a slice of this driver first asked for work.
        most_remaining: an upper bound of the lane-epochs still to come.
        best: the best trial's measurement so far, or None.
        best_hyperparameters: its configuration.
        slices: what each slice is at, by name.
        planned: how many slices there are to be.
        arrived: how many of them are ready or at work.
        starting: how many more have a place; the rest waits for one.
        metric: by which trials are compared.
        likely_remaining: the lane-epochs that are most likely still to come; None: unknown.
        clock_left_s: seconds until a budget of hours is spent; None without one.
        stage: "retraining" in the finals, else "".
        best_name: whose the best is: "trial 3"; in the finals "trial 20, retraining 2", for their
            trials have numbers of their own.
        paused: whether a person paused it: nothing is started.
        room: what the cluster lacks for slices that wait for a place, in words; "" if unknown.
        eta_s: seconds it still takes by the pace of late (`caviar.tuning.forecast`); None: unknown.
    """

    study: str
    finished: bool
    trouble: str
    counts: Mapping[str, int]
    rungs: tuple[tuple[int, int, int], ...]
    trial_epochs: int
    trained_here: int
    elapsed_s: float
    most_remaining: int
    best: Measurement | None
    best_hyperparameters: Mapping[str, Value]
    slices: Mapping[str, str] = field(default_factory=dict)
    planned: int = 0
    arrived: int = 0
    starting: int = 0
    metric: str = "dev_accuracy"
    likely_remaining: int | None = None
    clock_left_s: float | None = None
    stage: str = ""
    eta_s: float | None = None
    best_name: str = ""
    paused: bool = False
    room: str = ""

    @property
    def rate(self) -> float:
        """Trial-epochs a second since this driver's slices began."""
        return self.trained_here / self.elapsed_s if self.elapsed_s > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """The same as plain data, for whoever has no caviar: other jobs, a log, a web page."""
        best = self.best
        return {
            "study": self.study,
            "stage": self.stage,
            "finished": self.finished,
            "trouble": self.trouble,
            "counts": dict(self.counts),
            "rungs": [list(rung) for rung in self.rungs],
            "trial_epochs": self.trial_epochs,
            "trial_epochs_per_s": round(self.rate, 3),
            "elapsed_s": round(self.elapsed_s, 1),
            "eta_s": self.eta_s,
            "likely_remaining": self.likely_remaining,
            "metric": self.metric,
            "best": best
            and {
                "trial": best.trial,
                "epoch": best.epoch,
                **metrics_of(best),
                "hyperparameters": dict(self.best_hyperparameters),
            },
            "best_name": self.best_name,
            "paused": self.paused,
            "room": self.room,
            "slices": dict(self.slices),
            "planned": self.planned,
            "arrived": self.arrived,
            "starting": self.starting,
            "version": version("caviar"),
            "at": round(time.time(), 1),
        }
