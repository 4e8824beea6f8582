"""Bias or variance: where a study's error comes from, and what to try against it.

Avoidable bias is train error minus the target, variance is dev error minus train error (Andrew Ng,
Machine Learning Yearning, chapters 20 to 25). The larger is named if it is more than noise.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from caviar.report.case import Case, Cause, Step
from caviar.report.curves import Named, shapes_of, still_falling
from caviar.report.evidence import Evidence
from caviar.report.recipe import recipe
from caviar.report.subject import Subject, subject_of
from caviar.study.flat import key_of
from caviar.study.records import Value
from caviar.study.tables import TECHNIQUES

SMALL: Final = 0.1
"""Points below which nothing is named, however little noise there is."""
_NORMAL: Final = 1.96
"""Half the width of a 95 % interval, in standard deviations."""
_STUDENT: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Student's t at 0.975 for 1 to 10 degrees of freedom."""
_ONLY_WHILE_TRAINING: Final = ("keep_prob", "shift", "flip", "rotation", "zoom", "noise")


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
        return self.value > max(SMALL, self.noise or 0.0)

    def __str__(self) -> str:
        """As `3.1 ± 0.4 points`."""
        about = "" if self.noise is None else f" ± {self.noise:.1f}"
        return f"{self.value:.1f}{about} points"


