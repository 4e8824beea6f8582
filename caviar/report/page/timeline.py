"""What ran where and when: a row a slice, a bar an attempt, and the gaps are idle time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from caviar.report.evidence import Evidence
from caviar.report.page.figure import Figure, Trace, View, axis, bars
from caviar.report.page.markup import clipped, plotly
from caviar.report.page.tables import table
from caviar.study.facts import Attempt, Outcome
from caviar.study.spent import STARTS
from caviar.study.wording import duration

MOST_BARS: Final = 4000
"""Attempts that are drawn; of more, neighbours become one bar."""
MOST_SLICES: Final = 64
_COLOURS: Final = {
    Outcome.COMPLETE: "@s3", Outcome.FAILED: "@bad", Outcome.LOST: "@warn",
    Outcome.INTERRUPTED: "@faint", None: "@good",
}  # fmt: skip
_MANY_S: Final = 600.0


@dataclass(frozen=True)
class Shift:
    """A driver's time: what lies between two of them is left out of the plot.

    Attributes:
        began: seconds since 1970.
        ended: of its last sign of life.
        start: where it begins in the plot, in seconds.
    """

    began: float
    ended: float
    start: float


def timeline(evidence: Evidence) -> Figure | None:
    """The figure, or None before anything was claimed."""
    if not evidence.attempts:
        return None
    found = shifts(evidence)
    slices = sorted({a.slice_name for a in evidence.attempts}, key=_by_number)[:MOST_SLICES]
    unit, word = (60.0, "minutes") if _length(found) > _MANY_S else (1.0, "seconds")
    rows, merged = _rows(evidence, found, slices)
    layout = _layout(found, slices, unit, word)
    busy = busy_share(evidence, found, len(slices))
    spoken = f"{len(slices)} slices at work {100 * busy:.0f} % of {duration(_length(found))}."
    told = [f"Slices were at work {100 * busy:.0f} % of the time; the gaps are idle."]
    if len(found) > 1:
        told.append("Dotted lines are times without a driver; they are left out.")
    if merged:
        told.append(
            f"Thinned: {len(evidence.attempts):,} attempts are drawn as {len(rows):,} bars."
        )
    height = 110 + 34 * max(2, len(slices))
    heads = ("slice", "attempts", "epochs", "at work")
    return Figure(
        "timeline", "", spoken, [View("time", _traces(rows, slices, unit), layout)], height,
        caption=" ".join(told), table=table(heads, _by_slice(evidence, found), "Slices"), wide=True,
    )  # fmt: skip


def shifts(evidence: Evidence) -> list[Shift]:
    """When drivers were at work, by their events and by attempts."""
    starts = [e.recorded_at for e in evidence.events if e.kind in STARTS]
    first = min(a.claimed_at for a in evidence.attempts)
    starts = sorted({min([first, *starts]), *starts})
    signs = [e.recorded_at for e in evidence.events]
    signs += [t for a in evidence.attempts for t in (a.claimed_at, a.ended_at) if t is not None]
    found: list[Shift] = []
    for place, began in enumerate(starts):
        until = starts[place + 1] if place + 1 < len(starts) else float("inf")
        ended = max([t for t in signs if began <= t < until], default=began)
        start = found[-1].start + found[-1].ended - found[-1].began if found else 0.0
        found.append(Shift(began, ended, start))
    return found


def busy_share(evidence: Evidence, found: Sequence[Shift], slices: int) -> float:
    """How much of the drivers' time slices were at work."""
    whole = _length(found) * slices
    spent = sum(end - start for start, end in (_span(a, found) for a in evidence.attempts))
    return min(1.0, spent / whole) if whole > 0 else 0.0


def _length(found: Sequence[Shift]) -> float:
    return found[-1].start + found[-1].ended - found[-1].began


def _span(attempt: Attempt, found: Sequence[Shift]) -> tuple[float, float]:
    """Where an attempt lies in the plot; one that a killed driver left ended with it."""
    shift = next((s for s in reversed(found) if s.began <= attempt.claimed_at), found[0])
    ended = shift.ended if attempt.ended_at is None else min(attempt.ended_at, shift.ended)
    start = attempt.claimed_at - shift.began
    return shift.start + start, shift.start + max(start, ended - shift.began)


