"""What ran where and when: a row a slice, a bar an attempt, and the gaps are idle time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from caviar.report.page.figure import Figure, Trace, View, axis, bars
from caviar.report.page.markup import clipped, plotly
from caviar.report.page.tables import table
from caviar.report.page.work import Clock, Work
from caviar.study.facts import Outcome
from caviar.study.wording import duration

MOST_BARS: Final = 4000
"""Attempts that are drawn; of more, neighbours become one bar."""
MOST_SLICES: Final = 64
_RETRAINED: Final = "retrained"
_COLOURS: Final = {
    "complete": "@s3", _RETRAINED: "@c3", "failed": "@bad", "lost": "@warn",
    "interrupted": "@faint", "running": "@good",
}  # fmt: skip
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
    told = [f"Slices were at work {100 * clock.busy:.0f} % of the time that drivers were there;"]
    told.append("the gaps are idle, or wait for Ray to start.")
    if len(clock.shifts) > 1:
        told.append("At a dotted line one driver left and another came; what lay between is cut.")
    if len(clock.slices) > MOST_SLICES:
        told.append(f"The first {MOST_SLICES} of {len(clock.slices)} slices are drawn.")
    if thinned:
        told.append(f"Thinned: {len(clock.works):,} attempts are drawn as {thinned:,} bars.")
    return " ".join(told)


def _rows(clock: Clock, slices: Sequence[str]) -> tuple[list[Row], bool]:
    places = {name: place for place, name in enumerate(slices)}
    rows = [
        (places[w.attempt.slice_name], _kind(w), w.start, w.end, _told(w))
        for w in clock.works
        if w.attempt.slice_name in places
    ]
    rows.sort(key=lambda row: (row[0], row[2]))
    if len(rows) <= MOST_BARS:
        return rows, False
    return _merged(rows, clock.length / 1500), True


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
    return _RETRAINED if done and work.retraining else str(work.attempt.outcome or "running")


def _told(work: Work) -> str:
    attempt = work.attempt
    again = f", attempt {attempt.attempt}" if attempt.attempt > 1 else ""
    what = "retraining, assignment" if work.retraining else "assignment"
    told = f"{what} {attempt.assignment}{again}: {attempt.outcome or 'running'}\n"
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
                    orientation="h", width=0.72, name=kind, showlegend=several,
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
