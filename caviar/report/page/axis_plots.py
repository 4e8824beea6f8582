"""The metric against each hyperparameter on its own scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from caviar.report.page.axes import Axis
from caviar.report.page.figure import Figure, Trace, View, axis, dots
from caviar.report.page.markup import clipped, figures
from caviar.report.page.scores import Scores

_ROOM: Final = 0.06
"""Of the metric's range, below and above what is drawn."""

Values = Mapping[int, float]


def axis_plots(scores: Scores) -> list[Figure]:
    """A figure a hyperparameter: every trial's metric where its value lies."""
    return [_axis_plot(scores, one) for one in scores.axes]


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
        "yaxis": axis(scores.label, range=[low - room, high + room], **scores.ticks),
        "hovermode": "closest",
    }
