"""What ran where and when: a row a slice, a bar an attempt, and the gaps are idle time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from caviar.report.page.figure import Figure, Trace, View, axis, bars
from caviar.report.page.markup import clipped, plotly
from caviar.report.page.tables import table
from caviar.report.page.work import Clock, Gap, Work
from caviar.study.expenses import SEARCH
from caviar.study.facts import Outcome
from caviar.study.finals import RETRAINING, SIZES
from caviar.study.wording import duration

MOST_BARS: Final = 4000
"""Attempts that are drawn; of more, neighbours become one bar."""
MOST_SLICES: Final = 64
_SHORTEST: Final = 1 / 1500
"""Of the clock: what is shorter than that cannot be seen."""
IDLE: Final = "idle"
_COLOURS: Final = {
    IDLE: "@s0", SEARCH: "@s3", RETRAINING: "@c3", SIZES: "@c4", "failed": "@bad", "lost": "@warn",
    "interrupted": "@faint", "running": "@good",
}  # fmt: skip
_THICK: Final = 0.72
_THIN: Final = 0.14
"""Of a slice's row: of its work, and of what lies between."""
_LONG_S: Final = 600.0

Row = tuple[int, str, float, float, str]
"""Of a bar: its slice's place, its kind, start, end, what it says."""


def timeline(clock: Clock) -> Figure | None:
    """The figure, or None before anything was claimed."""
    if not clock.works:
        return None
    slices = clock.slices[:MOST_SLICES]
    unit, word = (60.0, "minutes") if clock.length > _LONG_S else (1.0, "seconds")
    rows, merged = _rows(clock, slices)
    layout = _layout(clock, slices, unit, word)
    count = f"{len(clock.slices)} slice{'s' * (len(clock.slices) != 1)}"
    spoken = f"{count} at work {100 * clock.busy:.0f} % of {duration(clock.length)}."
    height = 120 + 34 * max(2, len(slices))
    by_slice = table(("slice", "attempts", "epochs", "at work"), _by_slice(clock), "Slices")
    return Figure(
        "timeline", "", spoken, [View("time", _traces(rows, unit), layout)], height,
        caption=_caption(clock, len(rows) if merged else 0), table=by_slice, wide=True,
    )  # fmt: skip


def _caption(clock: Clock, thinned: int) -> str:
    told = [_idle_told(clock)]
    if len(clock.shifts) > 1:
        told.append("At a dotted line one driver left and another came; what lay between is cut.")
    if len(clock.slices) > MOST_SLICES:
        told.append(f"The first {MOST_SLICES} of {len(clock.slices)} slices are drawn.")
    if thinned:
        told.append(f"Thinned: {len(clock.works):,} attempts are drawn as {thinned:,} bars.")
    return " ".join(told)


def _idle_told(clock: Clock) -> str:
    """How much of the slices' time went by idle, and when."""
    first = sum(g.end - g.start for g in clock.gaps if g.first)
    later = sum(g.end - g.start for g in clock.gaps if not g.first)
    whole = clock.length * len(clock.slices)
    share = 100 * (first + later) / whole if whole > 0 else 0.0
    slices = f"{len(clock.slices)} slice{'s' * (len(clock.slices) != 1)}"
    return (
        f"Thin lines are idle time: {share:.0f} % of what {slices} had in {duration(clock.length)};"
        f" {duration(first)} of it before a slice's first assignment, while Ray and TensorFlow"
        f" start, {duration(later)} between assignments and after the last."
    )


def _rows(clock: Clock, slices: Sequence[str]) -> tuple[list[Row], bool]:
    places = {name: place for place, name in enumerate(slices)}
    rows = [
        (places[w.attempt.slice_name], _kind(w), w.start, w.end, _told(w))
        for w in clock.works
        if w.attempt.slice_name in places
    ]
    rows += [
        (places[g.slice_name], IDLE, g.start, g.end, _gap_told(g))
        for g in clock.gaps
        if g.slice_name in places and g.end - g.start > clock.length * _SHORTEST
    ]
    rows.sort(key=lambda row: (row[0], row[2]))
    if len(rows) <= MOST_BARS:
        return rows, False
    return _merged(rows, clock.length * _SHORTEST), True


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


def _kind(work: Work) -> str:
    done = work.attempt.outcome == Outcome.COMPLETE
    return work.kind if done else str(work.attempt.outcome or "running")


def _gap_told(gap: Gap) -> str:
    why = "\nbefore its first assignment" if gap.first else ""
    return f"idle for {gap.end - gap.start:.3g} s{why}"


def _told(work: Work) -> str:
    attempt = work.attempt
    again = f", attempt {attempt.attempt}" if attempt.attempt > 1 else ""
    what = "assignment" if work.kind == SEARCH else f"{work.kind}, assignment"
    told = f"{what} {attempt.assignment}{again}: {attempt.outcome or 'running'}\n"
    told += f"{work.who}\n" if work.who else ""
    told += f"{attempt.trained_epochs} trial-epochs in {work.end - work.start:.3g} s"
    return told + (f"\n{clipped(attempt.error, 120)}" if attempt.error else "")


def _traces(rows: list[Row], unit: float) -> list[Trace]:
    several = len({kind for _, kind, *_ in rows}) > 1
    data = []
    for kind, colour in _COLOURS.items():
        some = [row for row in rows if row[1] == kind]
        if some:
            data.append(
                bars(
                    [round((end - start) / unit, 4) for _, _, start, end, _ in some],
                    [place for place, *_ in some], [told for *_, told in some], colour,
                    base=[round(start / unit, 4) for _, _, start, _, _ in some],
                    orientation="h", width=_THIN if kind == IDLE else _THICK, name=kind,
                    showlegend=several,
                )
            )  # fmt: skip
    return data


def _layout(clock: Clock, slices: Sequence[str], unit: float, word: str) -> dict[str, Any]:
    names = [plotly(clipped(name.rpartition(":")[2], 24)) for name in slices]
    cuts = [
        {
            "type": "line", "x0": shift.start / unit, "x1": shift.start / unit, "yref": "paper",
            "y0": 0, "y1": 1, "line": {"color": "@soft", "width": 1, "dash": "dot"},
        }
        for shift in clock.shifts[1:]
    ]  # fmt: skip
    return {
        "xaxis": axis(f"{word} since the study began", range=[0, max(clock.length, 1e-3) / unit]),
        "yaxis": {
            "tickmode": "array", "tickvals": list(range(len(slices))), "ticktext": names,
            "range": [len(slices) - 0.5, -0.5], "showgrid": False, "zeroline": False,
        },
        "barmode": "overlay", "hovermode": "closest", "shapes": cuts,
    }  # fmt: skip


def _by_slice(clock: Clock) -> list[list[object]]:
    rows = []
    for name in clock.slices:
        some = [w for w in clock.works if w.attempt.slice_name == name]
        epochs = sum(w.attempt.trained_epochs for w in some)
        spent = sum(w.end - w.start for w in some)
        rows.append([clipped(name), len(some), epochs, duration(spent)])
    return rows
