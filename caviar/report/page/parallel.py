"""Parallel coordinates: a line a trial, through all its hyperparameters, coloured by the metric."""

from __future__ import annotations

from typing import Any, Final

from caviar.report.page.axes import Axis
from caviar.report.page.figure import Figure, Trace, View, lines
from caviar.report.page.markup import clipped, figures, join, plotly, tag
from caviar.report.page.palette import SEQUENCE
from caviar.report.page.scores import Scores

MOST: Final = 600
"""Trials that are drawn; of more the best half of these and an even choice of the others."""
MOST_LOST: Final = 200
MOST_AXES: Final = 12
_HOW: Final = (
    tag(
        "span",
        "Drag along an axis to keep only the trials that pass there; double-click frees it.",
        class_="mouse",
    ),
    tag("span", "Swipe sideways for the other axes.", class_="finger"),
)
"""What can be done with a mouse, and with a finger."""
_SHARES: Final = (0.5, 0.75, 0.9, 0.97, 1.0)
"""Of the trials, from the worst, that have the first colours."""
_PLACES: Final = 5


def parallel_coordinates(scores: Scores) -> Figure | None:
    """The figure, or None with fewer than two axes or trials."""
    axes = scores.axes[:MOST_AXES]
    order = sorted(scores.best, key=lambda t: -scores.evidence.sign * scores.best[t])
    if len(axes) < 2 or len(order) < 2:
        return None
    drawn = _chosen(order)
    data = _lost(scores, axes) + _ranked(scores, axes, drawn)
    caption = "The best trials are drawn last and strongest; diverged ones are thin and red."
    if len(drawn) < len(order):
        caption += f" {len(drawn)} of {len(order):,} trials are drawn, the best among them."
    if len(scores.lost) > MOST_LOST:
        caption += f" {MOST_LOST} of {len(scores.lost):,} diverged trials are drawn."
    if len(axes) < len(scores.axes):
        caption += f" The first {MOST_AXES} of {len(scores.axes)} hyperparameters are shown."
    layout = _layout(scores, axes)
    spoken = f"{len(drawn)} trials across {len(axes)} hyperparameters; see the table of trials."
    return Figure(
        "parallel",
        "",
        spoken,
        [View("all", data, layout)],
        420,
        wide=True,
        caption=join([caption, *_HOW], " "),
    )


def _chosen(order: list[int]) -> list[int]:
    """Trials to draw, the worst first."""
    if len(order) <= MOST:
        return order
    rest, best = order[: -MOST // 2], order[-MOST // 2 :]
    step = len(rest) / (MOST // 2)
    return [rest[int(k * step)] for k in range(MOST // 2)] + best


def _ranked(scores: Scores, axes: list[Axis], drawn: list[int]) -> list[Trace]:
    """A trace for each colour."""
    data, begun = [], 0
    values = [scores.best[t] for t in drawn]
    least, most = min(values), max(values)
    for place, share in enumerate(_SHARES):
        end = round(share * len(drawn))
        if end > begun:
            colour = SEQUENCE[place + 1] if place else SEQUENCE[0]
            colour = "@accent" if share == 1.0 else colour
            width = 1.0 + 0.3 * place
            data.append(_trace(scores, axes, drawn[begun:end], colour, width, (least, most)))
        begun = end
    return data


def _lost(scores: Scores, axes: list[Axis]) -> list[Trace]:
    lost = sorted(scores.lost)[:MOST_LOST]
    return [_trace(scores, axes, lost, "@bad", 0.6, None)] if lost else []


def _trace(
    scores: Scores, axes: list[Axis], trials: list[int], colour: str, width: float,
    span: tuple[float, float] | None,
) -> Trace:  # fmt: skip
    x: list[Any] = []
    y: list[Any] = []
    told: list[Any] = []
    for trial in trials:
        places = [one.settled(scores.evidence.trials[trial]) for one in axes]
        row = [
            None if u is None else round((u - one.low) / max(one.high - one.low, 1e-12), 4)
            for u, one in zip(places, axes, strict=True)
        ]
        if span is not None:
            least, most = span
            row.append(figures((scores.best[trial] - least) / max(most - least, 1e-12)))
        x += [*range(len(row)), None]
        y += [*row, None]
        told += [*[trial] * len(row), None]
    return lines(x, y, colour, line={"width": width}, customdata=told, opacity=0.75)


def _layout(scores: Scores, axes: list[Axis]) -> dict[str, Any]:
    names = [plotly(clipped(one.name, 24)) for one in axes] + [scores.label]
    count = len(names)
    notes, shapes = [], []
    for k, one in enumerate(axes):
        for u, text in zip(*one.ticks(), strict=True):
            place = (u - one.low) / max(one.high - one.low, 1e-12)
            if -0.001 <= place <= 1.001:
                notes.append(_note(k, place, text))
    values = list(scores.best.values())
    for k in range(_PLACES):
        share = k / (_PLACES - 1)
        value = min(values) + share * (max(values) - min(values))
        notes.append(_note(count - 1, share, scores.told(value)))
    for k in range(count):
        shapes.append(
            {
                "type": "line", "x0": k, "x1": k, "y0": 0, "y1": 1, "layer": "above",
                "line": {"color": "@soft", "width": 1},
            }
        )  # fmt: skip
    return {
        "xaxis": {
            "range": [-0.25, count - 0.6], "tickmode": "array", "tickvals": list(range(count)),
            "ticktext": names, "showgrid": False, "zeroline": False, "side": "top",
            "fixedrange": True,
        },
        "yaxis": {"range": [-0.04, 1.04], "visible": False, "fixedrange": True},
        "annotations": notes, "shapes": shapes, "hovermode": "closest",
        "margin": {"l": 16, "r": 28, "t": 44, "b": 12}, "meta": {"parallel": count},
    }  # fmt: skip


def _note(x: float, y: float, text: str) -> dict[str, Any]:
    return {
        "x": x, "y": y, "text": text, "showarrow": False, "xanchor": "left", "xshift": 4,
        "font": {"size": 10, "color": "@soft"}, "bgcolor": "@card", "opacity": 0.85,
    }  # fmt: skip
