"""Early stopping: a trial ends when its metric has not become better for some epochs.

Decided from the best so far alone, which the journal keeps, so that a trial that was paused, or
whose slice died, ends at the same epoch as one that never was. Stopping early mixes two controls:
how well the training part is fitted and how well the dev part is generalised to. The lectures
prefer to turn one at a time, which is why it is off by default.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Best = tuple[int, float]
"""The epoch, from 1, and the value of a trial's best metric so far."""


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """The rule.

    Attributes:
        patience: epochs without a better metric that end a trial; 0: none ever does.
        lower_is_better: of the metric.
    """

    patience: int
    lower_is_better: bool

    def after(self, best: Best | None, epoch: int, value: float) -> tuple[Best | None, bool]:
        """The best so far, this epoch included, and whether the trial ends here.

        Better is strictly better: the first of equal epochs stays the best. NaN is never better,
        nor is the infinity that is worse than all; a trial that had neither better counts from its
        beginning.

        Args:
            best: before this epoch; None for a trial that has none.
            epoch: trained so far, from 1.
            value: the metric after it.
        """
        if self._better(value, best):
            return (epoch, value), False
        since = best[0] if best else 0
        return best, 0 < self.patience <= epoch - since

    def best(self, values: Iterable[Best]) -> Best | None:
        """The best of a trial's metrics so far, as (epoch, value) in the order of epochs."""
        best: Best | None = None
        for epoch, value in values:
            best, _ = self.after(best, epoch, value)
        return best

    def _better(self, value: float, best: Best | None) -> bool:
        worst = math.inf if self.lower_is_better else -math.inf
        past = best[1] if best else worst
        return value < past if self.lower_is_better else value > past


def reason(metric: str, best: Best | None, epoch: int) -> str:
    """Why a trial ended at `epoch`, as a measurement says it.

    Args:
        metric: its name, as `dev_loss`.
        best: the best so far.
        epoch: trained so far.
    """
    if best is None:
        return f"{metric} was never a number in {epoch} epochs"
    return f"no better {metric} than {best[1]:.4g} of epoch {best[0]} in {epoch - best[0]} epochs"
