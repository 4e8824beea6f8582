"""The recipe: what to try against bias, then against variance, with the knobs of this study file.

In the lectures' order: a network that does not fit its training part gains nothing from more data,
so bias comes first where both are large.
"""

from __future__ import annotations

from collections.abc import Sequence

from caviar.report.case import Case, Cause, Step
from caviar.report.less_bias import against_bias
from caviar.report.less_variance import against_variance


def recipe(case: Case, causes: Sequence[Cause]) -> tuple[Step, ...]:
    """The steps against some causes, the first to be tried first.

    Args:
        case: the study and the trial.
        causes: those that stand out; bias comes first whatever their order.
    """
    steps = [*against_bias(case)] if "bias" in causes else []
    steps += [*against_variance(case)] if "variance" in causes else []
    return tuple(steps)
