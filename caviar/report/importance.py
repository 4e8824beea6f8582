"""What mattered: how much each hyperparameter decided, at each rung, beside what lectures expect.

Two answers to two questions, both through Optuna's evaluators on the points of the unit cube.
fANOVA: of all the difference between trials, what share does a hyperparameter decide alone?
PED-ANOVA: what did it take to be among the best tenth? Trials are compared by rank and whoever
diverged comes last (see `caviar.report.weighing`, also for conditional hyperparameters). A rank is
claimed only where it holds when trials are resampled, and a hyperparameter matters only where it
decides more than a coordinate of pure chance does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caviar.report.cohort import Cohort, cohorts
from caviar.report.evidence import Evidence
from caviar.report.forests import INTERVAL
from caviar.report.importance_words import lines_of
from caviar.report.tiers import tier
from caviar.report.weighing import Points, Weighed, enough, weigh
from caviar.report.weights import Interaction, RungImportance, Weight

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Importance:
    """What mattered in a study.

    Attributes:
        metric: by which trials are compared.
        seed: of forests and resampling.
        rungs: lowest first. Above the first one are only trials that were promoted, so whoever
            decided below may decide nothing there any more.
        lines: in plain words, of the rung with the most trials.
    """

    metric: str
    seed: int
    rungs: tuple[RungImportance, ...]
    lines: tuple[str, ...]

    @property
    def widest(self) -> RungImportance | None:
        """The rung with the most trials, from which most can be told; None without any."""
        return max(self.rungs, key=lambda rung: rung.trials, default=None)

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON; tuples become lists when written."""
        return asdict(self)


def importance(evidence: Evidence, seed: int = 0) -> Importance:
    """Weighs every hyperparameter at every rung; the same seed gives the same answer.

    Args:
        evidence: of a study that searches; of pandas nothing is told.
        seed: of forests and resampling.
    """
    rungs = tuple(_rung(evidence, cohort, seed) for cohort in cohorts(evidence))
    widest = max(rungs, key=lambda rung: rung.trials, default=None)
    return Importance(evidence.metric, seed, rungs, lines_of(widest))


def _rung(evidence: Evidence, cohort: Cohort, seed: int) -> RungImportance:
    names = evidence.spec.space.names
    points = _points(evidence, cohort)
    why_not = _why_not(points, cohort)
    weighed = None if why_not else weigh(points, seed)
    weights = _weights(names, points, weighed)
    return RungImportance(
        epoch=cohort.epoch,
        trials=len(cohort.trials),
        diverged=int((~cohort.sound).sum()),
        used=weighed.used if weighed else 0,
        why_not=why_not,
        fit=weighed.fit if weighed and weighed.used else None,
        weights=tuple(sorted(weights, key=_order)),
        interactions=_interactions(names, weighed) if weighed else (),
    )


def _why_not(points: Points, cohort: Cohort) -> str:
    trials = len(cohort.trials)
    varied = int((np.ptp(points.x, axis=0) > 0).sum())
    if not enough(trials, varied):
        least = next(n for n in range(10**6) if enough(n, varied))
        return f"too few trials to tell: {trials} of {least}"
    if not varied:
        return "no hyperparameter differs among its trials"
    if cohort.is_flat:
        return "all its trials did alike"
    return ""


def _points(evidence: Evidence, cohort: Cohort) -> Points:
    """The cohort's trials in the unit cube, cells at their centres."""
    space = evidence.spec.space
    trials = [evidence.trials[index] for index in cohort.trials]
    x = np.array([trial.point for trial in trials]).reshape(len(trials), -1)
    for axis, domain in enumerate(space.domains.values()):
        if domain.axis.cells is not None:
            x[:, axis] = [domain.encode(domain.decode(u)) for u in x[:, axis].tolist()]
    active = [[name in trial.hyperparameters for name in space.names] for trial in trials]
    home = np.array(evidence.spec.home).reshape(-1, 2)
    # Where bounds may grow the cube reaches further than anybody looked.
    low = np.minimum(home[:, 0], x.min(axis=0, initial=1.0))
    high = np.maximum(home[:, 1], x.max(axis=0, initial=0.0))
    axes = enumerate(space.axes)
    choices = {axis: one.cells for axis, one in axes if one.cells and not one.ordered}
    mask = np.array(active, dtype=bool).reshape(x.shape)
    return Points(x, mask, cohort.regret, np.column_stack([low, high]), choices)


def _weights(names: Sequence[str], points: Points, weighed: Weighed | None) -> list[Weight]:
    if weighed is None:
        trials = points.active.sum(axis=0)
        nothing = (None, None, None, None, False, None)
        return [Weight(n, tier(n), int(trials[a]), *nothing) for a, n in enumerate(names)]
    low, high = _interval(weighed.again, weighed.share)
    ranks = _ranks(weighed.again)
    found = []
    for axis, name in enumerate(names):
        share = _told(weighed.share[axis])
        varied = np.ptp(points.x[points.active[:, axis], axis]) > 0 if weighed.trials[axis] else 0
        found.append(
            Weight(
                name,
                tier(name),
                int(weighed.trials[axis]),
                share,
                _told(low[axis]),
                _told(high[axis]),
                ranks.get(axis),
                _clear(weighed.fits[axis], weighed.again[:, axis], weighed.floor[axis]),
                _told(weighed.ped[axis]) if varied else None,
            )
        )
    return found


def _interactions(names: Sequence[str], weighed: Weighed) -> tuple[Interaction, ...]:
    low, high = _interval(weighed.together_again, weighed.together)
    return tuple(
        Interaction(
            (names[one], names[other]),
            float(weighed.together[place]),
            float(low[place]),
            float(high[place]),
            _clear(weighed.fit, weighed.together_again[:, place], weighed.together_floor),
        )
        for place, (one, other) in enumerate(weighed.pairs)
    )


def _interval(again: Array, share: Array) -> tuple[Array, Array]:
    """The percentiles of the resamples, moved to where their median is the share itself.

    Forests of resampled trials see fewer different ones, and give chance a part.
    """
    low, middle, high = np.percentile(again, (INTERVAL[0], 50.0, INTERVAL[1]), axis=0)
    return np.clip(low + share - middle, 0.0, share), np.clip(high + share - middle, share, 1.0)


def _ranks(again: Array) -> Mapping[int, tuple[int, int]]:
    """By axis, its first and last place in most of the resamples."""
    told = [axis for axis in range(again.shape[1]) if not np.isnan(again[:, axis]).any()]
    places = np.argsort(np.argsort(-again[:, told], axis=1, kind="stable"), axis=1) + 1
    low, high = (np.percentile(places, q, axis=0, method="nearest") for q in INTERVAL)
    return {a: (int(low[i]), int(high[i])) for i, a in enumerate(told)} if told else {}


def _clear(fit: float, again: Array, floor: float) -> bool:
    """Whether a share lies above what chance reaches, forest for forest; NaN never does."""
    return bool(fit > 0 and np.percentile(again, INTERVAL[0]) > floor)


def _told(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _order(weight: Weight) -> tuple[float, float]:
    return -math.inf if weight.share is None else -weight.share, -(weight.ped_anova or 0.0)
