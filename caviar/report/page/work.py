"""When slices were at work: the attempts of the search and of the retraining, on one clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from caviar.errors import StudyError
from caviar.report.evidence import Evidence
from caviar.report.page.trained import Trained
from caviar.study.expenses import SEARCH
from caviar.study.facts import Attempt, Event
from caviar.study.finals import RETRAINING, SIZES, Finals, event_of
from caviar.study.journal import Journal
from caviar.study.spent import STARTS, STOP


@dataclass(frozen=True)
class Shift:
    """A driver's time: what lies between two of them is left out.

    Attributes:
        began: seconds since 1970.
        ended: of its stop, or else of its last sign of life.
        start: where it begins on the clock, in seconds.
    """

    began: float
    ended: float
    start: float


@dataclass(frozen=True)
class Work:
    """An attempt on the clock.

    Attributes:
        attempt: in the journal's words.
        start: seconds since the study began, without what lay between drivers.
        end: the same; of one that a killed driver left, when that went.
        kind: `SEARCH`, or of the finals it was part of.
        who: whom it trained and with what, in lines; "" if that is not known.
    """

    attempt: Attempt
    start: float
    end: float
    kind: str = SEARCH
    who: str = ""


@dataclass(frozen=True)
class Gap:
    """Time in which a slice had nothing to do while a driver was there.

    Attributes:
        slice_name: whose.
        start: on the clock, in seconds.
        end: the same.
        first: whether it lies before the slice's first work under that driver.
    """

    slice_name: str
    start: float
    end: float
    first: bool


@dataclass(frozen=True)
class Clock:
    """All work of a study.

    Attributes:
        shifts: in order; none before anything was claimed.
        works: in order of claiming, those of the search first.
    """

    shifts: tuple[Shift, ...]
    works: tuple[Work, ...]

    @property
    def length(self) -> float:
        """Seconds that drivers were there."""
        last = self.shifts[-1] if self.shifts else None
        return last.start + last.ended - last.began if last else 0.0

    @property
    def slices(self) -> tuple[str, ...]:
        """Their names, by number."""
        return tuple(sorted({w.attempt.slice_name for w in self.works}, key=_by_number))

    @property
    def busy(self) -> float:
        """How much of the drivers' time the slices were at work, from 0 to 1."""
        whole = self.length * len(self.slices)
        return min(1.0, sum(w.end - w.start for w in self.works) / whole) if whole > 0 else 0.0

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """All idle time, by slice and start."""
        by_slice: defaultdict[str, list[Work]] = defaultdict(list)
        for work in sorted(self.works, key=lambda w: w.start):
            by_slice[work.attempt.slice_name].append(work)
        return tuple(
            gap
            for name in self.slices
            for shift in self.shifts
            for gap in _gaps(name, shift, by_slice[name])
        )


def clock(evidence: Evidence) -> Clock:
    """Reads it off the evidence, and off the journals of the retraining beside it."""
    told = Trained(evidence)
    known = [(a, SEARCH, told.searched(evidence.assignments.get(a.assignment)))
             for a in evidence.attempts]  # fmt: skip
    known += _retrained(evidence.directory, evidence.events, told)
    if not known:
        return Clock((), ())
    found = tuple(_shifts(evidence.events, [attempt for attempt, *_ in known]))
    return Clock(found, tuple(Work(a, *_span(a, found), *more) for a, *more in known))


def _gaps(name: str, shift: Shift, works: Sequence[Work]) -> Iterator[Gap]:
    """When a slice did nothing while this driver was there."""
    at, last = shift.start, shift.start + shift.ended - shift.began
    first = True
    for work in works:
        if not shift.start <= work.start <= last:
            continue
        if work.start > at:
            yield Gap(name, at, work.start, first)
        at, first = max(at, work.end), False
    if last > at:
        yield Gap(name, at, last, first)


def _retrained(
    directory: Path, events: Sequence[Event], told: Trained
) -> list[tuple[Attempt, str, str]]:
    """Attempts of all finals whose folder is there, of which kind, and whom they trained."""
    begun = {event_of(kind) for kind in (RETRAINING, SIZES)}
    finals = [Finals.from_json(event.detail) for event in events if event.kind in begun]
    found: list[tuple[Attempt, str, str]] = []
    for one in {each.folder(directory): each for each in finals}.values():
        try:
            with Journal.open(one.folder(directory)) as journal:
                assignments = journal.assignments()
                attempts = journal.attempts()
        except StudyError:
            continue  # it was deleted, or is not begun
        found += [
            (a, one.kind, told.retrained(one, assignments.get(a.assignment))) for a in attempts
        ]
    return found


def _shifts(events: Sequence[Event], attempts: Sequence[Attempt]) -> list[Shift]:
    first = min(a.claimed_at for a in attempts)
    starts = [e.recorded_at for e in events if e.kind in STARTS]
    starts = sorted({min([first, *starts]), *starts})
    stops = [e.recorded_at for e in events if e.kind == STOP]
    signs = [t for a in attempts for t in (a.claimed_at, a.ended_at) if t is not None]
    found: list[Shift] = []
    for place, began in enumerate(starts):
        until = starts[place + 1] if place + 1 < len(starts) else float("inf")
        stopped = [t for t in stops if began <= t < until]
        seen = [t for t in signs if began <= t < until]
        ended = stopped[-1] if stopped else max(seen, default=began)
        start = found[-1].start + found[-1].ended - found[-1].began if found else 0.0
        found.append(Shift(began, max(began, ended), start))
    return found


def _span(attempt: Attempt, found: Sequence[Shift]) -> tuple[float, float]:
    shift = next((s for s in reversed(found) if s.began <= attempt.claimed_at), found[0])
    last = shift.ended - shift.began
    start = min(max(0.0, attempt.claimed_at - shift.began), last)
    ended = last if attempt.ended_at is None else attempt.ended_at - shift.began
    return shift.start + start, shift.start + max(start, min(ended, last))


def _by_number(name: str) -> tuple[int, str]:
    digits = name.rpartition("-")[2]
    return (int(digits) if digits.isdecimal() and len(digits) < 10 else 0, name)
