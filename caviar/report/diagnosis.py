"""Bias or variance: where a study's error comes from, and what to try against it.

Avoidable bias is train error minus the target, variance is dev error minus train error (Andrew Ng,
Machine Learning Yearning, chapters 20 to 25). What is more than noise is named.
"""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from caviar.report import size_curve
from caviar.report.case import Case, Step
from caviar.report.causes import finding_of
from caviar.report.commands import is_driven, resume
from caviar.report.curves import Named, shapes_of, still_falling
from caviar.report.evidence import Evidence
from caviar.report.less_bias import longer
from caviar.report.points import Parts, Points, parts_of
from caviar.report.recipe import recipe
from caviar.report.sizes import SizeVerdict
from caviar.report.subject import Subject, subject_of
from caviar.study.finals import SHARES, SIZES, event_of
from caviar.study.flat import key_of
from caviar.study.records import Measurement, Value
from caviar.study.tables import TECHNIQUES

_ONLY_WHILE_TRAINING: Final = ("keep_prob", "shift", "flip", "rotation", "zoom", "noise")


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
        larger: the one that stands out and is the larger, or "neither"; see
            `caviar.report.causes`.
        verdict: the same in a sentence.
        shapes: what the curve shows.
        remarks: what to bear in mind, a sentence each.
        recipe: what to try, the first thing first.
        sizes: what trainings on parts of the data told; None before there are any.
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
    sizes: SizeVerdict | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data; every number is finite."""
        return asdict(self)


def diagnose(evidence: Evidence, trial: int | None = None, place: Path | None = None) -> Diagnosis:
    """Where the error of the winner, of the best trial or of one trial comes from.

    Args:
        evidence: of the study.
        trial: its index; None: the card's winner over its seeds, else the best trial.
        place: how commands name the study's directory; by default as it was opened.

    Raises:
        StudyError: nothing was measured, all trials diverged, or there is no such trial.
    """
    subject, spec = subject_of(evidence, trial), evidence.spec
    typed = replace(evidence, directory=place or evidence.directory)
    trained = any(event.kind == event_of(SIZES) for event in evidence.events)
    curve = size_curve.size_verdict(evidence.directory) if trained else None
    own = curve is None or curve.trial == subject.trial
    target = spec.goal.target_error
    train, dev = (statistics.fmean(errors) for errors in zip(*subject.runs, strict=True))
    parts = parts_of(evidence, subject, target or 0.0)
    found = finding_of(parts)
    shapes = shapes_of(subject.curve)
    case = Case(
        spec=spec,
        hyperparameters=subject.hyperparameters,
        shapes=frozenset(named.shape for named in shapes),
        train_falls=_train_falls(subject.curve),
        epochs=subject.curve[-1].epoch if subject.curve else 0,
        best_rate=_best_rate(evidence, subject),
        data=evidence.data,
        edges={edge["name"]: edge["side"] for edge in evidence.account["edges"]},
        sizes=curve if own else None,
        measure_sizes=_measure_sizes(typed, trial, curve if own else None),
        train_longer=_train_longer(typed),
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
        bias=parts.bias,
        variance=parts.variance,
        larger=found.larger,
        verdict=found.sentence,
        shapes=shapes,
        remarks=tuple(_remarks(evidence, subject, parts)),
        recipe=recipe(case, found.causes),
        sizes=curve,
    )


def diagnose_for_keeping(evidence: Evidence) -> Diagnosis:
    """The same with commands for the folder that the study's directory lies in.

    See `caviar.report.checks.checks_for_keeping`.
    """
    return diagnose(evidence, place=Path(evidence.directory.resolve().name or "."))


def _train_falls(curve: Sequence[Measurement]) -> bool | None:
    losses = [m.train_loss for m in curve if not m.diverged]
    return still_falling(losses) if len(losses) > 1 else None


def _best_rate(evidence: Evidence, subject: Subject) -> float | None:
    best = evidence.best
    if best is None or subject.trial is None or best.trial == subject.trial:
        return None
    rate = evidence.trials[best.trial].hyperparameters.get("learning_rate")
    return float(rate) if isinstance(rate, int | float) else None


def _can_run(evidence: Evidence) -> bool:
    """Whether a command could train on: no driver is at work, and no panda goes its own way."""
    return not evidence.spec.is_raised and not is_driven(evidence)


def _train_longer(evidence: Evidence) -> str:
    """The command that trains on in the same directory, where there is one."""
    return resume(evidence, longer(evidence.spec)).command if _can_run(evidence) else ""


def _measure_sizes(evidence: Evidence, trial: int | None, known: SizeVerdict | None) -> str:
    """The command that trains on parts of the data, where it is this one's and not done."""
    done = known is not None and len(known.points) >= len(SHARES)
    if done or trial is not None or not _can_run(evidence) or not evidence.spec.winner.top:
        return ""
    return shlex.join(["caviar", "diagnose", str(evidence.directory), "--sizes"])


def _remarks(evidence: Evidence, subject: Subject, parts: Parts) -> Iterator[str]:
    """What to bear in mind about these numbers."""
    if is_driven(evidence):
        yield "a driver is at work on the study, so this is how it stands now"
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
    if parts.variance.value < 0:
        yield "dev error is below train error, which that alone may explain"
    if subject.luckiest > 1:
        yield (
            f"of {subject.luckiest} measured {'days' if evidence.account['diary'] else 'trials'} "
            "this is the best on the dev part, so its dev error is flattered"
        )
    if parts.bias.noise is None or parts.variance.noise is None:
        yield "nothing is known of the noise; small differences may be luck"
    elif len(subject.runs) == 1 and not evidence.account["noise"]:
        yield "± tells what the parts' sizes leave open; that of other seeds is not known"
    if any(m.diverged for m in subject.curve):
        yield "it diverged later; its errors are those before"


def _is_on(subject: Subject, key: str) -> bool:
    found = [value for name, value in subject.hyperparameters.items() if key_of(name) == key]
    return any(value != TECHNIQUES[key] for value in found)
