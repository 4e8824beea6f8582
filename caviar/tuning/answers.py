"""What any job of the cluster may ask a study's broker: plain data, at a bounded price.

Whoever asks may have no caviar to unpickle with, so answers are dicts, lists, numbers and text, and
what is wrong with a question is a ValueError of one line. They give arguments by name: without the
class at hand Ray takes no others.

    broker = ray.get_actor("caviar:STUDY", namespace="caviar")
    ray.get(broker.leaderboard.remote(n=3))

While the broker answers it decides nothing: what could be asked is bounded.
"""

from __future__ import annotations

import math
from typing import Any, Final

from caviar.search.bests import leaders
from caviar.search.strategy import Strategy
from caviar.study.journal import Journal
from caviar.study.records import Measurement

MOST: Final = 100
"""Rows of a leaderboard: 20 ms of the broker's time at 10,000 trials."""
FRESH_S: Final = 1.0
"""How old an answer may be, in seconds, that many may ask for at once."""


def leaderboard(journal: Journal, strategy: Strategy, metric: str) -> list[dict[str, Any]]:
    """The `MOST` best trials of a search, best first (`caviar.search.bests`).

    Args:
        journal: the search's.
        strategy: the search's.
        metric: by which its trials are compared.

    Returns:
        A row a trial: `trial`, `state`, `epochs` (behind it), `epoch` (of its best), the metrics
        there, `hyperparameters`.
    """
    found = leaders(strategy.bests, strategy.state, metric, MOST)
    return [_leader(journal, strategy, best) for best in found]


def checked(n: object) -> int:
    """How many rows of the leaderboard somebody wants.

    Raises:
        ValueError: they are no number from 1 to `MOST`.
    """
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST:
        raise ValueError(f"leaderboard: n must be from 1 to {MOST}, got {n!r}")
    return n


def _leader(journal: Journal, strategy: Strategy, best: Measurement) -> dict[str, Any]:
    return {
        "trial": best.trial,
        "state": str(strategy.state(best.trial)),
        "epochs": journal.epochs_of(best.trial),
        "epoch": best.epoch,
        **metrics_of(best),
        "hyperparameters": dict(strategy.trials[best.trial].hyperparameters),
    }


def curve(journal: Journal, strategy: Strategy, trial: object) -> list[dict[str, Any]]:
    """A trial of a search, a row an epoch; [] before its first one is reported.

    Raises:
        ValueError: the search has no such trial.
    """
    there = len(strategy.trials)
    if isinstance(trial, bool) or not isinstance(trial, int) or not 0 <= trial < there:
        known = f"trials 0 to {there - 1}" if there else "no trials yet"
        raise ValueError(f"curve: trial {trial!r}: the study has {known}")
    return [_epoch(each) for each in journal.measurements(trial)]


def _epoch(found: Measurement) -> dict[str, Any]:
    return {
        "epoch": found.epoch,
        **metrics_of(found),
        "elapsed_s": found.elapsed_s,
        "diverged": found.diverged,
    }


def metrics_of(found: Measurement) -> dict[str, float | None]:
    """A measurement's metrics; those that are not finite are None, as JSON wants it."""
    names = ("train_loss", "train_accuracy", "dev_loss", "dev_accuracy")
    values = {name: getattr(found, name) for name in names}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
