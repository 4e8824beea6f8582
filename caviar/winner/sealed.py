"""The sealed test set: opened once, after the winner is chosen, and the journal says when.

What was read stands in the journal, in the event "test_read", before anybody sees it. So a process
that dies afterwards is followed by one that finds the results there and reads nothing again.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from caviar.data.dataset import Dataset, Part
from caviar.errors import StudyError
from caviar.study.card_file import TEST_READ, check_readings
from caviar.study.facts import Event
from caviar.study.journal import Journal
from caviar.winner.surroundings import packages

CHOSEN: Final = "winner_chosen"
"""The event that comes before any reading; its detail says who was chosen."""
READ: Final = TEST_READ
"""The event of a reading: `at`, `by`, `readings`, `fingerprint`, `chosen` and `results`."""

RESULTS: Final = frozenset(["accuracy", "sampling", "runs", "confusion", "per_class", "ensemble"])
"""What an evaluation must give."""


@dataclass(frozen=True)
class Reading:
    """What the test set said.

    Attributes:
        at: when, ISO 8601.
        by: what read it.
        readings: how often it was read by then, this time included.
        results: what the evaluation gave.
    """

    at: str
    by: str
    readings: int
    results: Mapping[str, Any]


def check_data(journal: Journal, data: Dataset) -> None:
    """Refuses other data than the study was begun with.

    Raises:
        StudyError: the fingerprint is another, or the journal has none.
    """
    known = journal.events("data_set_read")
    place = journal.directory
    if not known:
        raise StudyError(f"{place}: the journal does not say what data the study was trained on")
    then = str(known[0].detail.get("fingerprint"))
    if then != data.fingerprint:
        raise StudyError(
            f"{place}: the data set changed since the study began: its fingerprint must be "
            f"{then[:12]}..., got {data.fingerprint[:12]}..."
        )


def choose(journal: Journal, chosen: Mapping[str, Any]) -> None:
    """Writes the winner down; once for the same winner."""
    known = journal.events(CHOSEN)
    if not known or known[-1].detail != chosen:
        journal.record(CHOSEN, chosen)


def earlier(
    journal: Journal, chosen: Mapping[str, Any], *, delivered: int = 0, reopen: bool = False
) -> Reading | None:
    """What a reading that was never delivered found; None if the test set is to be read now.

    Args:
        journal: open.
        chosen: the winner, as for `choose`.
        delivered: which reading the study's card shows already; 0: none.
        reopen: read it though it was read before; the count of readings tells for ever.

    Raises:
        StudyError: it was read before, for another winner or for a card that is there; or the card
            tells of a reading that the journal does not.
    """
    check_readings(delivered, journal, journal.directory)
    readings = journal.events(READ)
    if not readings or reopen:
        return None
    last = readings[-1]
    if last.detail.get("chosen") != chosen or delivered >= len(readings):
        raise StudyError(refusal(journal, last))
    return _reading(journal, last)


def read(
    journal: Journal,
    chosen: Mapping[str, Any],
    part: Part,
    fingerprint: str,
    evaluate: Callable[[Part], Mapping[str, Any]],
) -> Reading:
    """Reads the test set and journals what it says; ask `earlier` first.

    Args:
        journal: with the lease; it must hold the winner by `choose`.
        chosen: the winner.
        part: the sealed part. Nothing else in caviar looks at it.
        fingerprint: of the data set.
        evaluate: makes JSON of the part.
    """
    known = journal.events(CHOSEN)
    if not known or known[-1].detail != chosen:
        raise ValueError("the winner must be journalled before the test set is read")
    detail = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": reader(),
        "readings": len(journal.events(READ)) + 1,
        "fingerprint": fingerprint,
        "chosen": dict(chosen),
        "results": dict(evaluate(part)),
    }
    journal.record(READ, detail)
    return _reading(journal, journal.events(READ)[-1])


def refusal(journal: Journal, last: Event) -> str:
    """The line that refuses another reading."""
    chosen = last.detail.get("chosen")
    name = chosen.get("name") if isinstance(chosen, Mapping) else None
    return (
        f"{journal.directory}: the test set was read at {last.detail.get('at')} for "
        f"{name}; a second reading needs --reopen, and the report shows it for ever"
    )


def reader() -> str:
    """What reads, for the journal: this caviar, in this process."""
    version = packages().get("caviar", "unknown")
    return f"caviar {version}, process {os.getpid()} on {socket.gethostname()}"


def _reading(journal: Journal, event: Event) -> Reading:
    detail = event.detail
    results = detail.get("results")
    sound = isinstance(results, Mapping) and results.keys() >= RESULTS
    if not sound or not {"at", "by", "readings"} <= detail.keys():
        raise StudyError(f"{journal.directory}: the journal's event {READ} is damaged")
    return Reading(str(detail["at"]), str(detail["by"]), detail["readings"], dict(results or {}))