@dataclass(frozen=True)
class Diagnosis:
    """What a study's errors and curves tell.

    Attributes:
        study: its name.
        about: whose errors these are, in words.
        trial: its index in the search; None of a baseline.
        epoch: at which it was measured.
        runs: trainings that the errors are means of.
        hyperparameters: in a person's units.
        target_error: as a share; `target_given` says whether the study file gives it.
        train_error: as a share; the mean over an epoch's steps, see `remarks`.
        dev_error: as a share.
        bias: avoidable: train error minus target error.
        variance: dev error minus train error.
        larger: the one that stands out the more, or "neither".
        verdict: the same in a sentence.
        shapes: what the curve shows.
        remarks: what to bear in mind, a sentence each.
        recipe: what to try, the first thing first.
    """

    study: str
    about: str
    trial: int | None
    epoch: int
    runs: int
    hyperparameters: Mapping[str, Value]
    target_error: float
    target_given: bool
    train_error: float
    dev_error: float
    bias: Points
    variance: Points
    larger: Literal["bias", "variance", "neither"]
    verdict: str
    shapes: tuple[Named, ...]
    remarks: tuple[str, ...]
    recipe: tuple[Step, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data; every number is finite."""
        return asdict(self)


def diagnose(evidence: Evidence, trial: int | None = None) -> Diagnosis:
    """Where the error of the winner, of the best trial or of one trial comes from.

    Args:
        evidence: of the study.
        trial: its index; None: the card's winner over its seeds, else the best trial.

    Raises:
        StudyError: nothing was measured, all trials diverged, or there is no such trial.
    """
    subject, spec = subject_of(evidence, trial), evidence.spec
    target = spec.goal.target_error
    train, dev = (statistics.fmean(errors) for errors in zip(*subject.runs, strict=True))
    bias, variance, difference, whole = _differences(evidence, subject, target or 0.0)
    larger, causes = _verdict(bias, variance, difference) if whole.stands_out else _NEITHER
    shapes = shapes_of(subject.curve)
    case = Case(
        spec=spec,
        hyperparameters=subject.hyperparameters,
        shapes=frozenset(named.shape for named in shapes),
        train_falls=still_falling([m.train_loss for m in subject.curve]),
        data=evidence.data,
        edges={edge["name"]: edge["side"] for edge in evidence.account["edges"]},
    )
    return Diagnosis(
        study=spec.name,
        about=subject.about,
        trial=subject.trial,
        epoch=subject.epoch,
        runs=len(subject.runs),
        hyperparameters=dict(subject.hyperparameters),
        target_error=target or 0.0,
        target_given=target is not None,
        train_error=train,
        dev_error=dev,
        bias=bias,
        variance=variance,
        larger=larger,
        verdict=_sentence(bias, variance, whole, larger, causes),
        shapes=shapes,
        remarks=tuple(_remarks(evidence, subject, bias, variance)),
        recipe=recipe(case, causes),
    )


_Verdict = tuple[Literal["bias", "variance", "neither"], tuple[Cause, ...]]
_NEITHER: Final[_Verdict] = ("neither", ())
"""Of bias and variance together, dev error minus target, no more than noise."""


def _verdict(bias: Points, variance: Points, difference: Points) -> _Verdict:
    """Which is the larger, and the causes worth working on: those that stand out.

    Where both do and their difference is noise, neither is named, nor is one that stands out
    beside an other that seems larger and may be luck.
    """
    found: dict[Cause, Points] = {"bias": bias, "variance": variance}
    causes = tuple(cause for cause, points in found.items() if points.stands_out)
    alike = abs(difference.value) <= max(SMALL, difference.noise or 0.0)
    larger: Cause = "bias" if difference.value > 0 else "variance"
    if larger not in causes or (len(causes) > 1 and alike):
        return "neither", causes
    return larger, (larger,)


def _sentence(
    bias: Points, variance: Points, whole: Points, larger: str, causes: Sequence[Cause]
) -> str:
    if larger == "bias":
        other = f", against {variance} of variance" if variance.value > 0 else ""
        what = "the network does not fit its training part as well as it should"
        return f"avoidable bias is the larger, {bias}{other}: {what}"
    if larger == "variance":
        other = f", against {bias} of avoidable bias" if bias.value > 0 else ""
        below = "" if bias.value >= 0 else " (train error is below the target already)"
        what = "what it learned of the training part does not carry over"
        return f"variance is the larger, {variance}{other}: {what}{below}"
    both = f"avoidable bias {bias}, variance {variance}"
    if len(causes) > 1:
        return f"neither stands out, both are about as large: {both}; begin with bias"
    if causes:
        return f"neither stands out, the larger may be luck: {both}; only {causes[0]} is sure"
    if whole.value < 0:
        return f"neither stands out, dev error is below the target: {both}"
    return f"neither stands out, all of it may be luck: {both}"


def _differences(evidence: Evidence, subject: Subject, target: float) -> tuple[Points, ...]:
    """Bias, variance, bias minus variance, and their sum, each over the runs."""
    train, dev = (statistics.fmean(errors) for errors in zip(*subject.runs, strict=True))
    chance = [
        _sampling(train, evidence.data.get("train")),
        _sampling(dev, evidence.data.get("dev")),
    ]
    luck = evidence.account["noise"] if evidence.metric == "dev_accuracy" else 0.0
    # Times train, times dev, less so much.
    rows = ((1, 0, target), (-1, 1, 0.0), (2, -1, target), (0, 1, target))
    found = []
    for of_train, of_dev, less in rows:
        values = [of_train * one + of_dev * other - less for one, other in subject.runs]
        parts = [abs(of_train) * (chance[0] or 0.0), abs(of_dev) * (chance[1] or 0.0)]
        parts.append(_spread(values) if len(values) > 1 else _NORMAL * luck * abs(of_dev))
        noise = math.hypot(*parts)
        found.append(Points(100 * statistics.fmean(values), 100 * noise if noise else None))
    return tuple(found)


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
    return _student(count - 1) * statistics.stdev(values) / math.sqrt(count)


def _student(freedom: int) -> float:
    """Student's t at 0.975; SciPy has it too, but takes half a second to be imported.

    Beyond the table by the first terms of Fisher and Cornish (1960), right to 0.003.
    """
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    z = _NORMAL
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return z + (z**3 + z) / (4 * freedom) + second


def _remarks(evidence: Evidence, subject: Subject, bias: Points, variance: Points) -> Iterator[str]:
    """What to bear in mind about these numbers."""
    if evidence.spec.goal.target_error is None:
        yield (
            "goal.target_error is not given, so 0 is assumed and all train error counts as "
            "avoidable; the level of people or of the best known would say more"
        )
    on = [key for key in _ONLY_WHILE_TRAINING if _is_on(subject, key)]
    more = f", the more since {' and '.join(on)} made training harder" if on else ""
    normed = " and with batch statistics" if subject.hyperparameters.get("batch_norm") else ""
    yield (
        f"train error is the mean over the epoch's steps, of a network still changing{normed}: "
        f"bias is rather less, and variance more, than it seems{more}"
    )
    if variance.value < 0:
        yield "dev error is below train error, which that alone may explain"
    if subject.luckiest > 1:
        yield (
            f"of {subject.luckiest} measured {'days' if evidence.account['diary'] else 'trials'} "
            "this is the best on the dev part, so its dev error is flattered"
        )
    if bias.noise is None or variance.noise is None:
        yield "nothing is known of the noise; small differences may be luck"
    elif len(subject.runs) == 1 and not evidence.account["noise"]:
        yield "± tells what the parts' sizes leave open; that of other seeds is not known"
    if any(m.diverged for m in subject.curve):
        yield "it diverged later; its errors are those before"


def _is_on(subject: Subject, key: str) -> bool:
    found = [value for name, value in subject.hyperparameters.items() if key_of(name) == key]
    return any(value != TECHNIQUES[key] for value in found)
