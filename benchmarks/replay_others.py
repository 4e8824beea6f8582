"""Other people's searches as methods of `replaying.py`, each driven through its own public code.

All get their points on the proper scales, rungs 1, 3, 9, ... with a reduction factor of 3, and
losses without NaN where that would harm them. Nothing of theirs is imported before it is asked for.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
from curves import Floats, Table
from replaying import Job, Make

ETA = 3


class RayAsha:
    """Ray Tune's `ASHAScheduler`, which stops, on uniform points; its controller is a stand-in."""

    def __init__(self, table: Table, seed: int, workers: int, budget: int) -> None:
        from ray.tune.schedulers import ASHAScheduler

        self._asha = ASHAScheduler(
            time_attr="training_iteration",
            metric="loss",
            mode="min",
            grace_period=1,
            reduction_factor=ETA,
            max_t=table.epochs,
        )
        self._rng = np.random.default_rng(seed)
        self._table = table
        self._trials: list[Any] = []

    def ask(self) -> Job:
        """A new point."""
        trial = SimpleNamespace(trial_id=str(len(self._trials)))
        self._trials.append(trial)
        self._asha.on_trial_add(None, trial)
        point = self._rng.random(self._table.dimensions)
        return Job(len(self._trials) - 1, point, self._table.epochs)

    def tell(self, trial: int, epoch: int, loss: float) -> bool:
        """What the scheduler says; of infinite losses its percentile would be NaN."""
        told = {"training_iteration": epoch, "loss": min(loss, 1e30)}
        return bool(self._asha.on_trial_result(None, self._trials[trial], told) != "STOP")


class Optuna:
    """Optuna's TPE sampler with a pruner, by ask and tell."""

    def __init__(self, table: Table, seed: int, pruner: Any) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna, self._table = optuna, table
        self._trials: list[Any] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is experimental, in their eyes
            sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(
            sampler=sampler,
            pruner=pruner,
            study_name=f"{table.name}-{seed}",  # Hyperband's brackets follow from it
        )

    def ask(self) -> Job:
        """The sampler's next point."""
        trial = self._study.ask()
        self._trials.append(trial)
        return Job(len(self._trials) - 1, self._point(trial), self._table.epochs)

    def tell(self, trial: int, epoch: int, loss: float) -> bool:
        """Reports; the trial is pruned, diverged or complete, or goes on."""
        told = self._trials[trial]
        told.report(loss if math.isfinite(loss) else math.nan, epoch)
        if told.should_prune() or math.isinf(loss):
            self._study.tell(told, state=self._optuna.trial.TrialState.PRUNED)
            return False
        if epoch == self._table.epochs:
            self._study.tell(told, loss)
        return True

    def _point(self, trial: Any) -> Floats:
        table = self._table
        columns = zip(table.names, table.scales, table.low, table.high, strict=True)
        values = [_suggested(trial, *column) for column in columns]
        domains = table.space.domains.values()
        return np.array([d.encode(value) for d, value in zip(domains, values, strict=True)])


def _suggested(trial: Any, name: str, scale: str, low: float, high: float) -> float:
    """A value on its scale: Optuna knows log, and 1 - beta on log."""
    if scale == "one_minus":
        value = 1 - trial.suggest_float(f"1 - {name}", 1 - high, 1 - low, log=True)
    else:
        value = trial.suggest_float(name, low, high, log=scale == "log")
    return float(np.clip(value, low, high))


def optuna_tpe_sh(table: Table, seed: int, workers: int, budget: int) -> Optuna:
    """TPE with `SuccessiveHalvingPruner`."""
    import optuna

    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=ETA)
    return Optuna(table, seed, pruner)


def optuna_tpe_hb(table: Table, seed: int, workers: int, budget: int) -> Optuna:
    """TPE with `HyperbandPruner`."""
    import optuna

    most = {"min_resource": 1, "max_resource": table.epochs}
    return Optuna(table, seed, optuna.pruners.HyperbandPruner(reduction_factor=ETA, **most))


class Syne:
    """Syne Tune's ASHA, which stops, with a searcher of its own in the unit cube."""

    def __init__(self, kind: str, table: Table, seed: int) -> None:
        from syne_tune import config_space  # type: ignore[import-not-found]
        from syne_tune.backend.trial_status import Trial  # type: ignore[import-not-found]
        from syne_tune.optimizer import baselines  # type: ignore[import-not-found]

        for name in ("syne_tune", "root"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._names = [f"x{place}" for place in range(table.dimensions)]
        self._table, self._trial_of, self._trials = table, Trial, []  # type: ignore[var-annotated]
        # Its searchers draw from the global generator, too, whatever seed they are given.
        np.random.seed(seed)
        self._scheduler = getattr(baselines, kind)(
            {name: config_space.uniform(0.0, 1.0) for name in self._names},
            metric="loss",
            time_attr="epoch",
            max_t=table.epochs,
            random_seed=seed,
            reduction_factor=ETA,
        )

    def ask(self) -> Job:
        """The searcher's next point."""
        config = self._scheduler.suggest().config
        trial = self._trial_of(len(self._trials), config, None)
        self._trials.append(trial)
        self._scheduler.on_trial_add(trial)
        point = np.array([config[name] for name in self._names])
        return Job(trial.trial_id, point, self._table.epochs)

    def tell(self, trial: int, epoch: int, loss: float) -> bool:
        """What the scheduler says; its density estimate takes no infinite losses."""
        told = {"loss": min(loss, 1e30), "epoch": epoch}
        return bool(self._scheduler.on_trial_result(self._trials[trial], told) == "CONTINUE")


def syne_asha(table: Table, seed: int, workers: int, budget: int) -> Syne:
    """ASHA on uniform points."""
    return Syne("ASHA", table, seed)


def syne_bohb(table: Table, seed: int, workers: int, budget: int) -> Syne:
    """ASHA on points of a kernel density estimate."""
    return Syne("BOHB", table, seed)


NEEDS = {
    "ray-asha": ("ray",),
    "optuna-tpe-sh": ("optuna",),
    "optuna-tpe-hb": ("optuna",),
    "syne-asha": ("syne_tune",),
    "syne-bohb": ("syne_tune", "statsmodels"),
}
"""Packages that methods need."""

OTHERS: dict[str, Make] = {
    "ray-asha": RayAsha,
    "optuna-tpe-sh": optuna_tpe_sh,
    "optuna-tpe-hb": optuna_tpe_hb,
    "syne-asha": syne_asha,
    "syne-bohb": syne_bohb,
}
"""The methods of this module by name, factories `replaying.Make`."""


def lacking(name: str) -> str:
    """The package that a method lacks here, or nothing."""
    needed = NEEDS.get(name, ())
    return next((one for one in needed if importlib.util.find_spec(one) is None), "")
