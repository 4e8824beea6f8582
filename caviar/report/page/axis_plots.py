"""The metric against each hyperparameter on its own scale, and the best of each stretch of it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np

from caviar.report.page.axes import Axis
from caviar.report.page.figure import Figure, Trace, View, axis, bars, dots
from caviar.report.page.markup import NONE, Html, clipped, figures, tag, value_text
from caviar.report.page.scores import Scores
from caviar.space.domain import Choice

BUCKETS: Final = 8
"""Stretches of an axis without cells."""
_ROOM: Final = 0.06
"""Of the metric's range, below and above what is drawn."""

Values = Mapping[int, float]


def axis_plots(scores: Scores) -> list[Figure]:
    """A figure a hyperparameter: every trial's metric where its value lies."""
    return [_axis_plot(scores, one) for one in scores.axes]


def isolation_plots(scores: Scores) -> list[Figure]:
    """A figure a hyperparameter: the best trial of each stretch, whatever the others were."""
    return [_isolation(scores, one) for one in scores.axes]


def _axis_plot(scores: Scores, one: Axis) -> Figure:
    views = [
        View(label, _trials(scores, one, values), _layout(scores, one, values))
        for label, values in scores.views()
    ]
    lost = sum(one.place(scores.evidence.trials[trial]) is not None for trial in scores.lost)
    spoken = f"{scores.evidence.metric} of each trial by {clipped(one.name)}, {lost} diverged."
    return Figure(
        f"axis-{one.index}", clipped(one.name), spoken, views, 250, "axis", caption=one.hint
    )


def _trials(scores: Scores, one: Axis, values: Values) -> list[Trace]:
    """Sound trials, and along the lower edge those that diverged."""
    trials = scores.evidence.trials
    found = [(t, one.place(trials[t]), value) for t, value in values.items()]
    there = [(t, round(place, 4), figures(v)) for t, place, v in found if place is not None]
    colours = [scores.colour(t) for t, _, _ in there]
    data = []
    if there:
        told, x, y = zip(*there, strict=True)
        data.append(dots(x, y, told, {"color": colours, "size": 7, "opacity": 0.85}))
    lost = [(t, one.place(trials[t])) for t in sorted(scores.lost)]
    gone = [(t, round(place, 4)) for t, place in lost if place is not None]
    if gone:
        worst = _span(scores, values)[0 if scores.evidence.sign < 0 else 1]
        marker = {"symbol": "x-thin-open", "color": "@bad", "size": 8}
        data.append(dots([x for _, x in gone], [worst] * len(gone), [t for t, _ in gone], marker))
    return data


def _span(scores: Scores, values: Values) -> tuple[float, float]:
    """The metric's range, with room where diverged trials are marked."""
    known = list(values.values())
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if scores.evidence.sign > 0 and known:  # a loss: what exploded hides the rest
        high = min(high, float(np.percentile(known, 90)) * 1.5)
    room = _ROOM * max(high - low, 1e-6)
    return low - room, high + room


def _layout(scores: Scores, one: Axis, values: Values) -> dict[str, Any]:
    low, high = _span(scores, values)
    room = _ROOM * (high - low)
    return {
        "xaxis": one.layout(),
        "yaxis": axis(scores.label, range=[low - room, high + room]),
        "hovermode": "closest",
    }


def _isolation(scores: Scores, one: Axis) -> Figure:
    rows = _buckets(scores, one)
    shown = [row for row in rows if row["best"] is not None]
    values = [row["best"] for row in shown]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = max(high - low, 1e-3)
    least = low - 0.35 * room
    sign = scores.evidence.sign
    top = min(values, key=lambda v: sign * v) if values else None
    data = []
    if shown:
        colours = ["@cool" if row["best"] == top else "@s1" for row in shown]
        data.append(
            bars(
                [(row["from"] + row["to"]) / 2 for row in shown],
                [row["best"] - least for row in shown],
                [row["told"] for row in shown],
                colours,
                base=[least] * len(shown),
                width=[0.86 * (row["to"] - row["from"]) for row in shown],
            )
        )
    layout = {
        "xaxis": one.layout(),
        "yaxis": axis(scores.label, range=[least, high + 0.1 * room]),
        "hovermode": "closest",
    }
    spoken = f"The best {scores.evidence.metric} in each stretch of {clipped(one.name)}."
    return Figure(
        f"isolation-{one.index}", clipped(one.name), spoken, [View("best", data, layout)], 220,
        table=_table(scores, rows),
    )  # fmt: skip


def _edges(one: Axis) -> list[float]:
    """Of the stretches: the cells where there are few, else evenly cut."""
    cells = one.domain.axis.cells
    if isinstance(one.domain, Choice) or (cells is not None and cells <= BUCKETS):
        values = [one.domain.decode((k + 0.5) / 1000) for k in range(1000)]
        ends = [k / 1000 for k in range(1, 1000) if values[k] != values[k - 1]]
        return [0.0, *ends, 1.0]
    return [float(u) for u in np.linspace(one.low, one.high, BUCKETS + 1)]


def _buckets(scores: Scores, one: Axis) -> list[dict[str, Any]]:
    edges = _edges(one)
    rows = []
    for k, (start, end) in enumerate(pairwise(edges)):
        last = k == len(edges) - 2
        inside = []
        for trial in scores.evidence.trials:
            place = one.place(trial)
            if place is not None and start <= place and (place < end or (last and place <= end)):
                inside.append(trial.index)
        known = [t for t in inside if t in scores.best]
        best = min(known, key=lambda t: scores.evidence.sign * scores.best[t], default=None)
        row: dict[str, Any] = {
            "from": start, "to": end, "name": _stretch(one, start, end), "trials": len(inside),
            "lost": sum(t in scores.lost for t in inside), "trial": best,
            "best": None if best is None else scores.best[best],
        }  # fmt: skip
        if best is not None:
            row["told"] = (
                f"{clipped(one.name)} {row['name']}\nbest {row['best']:.4g}, trial {best}\n"
                f"of {len(inside)} trials, {row['lost']} diverged"
            )
        rows.append(row)
    return rows


def _stretch(one: Axis, start: float, end: float) -> str:
    first, last = one.domain.decode(start + 1e-9), one.domain.decode(max(start, end - 1e-9))
    if first == last:
        return value_text(first)
    return f"{value_text(first)} to {value_text(last)}"


def _table(scores: Scores, rows: list[dict[str, Any]]) -> Html:
    heads = ("values", f"best {scores.evidence.metric}", "trial", "trials", "diverged")
    body = [
        tag(
            "tr", tag("th", row["name"], scope="row"),
            *(tag("td", cell) for cell in (
                NONE if row["best"] is None else f"{row['best']:.4g}",
                NONE if row["trial"] is None else row["trial"], row["trials"], row["lost"],
            )),
        )
        for row in rows
    ]  # fmt: skip
    head = tag("tr", *(tag("th", text, scope="col") for text in heads))
    return tag("table", tag("thead", head), tag("tbody", *body))
