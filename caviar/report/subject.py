"""Whose errors are diagnosed: the winner's over its seeds, or one trial's at one epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from caviar.errors import StudyError
from caviar.report.evidence import Evidence
from caviar.study.finals import BASELINE, finals_of
from caviar.study.journal import Journal
from caviar.study.records import Measurement, TrialState, Value
from caviar.study.wording import one_line, show


@dataclass(frozen=True)
class Subject:
    """A configuration and how it did.

    Attributes:
        about: in words, as "trial 3 at epoch 27".
        trial: its index in the search; None of a baseline.
        epoch: at which it was measured.
        hyperparameters: in a person's units.
        runs: train error and dev error, as shares, of each training.
        curve: the measurements of one training, by epoch; a panda's from its first day on.
        luckiest: of how many trials it is the best by the very dev part that judges it; 0 if it
            was retrained, or asked for.
    """

    about: str
    trial: int | None
    epoch: int
    hyperparameters: Mapping[str, Value]
    runs: tuple[tuple[float, float], ...]
    curve: Sequence[Measurement]
    luckiest: int = 0


def subject_of(evidence: Evidence, trial: int | None = None) -> Subject:
    """Whom to diagnose: this trial, else the card's winner, else the best trial.

    Raises:
        StudyError: there is no such trial, or nothing that was measured and did not diverge.
    """
    if trial is not None:
        return _asked(evidence, trial)
    return _winner(evidence) or _best(evidence)


def lineage(evidence: Evidence, trial: int) -> list[Measurement]:
    """A trial's measurements by epoch, those of the trials before included that it goes on from."""
    curve = list(evidence.curves.get(trial, ()))
    parent = evidence.trials[trial].parent
    while parent is not None:
        before, epoch = parent
        curve = [m for m in evidence.curves.get(before, ()) if m.epoch <= epoch] + curve
        parent = evidence.trials[before].parent
    return curve


def _asked(evidence: Evidence, trial: int) -> Subject:
    count = len(evidence.trials)
    if not 0 <= trial < count:
        there = f"trials 0 to {count - 1}" if count else "no trials yet"
        raise StudyError(f"--trial {trial}: the study has {there}")
    best = evidence.best
    if best is not None and best.trial == trial:
        return _of(evidence, best)
    sound = _sound(evidence.curves.get(trial, ()))
    if not sound:
        measured = len(evidence.curves.get(trial, ())) > 0
        why = "it diverged before it could be judged" if measured else "it has not been measured"
        raise StudyError(f"--trial {trial}: {why}, so there is nothing to diagnose")
    # Where its checkpoints are: longer training that made it worse does not hide how good it was.
    kept = [m for m in sound if m.epoch in evidence.spec.rungs()] + sound[-1:]
    return _of(evidence, min(kept, key=lambda m: _score(evidence, m)))


def _best(evidence: Evidence) -> Subject:
    best = evidence.best
    if best is None or not _sound([best]):
        # What came before a breakdown is no result: then it is the breakdown that is to be mended.
        whole = [curve for curve in evidence.curves.values() if not any(m.diverged for m in curve)]
        sound = [m for curve in whole for m in _sound(curve)]
        best = min(sound, key=lambda m: _score(evidence, m), default=None)
    if best is None:
        raise StudyError(_nothing(evidence))
    return _of(evidence, best, luckiest=len(evidence.curves))


def _nothing(evidence: Evidence) -> str:
    """Why no trial can be diagnosed."""
    study = f"study {one_line(evidence.spec.name)}"
    diverged = sum(state is TrialState.DIVERGED for state in evidence.states)
    if not evidence.curves:
        return f"{study}: no trial has been measured yet, so there is nothing to diagnose"
    rates = evidence.spec.model_dump(mode="json")["training"]["learning_rate"]
    return (
        f"{study}: all {diverged or len(evidence.curves)} measured trials diverged; try a smaller "
        f"training.learning_rate, now {show(rates)}"
    )


def _of(evidence: Evidence, found: Measurement, luckiest: int = 0) -> Subject:
    return Subject(
        about=f"trial {found.trial} at epoch {found.epoch}",
        trial=found.trial,
        epoch=found.epoch,
        hyperparameters=evidence.trials[found.trial].hyperparameters,
        runs=((1 - found.train_accuracy, 1 - found.dev_accuracy),),
        curve=lineage(evidence, found.trial),
        luckiest=luckiest,
    )


def _winner(evidence: Evidence) -> Subject | None:
    """The card's winner, if it tells errors of at least one sound training."""
    card = evidence.card
    if card is None:
        return None
    winner = card["winner"]
    row = next((c for c in card["candidates"] if c["name"] == winner["name"]), None)
    runs = _sound_runs(row["runs"]) if row else []
    if not runs:
        return None
    seeds = "1 seed" if len(runs) == 1 else f"the mean of {len(runs)} seeds"
    name = "the baseline" if winner["name"] == BASELINE else one_line(str(winner["name"]))
    return Subject(
        about=f"the winner, {name}, {seeds} at epoch {winner['epochs']}",
        trial=winner["trial"],
        epoch=winner["epochs"],
        hyperparameters=winner["hyperparameters"],
        runs=tuple((1 - run["train_accuracy"], 1 - run["dev_accuracy"]) for run in runs),
        curve=_retrained(evidence, card) or _searched(evidence, winner["trial"]),
    )


def _sound_runs(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    keys = ("train_accuracy", "dev_accuracy")
    return [r for r in runs if not r.get("diverged") and all(_finite(r.get(key)) for key in keys)]


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _retrained(evidence: Evidence, card: Mapping[str, Any]) -> Sequence[Measurement]:
    """The curve of the exported training, from the journal of the retraining; () without one."""
    try:
        with Journal.open(evidence.directory) as journal:
            finals = finals_of(journal)
        if finals is None or not card.get("exported"):
            return ()
        with Journal.open(finals.folder(evidence.directory)) as journal:
            return journal.measurements(int(card["exported"]["trial"]))
    except StudyError:  # a copy without its retraining has still a card
        return ()


def _searched(evidence: Evidence, trial: int | None) -> Sequence[Measurement]:
    known = trial is not None and 0 <= trial < len(evidence.trials)
    return lineage(evidence, trial) if known and trial is not None else ()


def _sound(curve: Sequence[Measurement]) -> list[Measurement]:
    """The measurements that errors can be taken from."""
    return [
        m
        for m in curve
        if not m.diverged and math.isfinite(m.train_accuracy) and math.isfinite(m.dev_accuracy)
    ]


def _score(evidence: Evidence, found: Measurement) -> float:
    """Lower is better; what is not finite is worst."""
    value = evidence.sign * float(getattr(found, evidence.metric))
    return value if math.isfinite(value) else math.inf