Row = tuple[int, Outcome | None, float, float, str]
"""Of a bar: its slice's place, how it ended, start, end, what it says."""


def _rows(
    evidence: Evidence, found: Sequence[Shift], slices: Sequence[str]
) -> tuple[list[Row], bool]:
    places = {name: place for place, name in enumerate(slices)}
    rows: list[Row] = []
    for attempt in evidence.attempts:
        if attempt.slice_name in places:
            start, end = _span(attempt, found)
            row = (
                places[attempt.slice_name],
                attempt.outcome,
                start,
                end,
                _told(attempt, end - start),
            )
            rows.append(row)
    rows.sort(key=lambda row: (row[0], row[2]))
    if len(rows) <= MOST_BARS:
        return rows, False
    return _merged(rows, _length(found) / 1500), True


def _merged(rows: list[Row], gap: float) -> list[Row]:
    """Bars with no visible gap between them as one."""
    kept: list[Row] = []
    for row in rows:
        last = kept[-1] if kept else None
        if last is not None and last[:2] == row[:2] and row[2] - last[3] < gap:
            kept[-1] = (*last[:3], row[3], "several attempts")
        else:
            kept.append(row)
    return kept


def _told(attempt: Attempt, spent: float) -> str:
    state = attempt.outcome or "running"
    again = f", attempt {attempt.attempt}" if attempt.attempt > 1 else ""
    told = f"assignment {attempt.assignment}{again}: {state}\n"
    told += f"{attempt.trained_epochs} trial-epochs in {spent:.3g} s"
    return told + (f"\n{clipped(attempt.error, 120)}" if attempt.error else "")


def _traces(rows: list[Row], slices: Sequence[str], unit: float) -> list[Trace]:
    data = []
    for outcome, colour in _COLOURS.items():
        some = [row for row in rows if row[1] == outcome]
        if some:
            data.append(
                bars(
                    [round((end - start) / unit, 4) for _, _, start, end, _ in some],
                    [place for place, *_ in some], [told for *_, told in some], colour,
                    base=[round(start / unit, 4) for _, _, start, _, _ in some],
                    orientation="h", width=0.72, name=str(outcome or "running"),
                    showlegend=any(row[1] != Outcome.COMPLETE for row in rows),
                )
            )  # fmt: skip
    return data


def _layout(
    found: Sequence[Shift], slices: Sequence[str], unit: float, word: str
) -> dict[str, Any]:
    names = [plotly(clipped(name.rpartition(":")[2], 24)) for name in slices]
    gaps = [
        {
            "type": "line", "x0": shift.start / unit, "x1": shift.start / unit, "yref": "paper",
            "y0": 0, "y1": 1, "line": {"color": "@soft", "width": 1, "dash": "dot"},
        }
        for shift in found[1:]
    ]  # fmt: skip
    return {
        "xaxis": axis(f"{word} since the study began", range=[0, max(_length(found), 1e-3) / unit]),
        "yaxis": {
            "tickmode": "array", "tickvals": list(range(len(slices))), "ticktext": names,
            "range": [len(slices) - 0.5, -0.5], "showgrid": False, "zeroline": False,
        },
        "barmode": "overlay", "hovermode": "closest", "shapes": gaps,
        "legend": {"orientation": "h", "y": 1.12},
    }  # fmt: skip


def _by_slice(evidence: Evidence, found: Sequence[Shift]) -> list[list[object]]:
    rows: dict[str, list[float]] = {}
    for attempt in evidence.attempts:
        start, end = _span(attempt, found)
        row = rows.setdefault(attempt.slice_name, [0, 0, 0.0])
        row[0] += 1
        row[1] += attempt.trained_epochs
        row[2] += end - start
    return [
        [clipped(name), int(row[0]), int(row[1]), duration(row[2])]
        for name, row in sorted(rows.items())
    ]


def _by_number(name: str) -> tuple[int, str]:
    """Slices in the order of their numbers."""
    digits = name.rpartition("-")[2]
    return (int(digits) if digits.isdecimal() and len(digits) < 10 else 0, name)
