"""The best of each stretch of a hyperparameter, whatever the others were, all on one scale.

A peak is a reason to look there; a flat row does not matter, and on a shared scale it looks flat.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from caviar.report.page.axes import Axis
from caviar.report.page.figure import Figure, Trace, View, axis, dots, lines
from caviar.report.page.markup import NONE, Html, clipped, figures, value_text
from caviar.report.page.scores import Scores
from caviar.report.page.tables import table
from caviar.space.domain import Choice

BUCKETS: Final = 8
"""Stretches of an axis, at most ..."""
_EACH: Final = 4
"""... of about so many trials each, at least: the best of one or two tells nothing."""
_FEWEST: Final = 3
_ROOM: Final = 0.06
"""Of the metric's range, below and above what is drawn."""
_FARTHEST: Final = 3.0
"""Times the way from the best trial to the middle one that the plots of stretches reach."""
_LEAST: Final = 0.01
"""What they show at least: a point of an accuracy, a hundredth of a loss."""


@dataclass(frozen=True)
class Scale:
    """The metric's range that all plots of stretches share.

    Attributes:
        low: its lower end.
        high: its upper end.
        typical: the middle trial's value.
    """

    low: float
    high: float
    typical: float

    def holds(self, value: float) -> bool:
        """Whether a value is on it."""
        return self.low <= value <= self.high

    def place(self, value: float) -> float:
        """Where a value is drawn: there, or at the edge."""
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Stretch:
    """A part of an axis.

    Attributes:
        middle: its place on the axis.
        name: its values, in a person's units.
        trials: how many lie in it.
        lost: how many of these diverged.
        best: the best trial, or None.
        value: that one's metric, NaN without one.
        told: all of it, for who points at it.
    """

    middle: float
    name: str
    trials: int
    lost: int
    best: int | None
    value: float
    told: str


def isolation_plots(scores: Scores) -> list[Figure]:
    """A figure a hyperparameter: the best trial of each stretch, whatever the others were.

    All share one scale, so that a hyperparameter that does not matter is a flat row.
    """
    found = [_stretches(scores, one) for one in scores.axes]
    bests = [row.value for rows in found for row in rows if row.best is not None]
    scale = _scale(scores, bests)
    pairs = zip(scores.axes, found, strict=True)
    return [_isolation(scores, one, rows, scale) for one, rows in pairs]


def _scale(scores: Scores, bests: Sequence[float]) -> Scale:
    """From the best of all to the worst of the stretches, but no further than typical trials tell.

    One stretch where nothing was learnt would flatten all others: what lies beyond three times the
    way from the best to the middle trial is drawn at the edge. What could be luck fills no plot.
    """
    known = list(scores.best.values())
    if not known:
        return Scale(0.0, 1.0, 0.0)
    sign = scores.evidence.sign
    best = sign * min(sign * value for value in known)
    typical = float(np.median(known))
    least = max(4 * scores.evidence.account["noise"], _LEAST * (1 if scores.ticks else abs(best)))
    farthest = max(sign * (value - best) for value in (*bests, typical))
    reach = max(min(farthest, _FARTHEST * abs(typical - best)), least)
    low, high = sorted((best, best + sign * reach))
    return Scale(low, high, typical)


def _isolation(scores: Scores, one: Axis, rows: list[Stretch], scale: Scale) -> Figure:
    spoken = (
        f"The best {scores.name} in each stretch of {clipped(one.name)}, on the scale that all of "
        "these plots share."
    )
    data = _traces(scores, one, [row for row in rows if row.best is not None], scale)
    view = View("best", data, _layout(scores, one, rows, scale))
    return Figure(
        f"isolation-{one.index}", clipped(one.name), spoken, [view], 240, table=_table(scores, rows)
    )


