"""The recipe: what to try against bias and against variance, with the knobs of this study file.

Each in the lectures' order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from caviar.report.case import Case, Cause, Step
from caviar.report.less_bias import against_bias
from caviar.report.less_variance import against_variance


def recipe(case: Case, causes: Sequence[Cause]) -> tuple[Step, ...]:
    """The steps, the first to be tried first.

    Args:
        case: the study and the trial.
        causes: those that stand out, the first to be worked on first.
    """
    return tuple(step for cause in causes for step in _AGAINST[cause](case))


_AGAINST: Final[Mapping[Cause, Callable[[Case], Iterator[Step]]]] = {
    "bias": against_bias,
    "variance": against_variance,
}
