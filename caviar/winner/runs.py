"""The runs a winner is chosen from, as the journals tell them: the finals, or the search's best."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.search.days import Days
from caviar.search.standing import standing_of
from caviar.study.facts import CheckpointRecord, TrialSummary
from caviar.study.finals import RETRAINING, Candidate, Finals, finals_of
from caviar.study.journal import Journal
from caviar.study.reads import Reads
from caviar.study.records import ChangeKind, Measurement
from caviar.study.spec import StudySpec
from caviar.study.wording import one_line, show
from caviar.winner.choice import Contender, Run

RETRAINED: Final = RETRAINING
SEARCHED: Final = "search"
RAISED: Final = "diary"
"""Where runs come from: the finals; the search itself, where none were asked for; a panda's day,
which no retraining can repeat."""


@dataclass(frozen=True)
class Field:
    """All who may win.

    Attributes:
        kind: `RETRAINED`, `SEARCHED` or `RAISED`.
        folder: the study directory that their checkpoints are in.
        number: of the finals; None without.
        epochs: of every run.
        contenders: as the search ranked them, the baseline last.
        checkpoints: by trial of that folder, of the runs that came to a good end.
    """

    kind: str
    folder: Path
    number: int | None
    epochs: int
    contenders: tuple[Contender, ...]
    checkpoints: dict[int, CheckpointRecord]

    def read(self, run: Run) -> bytes:
        """The checkpoint of a run.

        Raises:
            StudyError: it is gone or not what the journal vouches for.
        """
        with Journal.open(self.folder) as journal:
            return journal.read_checkpoint(self.checkpoints[run.trial])


def field_of(directory: Path, journal: Reads, spec: StudySpec) -> Field:
    """Who may win a study.

    Args:
        directory: the study's.
        journal: its journal, open.
        spec: as in force.

    Raises:
        StudyError: nothing was trained to an end, the finals are not, or their journal is damaged.
    """
    finals = finals_of(journal)
    return _of_search(directory, journal, spec) if finals is None else _of(directory, finals, spec)


def _of(directory: Path, finals: Finals, spec: StudySpec) -> Field:
    folder = finals.folder(directory)
    with Journal.open(folder) as journal:
        summaries = journal.summary()
        checkpoints = {record.trial: record for record in journal.checkpoints()}
    _check_finished(folder, finals, summaries)
    _check_whose(folder, finals, summaries)
    contenders = tuple(
        Contender(
            candidate,
            tuple(
                _run(summaries[trial], trial - first + 1, spec.metric, checkpoints.get(trial))
                for trial in range(first, first + finals.seeds)
            ),
            spec.metric,
        )
        for candidate, first in _firsts(finals)
    )
    return Field(RETRAINED, folder, finals.number, finals.epochs, contenders, checkpoints)


def _firsts(finals: Finals) -> Iterator[tuple[Candidate, int]]:
    """Every candidate and the trial of its first replicate."""
    for place, candidate in enumerate(finals.candidates):
        yield candidate, place * finals.seeds


def _check_finished(folder: Path, finals: Finals, summaries: tuple[TrialSummary, ...]) -> None:
    wanted = len(finals.candidates) * finals.seeds
    ended = sum(_has_ended(summary, finals.epochs) for summary in summaries[:wanted])
    if ended < wanted:
        raise StudyError(
            f"{folder}: the retraining must be finished before a winner is chosen: {ended} of "
            f"{wanted} runs are"
        )


def _check_whose(folder: Path, finals: Finals, summaries: tuple[TrialSummary, ...]) -> None:
    """Refuses runs of other hyperparameters than the study's journal says."""
    for candidate, first in _firsts(finals):
        for summary in summaries[first : first + finals.seeds]:
            if summary.hyperparameters != candidate.hyperparameters:
                raise StudyError(
                    f"{folder}: trial {summary.trial} must have the hyperparameters of "
                    f"{one_line(candidate.name)}, got others: one of the journals was changed"
                )


def _has_ended(summary: TrialSummary, epochs: int) -> bool:
    last = summary.last
    if summary.error is not None:
        return True
    return last is not None and (last.diverged or last.stopped or last.epoch >= epochs)


def _run(
    summary: TrialSummary, replicate: int, metric: str, checkpoint: CheckpointRecord | None
) -> Run:
    last, note = summary.last, one_line(summary.why)
    if last is not None and last.diverged:
        told = f"diverged in epoch {last.epoch}" + (f": {note}" if note else "")
        return Run(summary.trial, replicate, None, True, told)
    if summary.error is not None or last is None:
        return Run(summary.trial, replicate, None, False, note)
    if not all(math.isfinite(value) for value in (getattr(last, metric), last.dev_loss)):
        unsound = " or ".join(dict.fromkeys([metric, "dev_loss"]))
        return Run(summary.trial, replicate, None, True, f"its {unsound} is not finite")
    if checkpoint is None or checkpoint.epoch != last.epoch:
        return Run(summary.trial, replicate, None, False, "it left no checkpoint of its end")
    stopped = f"stopped after epoch {last.epoch}: {note}" if last.stopped else note
    return Run(summary.trial, replicate, last, False, stopped)


def best_of_search(directory: Path, journal: Reads, spec: StudySpec) -> Measurement:
    """The best measurement of the search alone.

    Args:
        directory: the study's.
        journal: its journal, open.
        spec: as in force.

    Raises:
        StudyError: no trial came to a good end.
    """
    best = _best(journal, spec, _is_raised(journal, spec))
    if best is None:
        raise StudyError(f"{directory}: {_nothing(journal, spec)}")
    return best


def _nothing(journal: Reads, spec: StudySpec) -> str:
    """Why there is nothing to choose from."""
    measured = [trial.last for trial in journal.summary() if trial.last is not None]
    if not measured:
        return "no trial has been measured yet, so there is no winner to choose"
    if all(last.diverged for last in measured):
        rates = spec.model_dump(mode="json")["training"]["learning_rate"]
        return (
            f"all {len(measured)} measured trials diverged, so there is no winner to choose; try a "
            f"smaller training.learning_rate, now {show(rates)}"
        )
    return "no trial has come to a good end yet, so there is no winner to choose"


def _of_search(directory: Path, journal: Reads, spec: StudySpec) -> Field:
    """The best of the search alone, where nothing was retrained."""
    best = best_of_search(directory, journal, spec)
    record = next((c for c in journal.checkpoints(best.trial) if c.epoch == best.epoch), None)
    if record is None:
        raise StudyError(f"{directory}: trial {best.trial} left no checkpoint of its best epoch")
    values = journal.trials()[best.trial].hyperparameters
    score = float(getattr(best, spec.metric))
    candidate = Candidate(f"trial {best.trial}", values, best.trial, score)
    contender = Contender(candidate, (Run(best.trial, 1, best),), spec.metric)
    kind = RAISED if _is_raised(journal, spec) else SEARCHED
    return Field(kind, directory, None, best.epoch, (contender,), {best.trial: record})


def _is_raised(journal: Reads, spec: StudySpec) -> bool:
    return spec.is_raised or any(
        change.kind is ChangeKind.CHOOSE and change.detail["strategy"] == "panda"
        for change in journal.changes()
    )


def _best(journal: Reads, spec: StudySpec, raised: bool) -> Measurement | None:
    if raised:
        days = Days(spec.metric)
        for entry in journal.entries():
            days.take(entry)
        return days.best
    return standing_of(
        journal.entries(),
        spec.rungs(),
        spec.metric,
        (),
        reduction_factor=spec.search.reduction_factor,
        brackets=spec.search.brackets,
        noise=spec.search.noise,
    ).best
