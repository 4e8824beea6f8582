"""Cohorts: the trials that were compared at a rung, and how each of them did there.

Whoever diverged on the way to a rung belongs to it and did worse than any other; repeats of a trial
are left out, since one place is no evidence several times over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from caviar.report.evidence import Evidence
from caviar.search.noise import REPLICATE
from caviar.search.successive_halving import rank_of
from caviar.study.records import Measurement


@dataclass(frozen=True)
class Cohort:
    """The trials compared at one rung.

    Attributes:
        epoch: epochs trained.
        trials: their indices, ascending.
        scores: `[n]`, the metric so that lower is better; infinite where a trial diverged.
    """

    epoch: int
    trials: tuple[int, ...]
    scores: NDArray[np.float64]

    @cached_property
    def sound(self) -> NDArray[np.bool_]:
        """`[n]`: who did not diverge."""
        return np.isfinite(self.scores)

    @cached_property
    def regret(self) -> NDArray[np.float64]:
        """`[n]` in [0, 1]: the share of the others that did better; equals share their places."""
        _, place, count = np.unique(self.scores, return_inverse=True, return_counts=True)
        middle = np.cumsum(count) - (count + 1) / 2
        return np.asarray(middle[place] / max(1, len(self.scores) - 1))

    @property
    def is_flat(self) -> bool:
        """Whether all did alike, so that nothing can be learnt from them."""
        return len(self.scores) == 0 or bool((self.scores == self.scores[0]).all())


def cohorts(evidence: Evidence) -> tuple[Cohort, ...]:
    """Of every rung that a trial came to, lowest first; none where pandas are raised."""
    epochs = sorted({int(rung["epoch"]) for rung in evidence.account["rungs"]})
    pairs = zip([0, *epochs], epochs, strict=False)
    found = (_cohort(evidence, after, epoch) for after, epoch in pairs)
    return tuple(cohort for cohort in found if cohort.trials)


def _cohort(evidence: Evidence, after: int, epoch: int) -> Cohort:
    """Who was measured after `epoch` epochs, or came to an end since the rung before."""
    scores: dict[int, float] = {}
    for trial, curve in sorted(evidence.curves.items()):
        if evidence.trials[trial].origin != REPLICATE:
            found = _compared(curve[-1], after, epoch) or _at(curve, epoch)
            if found is not None:
                scores[trial] = rank_of(found, evidence.metric)[0]
    return Cohort(epoch, tuple(scores), np.array([*scores.values()], dtype=np.float64))


def _compared(last: Measurement, after: int, epoch: int) -> Measurement | None:
    """The measurement of a trial that ended on its way to a rung."""
    ended = last.diverged or last.stopped or not math.isfinite(last.train_loss)
    return last if ended and after < last.epoch <= epoch else None


def _at(curve: Sequence[Measurement], epoch: int) -> Measurement | None:
    return curve[epoch - 1] if len(curve) >= epoch else None
