"""Errors as differences in percentage points, each with the noise it is known to."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from caviar.report.evidence import Evidence
from caviar.report.subject import Subject
from caviar.search.student import student

SMALL: Final = 0.1
"""Points below which nothing is named, however little noise there is."""
_NORMAL: Final = 1.96
"""Half the width of a 95 % interval, in standard deviations."""


@dataclass(frozen=True)
class Points:
    """A difference of errors in percentage points.

    Attributes:
        value: the difference.
        noise: half the width of its 95 % interval; None where nothing is known of it.
    """

    value: float
    noise: float | None

    @property
    def stands_out(self) -> bool:
        """Whether it is more than noise, and more than nothing."""
        return self._beyond(self.value)

    @property
    def is_sure(self) -> bool:
        """Whether its sign is: it stands out above 0 or below."""
        return self._beyond(abs(self.value))

    def __str__(self) -> str:
        """As `3.1 ± 0.4 points`."""
        about = "" if self.noise is None else f" ± {self.noise:.1f}"
        return f"{round(self.value, 1) + 0.0:.1f}{about} points"

    def _beyond(self, value: float) -> bool:
        # By the figures that are printed, since a verdict may not contradict them.
        return round(value, 1) > max(SMALL, round(self.noise or 0.0, 1))


@dataclass(frozen=True)
class Parts:
    """What a dev error is made of, each part with the noise of its own.

    Attributes:
        bias: avoidable: train error minus target error.
        variance: dev error minus train error.
        lead: bias minus variance.
        whole: dev error minus target error.
    """

    bias: Points
    variance: Points
    lead: Points
    whole: Points


def parts_of(evidence: Evidence, subject: Subject, target: float) -> Parts:
    """The parts of a subject's dev error, over its runs.

    Noise is what the sizes of the train and dev part leave open, and what the seed does: measured
    over the runs or, of a single one, the study's.
    """
    train, dev = (statistics.fmean(errors) for errors in zip(*subject.runs, strict=True))
    chance = [
        _sampling(train, evidence.data.get("train")),
        _sampling(dev, evidence.data.get("dev")),
    ]
    luck = evidence.account["noise"] if evidence.metric == "dev_accuracy" else 0.0

    def points(of_train: int, of_dev: int, less: float) -> Points:
        values = [of_train * one + of_dev * other - less for one, other in subject.runs]
        noises = [abs(of_train) * (chance[0] or 0.0), abs(of_dev) * (chance[1] or 0.0)]
        noises.append(_spread(values) if len(values) > 1 else _NORMAL * luck * abs(of_dev))
        noise = math.hypot(*noises)
        return Points(100 * statistics.fmean(values), 100 * noise if noise else None)

    return Parts(
        bias=points(1, 0, target),
        variance=points(-1, 1, 0.0),
        lead=points(2, -1, target),
        whole=points(0, 1, target),
    )


def _sampling(error: float, examples: object) -> float | None:
    """Half the width of a share's 95 % interval, after Agresti and Coull (1998).

    It is not 0 where the share is: no error among 100 examples is no proof that there is none.
    """
    if not isinstance(examples, int) or examples < 1:
        return None
    count = examples + 4
    share = (error * examples + 2) / count
    return _NORMAL * math.sqrt(share * (1 - share) / count)


def _spread(values: Sequence[float]) -> float:
    """Half the width of the 95 % t interval of a mean."""
    count = len(values)
    return student(count - 1) * statistics.stdev(values) / math.sqrt(count)
