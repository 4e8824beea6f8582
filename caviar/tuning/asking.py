"""Asking something of a study, whoever drives it: a request in its journal, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.search.change_words import told
from caviar.search.choosing import strategy_of
from caviar.study import growth
from caviar.study.facts import Request
from caviar.study.journal import Journal
from caviar.study.records import Change
from caviar.study.spec import StudySpec
from caviar.tuning.changes import Changes

PATIENCE_S: Final = 10.0
"""How long to wait for the answer of a driver at work."""
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a request.

    Attributes:
        taken: whether a driver has made the change; else one will.
        line: for a person.
    """

    taken: bool
    line: str


def spec_of(directory: Path) -> StudySpec:
    """The study of a directory, as it is in force.

    Raises:
        StudyError: it holds none.
    """
    with Journal.open(directory) as journal:
        return growth.in_force(StudySpec.from_json(journal.spec_json), journal.changes())


def ask(
    directory: Path,
    change: Change,
    patience_s: float = PATIENCE_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Asked:
    """Asks for a change; waits for the answer of whoever drives the study.

    Where nobody does, it is judged by a replay, so that what could never be made is refused now.

    Args:
        directory: the study's.
        change: what is asked for.
        patience_s: seconds to wait for a driver's answer.
        sleep: waits so many seconds.

    Raises:
        StudyError: not a study directory, or why the change cannot be made.
    """
    with Journal.open(directory, write=True) as journal:
        if not _is_driven(journal):
            journal.bring_up_to_date()
            _judge(journal, change)
            journal.request(change)
            return _later(change)
        number = journal.request(change)
        for _ in range(max(1, round(patience_s / _POLL_S))):
            answered = _answered(journal, number)
            if answered is not None:
                return _came_of(journal, answered)
            if not _is_driven(journal):  # it left without looking
                return _later(change)
            sleep(_POLL_S)
    return Asked(taken=False, line=f"asked: {told(change)}; its driver has not answered yet")


def _later(change: Change) -> Asked:
    later = "nobody drives the study now, its next caviar run will take it"
    return Asked(taken=False, line=f"asked: {told(change)}; {later}")


def _is_driven(journal: Journal) -> bool:
    lease = journal.lease()
    return lease is not None and lease.held(time.time())


def _answered(journal: Journal, number: int) -> Request | None:
    request = next(found for found in journal.requests() if found.number == number)
    return request if request.answered_at is not None else None


def _came_of(journal: Journal, request: Request) -> Asked:
    if request.refusal is not None:
        raise StudyError(request.refusal)
    spec = growth.in_force(StudySpec.from_json(journal.spec_json), journal.changes())
    return Asked(taken=True, line=f"taken: {told(request.change, spec.search.trials)}")


def _judge(journal: Journal, change: Change) -> None:
    """Asks a strategy at the journal's end, with what was asked before, whether it would refuse."""
    known = journal.changes()
    spec = StudySpec.from_json(journal.spec_json)
    strategy = strategy_of(growth.to_replay(spec, known))
    strategy.replay(journal.entries())
    changes = Changes(journal, strategy)
    for request in journal.requests(unanswered=True):
        if changes.refusal(request.change) is None:
            changes.suppose(request.change)
    refusal = changes.refusal(change)
    if refusal is not None:
        raise StudyError(refusal)
