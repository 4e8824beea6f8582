"""The learning curve over training-set size as it was trained by `caviar diagnose DIR --sizes`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from caviar.report.sizes import SizePoint, SizeVerdict, sizes
from caviar.study.finals import SIZES, Finals, finals_of
from caviar.study.journal import Journal
from caviar.study.records import Measurement


def size_verdict(directory: Path) -> SizeVerdict | None:
    """What the trainings on parts of the data say; None before there are any.

    Raises:
        StudyError: it holds no study.
    """
    with Journal.open(directory) as journal:
        finals = finals_of(journal, SIZES)
        facts = journal.events("data_set_read")
    folder = finals.folder(directory) if finals is not None else None
    examples = facts[0].detail.get("train") if facts else None
    if finals is None or folder is None or not examples or not Journal.exists(folder):
        return None
    with Journal.open(folder) as trained:
        points = _points(finals, trained, int(examples))
    if not points:
        return None
    return replace(sizes(points, _noise(points)), trial=finals.candidates[0].trial)


def _points(finals: Finals, journal: Journal, examples: int) -> list[SizePoint]:
    last: dict[int, Measurement] = {m.trial: m for m in journal.measurements()}
    return [
        SizePoint(
            max(1, round(finals.candidate(trial).share * examples)),
            1 - found.train_accuracy,
            1 - found.dev_accuracy,
        )
        for trial, found in last.items()
        if not found.diverged and (found.stopped or found.epoch >= finals.epochs)
    ]


def _noise(points: Sequence[SizePoint]) -> float:
    """How far the mean of a size may lie off by luck: its pooled standard error over seeds."""
    by_size: dict[int, list[float]] = defaultdict(list)
    for point in points:
        by_size[point.examples].append(point.dev_error)
    several = [errors for errors in by_size.values() if len(errors) > 1]
    if not several:
        return 0.0
    return math.sqrt(float(np.mean([np.var(errors, ddof=1) / len(errors) for errors in several])))
