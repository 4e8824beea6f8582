"""Studies with planted answers: journals of trials whose accuracy a formula gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from caviar.report.evidence import Evidence, evidence
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Signature, Trial
from caviar.study.spec import StudySpec

ANY = Signature((8,), 32, "adam")

Accuracy = Callable[[Mapping[str, float], int], float]
"""From coordinates of the unit cube by name, those a trial has, and the epoch; nan: it diverges."""


def measured(trial: int, epoch: int, accuracy: float, elapsed_s: float = 0.01) -> Measurement:
    """A measurement; with nan for an accuracy the trial has diverged."""
    loss, lost = 1.0 - accuracy, bool(np.isnan(accuracy))
    return Measurement(
        trial, epoch, loss, accuracy, loss, accuracy, elapsed_s, diverged=lost, reason="x" * lost
    )


def planted(
    directory: Path,
    text: str,
    accuracy: Accuracy,
    *,
    trials: int | None = None,
    seed: int = 0,
    noise: float = 0.0,
    pace: Callable[[Mapping[str, object]], float] = lambda values: 0.01,
    keep: float | None = None,
) -> Evidence:
    """A study of random points, of which each rung sends its best third to the next.

    Args:
        directory: where its journal is made.
        text: the study file.
        accuracy: what training gives.
        trials: how many; by default those of the study file.
        seed: of points and noise.
        noise: standard deviation of each accuracy.
        pace: from hyperparameters to seconds an epoch.
        keep: share that goes on from a rung; by default 1 / eta.
    """
    spec = StudySpec.parse(text)
    random = np.random.default_rng(seed)
    count = spec.search.trials if trials is None else trials
    low, high = np.array(spec.home).reshape(-1, 2).T
    points = low + (high - low) * random.random((count, spec.space.dimensions))
    made = [trial_of(spec, index, point) for index, point in enumerate(points.tolist())]

    def value(trial: Trial, epoch: int) -> float:
        named = zip(spec.space.names, trial.point, strict=True)
        has = {name: u for name, u in named if name in trial.hyperparameters}
        return accuracy(has, epoch) + noise * random.standard_normal()

    share = 1 / spec.search.reduction_factor if keep is None else keep
    with Journal.create(directory, spec.to_json(), spec.fingerprint) as journal:
        journal.acquire_lease()
        journal.record("driver_started", {})
        journal.decide(made)
        after, left = 0, made
        for rung in spec.rungs():
            rows = []
            for trial in left:
                for epoch in range(after + 1, rung + 1):
                    found = value(trial, epoch)
                    rows.append(measured(trial.index, epoch, found, pace(trial.hyperparameters)))
                    if np.isnan(found):
                        break
            _report(journal, left, after, rung, rows)
            last = {row.trial: row for row in rows}
            sound = [trial for trial in left if not last[trial.index].diverged]
            sound.sort(key=lambda trial: -last[trial.index].dev_accuracy)
            after, left = rung, sound[: int(share * len(left))]
            if not left:
                break
        journal.record("driver_stopped", {"finished": True, "trouble": "", "ending": ""})
        journal.release_lease()
    return evidence(directory)


def trial_of(spec: StudySpec, index: int, point: Sequence[float], origin: str = "") -> Trial:
    """A trial at a point."""
    return Trial(index, tuple(point), spec.space.decode(point), origin, draw=index)


def _report(
    journal: Journal, trials: Sequence[Trial], after: int, rung: int, rows: list[Measurement]
) -> None:
    if not trials:
        return
    number = journal.issue(Assignment(tuple(t.index for t in trials), after, rung, ANY))
    journal.report(number, journal.start_attempt(number, "s"), rows, {}, complete=True)
