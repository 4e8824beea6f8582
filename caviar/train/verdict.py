"""From an epoch's values to a measurement: whether the lane diverged or stopped early, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

from caviar.study.records import Measurement, Watch
from caviar.train.early_stopping import Best, EarlyStopping, reason
from caviar.train.group import Values


@dataclass(frozen=True)
class Judge:
    """The rules that end a trial.

    Attributes:
        classes: how many; guessing costs ln(classes).
        diverged_above: times ln(classes): a mean training loss above it, from the second epoch on,
            is divergence.
        metric: what early stopping watches.
        stopping: its rule.
    """

    classes: int
    diverged_above: float
    metric: str
    stopping: EarlyStopping

    def __call__(
        self, trial: int, epoch: int, values: Values, elapsed_s: float, best: Best | None
    ) -> tuple[Measurement, Best | None]:
        """The measurement, and the trial's best so far.

        Args:
            trial: its index.
            epoch: trained, from 1.
            values: what the epoch gave.
            elapsed_s: seconds it took.
            best: before this epoch.
        """
        how, stopped = self._divergence(epoch, values), False
        if not how and self.stopping.patience:
            best, stopped = self.stopping.after(best, epoch, getattr(values, self.metric))
        why = reason(self.metric, best, epoch) if stopped else how
        scores = values[:4]
        found = Measurement(trial, epoch, *scores, elapsed_s, bool(how), stopped, why, values.watch)
        return found, best

    def _divergence(self, epoch: int, values: Values) -> str:
        """How the lane diverged, in words; empty if it did not."""
        guessing = math.log(self.classes)
        if not math.isfinite(values.train_loss):
            return f"training loss {values.train_loss}{_where(values.watch)}"
        if epoch > 1 and values.train_loss > self.diverged_above * guessing:
            limit = self.diverged_above * guessing
            return (
                f"training loss {values.train_loss:.4g} above {self.diverged_above:g} ln "
                f"{self.classes} = {limit:.4g}"
            )
        if not values.finite:
            return f"its state is not finite{_where(values.watch)}"
        if not math.isfinite(values.dev_loss):
            return f"dev loss {values.dev_loss}{_where(values.watch)}"
        return ""


def _where(watch: Watch) -> str:
    """The first layer whose weights or gradient left the finite numbers."""
    layers = len(watch.weight_norm)
    for place, norms in enumerate(zip(watch.weight_norm, watch.gradient_norm, strict=True)):
        if not all(map(math.isfinite, norms)):
            name = "the output layer" if place == layers - 1 else f"layer {place + 1}"
            kind = "weights" if not math.isfinite(norms[0]) else "gradient"
            return f": first in the {kind} of {name}"
    return ""