def _traces(scores: Scores, one: Axis, shown: list[Stretch], scale: Scale) -> list[Trace]:
    """The middle trial's level, a line through the bests, a dot each."""
    if not shown:
        return []
    middles = [row.middle for row in shown]
    level = [figures(scale.typical)] * 2 if scale.holds(scale.typical) else []
    ends = [one.low, one.high] if level else []
    typical = lines(ends, level, "@soft", line={"width": 1, "dash": "dot"})
    way = lines(middles, [figures(scale.place(row.value)) for row in shown], "@s2")
    inside = [row for row in shown if scale.holds(row.value)]
    beyond = [row for row in shown if not scale.holds(row.value)]
    symbol = "triangle-down" if scores.evidence.sign < 0 else "triangle-up"
    found = [_dots(inside, scale, "circle"), _dots(beyond, scale, symbol)]
    return [trace for trace in (typical, way, *found) if trace["x"]]


def _dots(rows: list[Stretch], scale: Scale, symbol: str) -> Trace:
    places = [figures(scale.place(row.value)) for row in rows]
    marker = {"color": "@cool", "size": 9, "symbol": symbol}
    return dots([row.middle for row in rows], places, [row.told for row in rows], marker)


def _layout(scores: Scores, one: Axis, rows: list[Stretch], scale: Scale) -> dict[str, Any]:
    """The shared scale; along its upper edge how many trials each best is the best of."""
    room = scale.high - scale.low
    low, high = scale.low - _ROOM * room, scale.high + 3 * _ROOM * room
    counts = [
        {
            "x": row.middle, "y": high - _ROOM * room, "text": str(row.trials), "showarrow": False,
            "font": {"size": 10, "color": "@soft"},
        }
        for row in rows if row.trials
    ]  # fmt: skip
    return {
        "xaxis": one.layout(),
        "yaxis": axis(scores.label, range=[low, high], **scores.ticks),
        "hovermode": "closest", "annotations": counts,
    }  # fmt: skip


def _edges(one: Axis, trials: int) -> list[float]:
    """Of the stretches: the cells where there are few, else evenly cut."""
    cells = one.domain.axis.cells
    if isinstance(one.domain, Choice) or (cells is not None and cells <= BUCKETS):
        values = [one.domain.decode((k + 0.5) / 1000) for k in range(1000)]
        ends = [k / 1000 for k in range(1, 1000) if values[k] != values[k - 1]]
        return [0.0, *ends, 1.0]
    count = max(_FEWEST, min(BUCKETS, trials // _EACH))
    return [float(u) for u in np.linspace(one.low, one.high, count + 1)]


def _stretches(scores: Scores, one: Axis) -> list[Stretch]:
    edges = _edges(one, len(scores.evidence.trials))
    inside: list[list[int]] = [[] for _ in edges[1:]]
    for trial in scores.evidence.trials:
        place = one.place(trial)
        if place is not None and edges[0] <= place <= edges[-1]:
            inside[min(bisect_right(edges, place), len(inside)) - 1].append(trial.index)
    pairs = zip(pairwise(edges), inside, strict=True)
    return [_stretch(scores, one, start, end, trials) for (start, end), trials in pairs]


def _stretch(scores: Scores, one: Axis, start: float, end: float, inside: list[int]) -> Stretch:
    known = [trial for trial in inside if trial in scores.best]
    best = min(known, key=lambda t: scores.evidence.sign * scores.best[t], default=None)
    value = math.nan if best is None else scores.best[best]
    name = _values(one, start, end)
    lost = sum(trial in scores.lost for trial in inside)
    told = (
        f"{clipped(one.name)} {name}\nbest {scores.name}: {scores.told(value)}, trial {best}\n"
        f"the best of {len(inside)} trials, {lost} of them diverged"
    )
    return Stretch((start + end) / 2, name, len(inside), lost, best, value, told)


def _values(one: Axis, start: float, end: float) -> str:
    """A stretch in a person's units."""
    first, last = one.domain.decode(start + 1e-9), one.domain.decode(max(start, end - 1e-9))
    if first == last:
        return value_text(first)
    return f"{value_text(first)} to {value_text(last)}"


def _table(scores: Scores, rows: list[Stretch]) -> Html:
    heads = ("values", f"best {scores.name}", "trial", "trials", "diverged")
    body = [
        (
            row.name,
            NONE if row.best is None else scores.told(row.value),
            NONE if row.best is None else row.best,
            row.trials,
            row.lost,
        )
        for row in rows
    ]
    return table(heads, body)
