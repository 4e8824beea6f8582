"""Learning curves of all trials: dev and train, accuracy and loss, by how far they came."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from caviar.report.page.figure import Figure, Trace, View, axis, dots, lines
from caviar.report.page.markup import figures
from caviar.report.page.palette import CATEGORIES
from caviar.report.page.scores import TICKS, Scores
from caviar.study.metric_words import is_share, metric_name
from caviar.study.records import Measurement

MOST_POINTS: Final = 24_000
"""Points of all curves in one view; of more, the curves are thinned."""
BEST: Final = 5
"""Trials whose training and dev curves are drawn together."""
_VIEWS: Final = ("dev_accuracy", "train_accuracy", "dev_loss", "train_loss")


def learning_curves(scores: Scores) -> Figure:
    """All trials' curves."""
    every = max(1, scores.evidence.account["trial_epochs"])
    per_trial = _points_each(scores)
    metric = scores.evidence.metric
    names = [metric, *(name for name in _VIEWS if name != metric)]
    views = [_view(scores, name, per_trial) for name in names]
    best = _best(scores)
    views.insert(1, View("best, train and dev", best, _layout(scores, metric, best)))
    views = [view for view in views if view.data] or views
    count = len(scores.evidence.curves)
    drawn = sum(len(_thinned(scores, c, per_trial)) for c in scores.evidence.curves.values())
    caption = "Each line is a trial; the stronger its colour, the further it was trained."
    if scores.raised:
        caption = "Each line is a day, going on where the one before it ended; a colour is a panda."
    caption += " A dot is where a trial was left, a cross where it diverged."
    if drawn < every:
        caption += (
            f" Thinned: {drawn:,} of {every:,} measured epochs are drawn, at most {per_trial} of a"
            " trial, its first, its last and its best among them; the numbers elsewhere use all."
        )
    spoken = f"Curves of {count} trials by epoch. The table of trials holds their values."
    return Figure(
        "curves", "Every trial, epoch by epoch", spoken, views, 440, caption=caption, wide=True
    )


def _view(scores: Scores, name: str, per_trial: int) -> View:
    """One measurement of all trials, a trace for each colour."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for trial in scores.evidence.curves:
        groups[scores.colour(trial)].append(trial)
    data: list[Trace] = []
    for colour in sorted(groups):
        x: list[Any] = []
        y: list[Any] = []
        told: list[Any] = []
        for trial in groups[colour]:
            points = [
                (m.epoch, figures(getattr(m, name)))
                for m in _thinned(scores, scores.way(trial), per_trial)
            ]
            if len(points) > 1:
                x += [epoch for epoch, _ in points] + [None]
                y += [value for _, value in points] + [None]
                told += [trial] * len(points) + [None]
        if x:
            data.append(lines(x, y, colour, line={"width": 1.2}, customdata=told, opacity=0.8))
    return View(metric_name(name), data + _ends(scores, name), _layout(scores, name, data))


def _ends(scores: Scores, name: str) -> list[Trace]:
    """Where each trial was left."""
    left: list[tuple[int, Measurement]] = []
    lost: list[tuple[int, Measurement]] = []
    for trial, curve in scores.evidence.curves.items():
        sound = [m for m in curve if math.isfinite(getattr(m, name))]
        if sound:
            (lost if trial in scores.lost else left).append((trial, sound[-1]))
    found = []
    if left:
        colours = [scores.colour(trial) for trial, _ in left]
        found.append(_dots(left, name, {"size": 5, "color": colours}))
    if lost:
        found.append(_dots(lost, name, {"size": 8, "color": "@bad", "symbol": "x-thin-open"}))
    return found


def _dots(ends: Sequence[tuple[int, Measurement]], name: str, marker: dict[str, Any]) -> Trace:
    x = [m.epoch for _, m in ends]
    return dots(x, [figures(getattr(m, name)) for _, m in ends], [t for t, _ in ends], marker)


def _best(scores: Scores) -> list[Trace]:
    """The best few trials: dev solid, train dotted."""
    metric = scores.evidence.metric
    kind = metric.partition("_")[2]
    order = sorted(scores.best, key=lambda t: scores.evidence.sign * scores.best[t])[:BEST]
    data = []
    for place, trial in enumerate(order):
        curve = scores.evidence.curves[trial]
        x = [m.epoch for m in curve]
        for part, dash in (("dev", "solid"), ("train", "dot")):
            y = [figures(getattr(m, f"{part}_{kind}")) for m in curve]
            data.append(
                lines(
                    x, y, CATEGORIES[place], customdata=[trial] * len(x), mode="lines+markers",
                    line={"width": 2, "dash": dash}, marker={"size": 4},
                    name=f"trial {trial}, {part}", showlegend=True,
                )
            )  # fmt: skip
    return data


def _layout(scores: Scores, name: str, data: Iterable[Trace]) -> dict[str, Any]:
    top = max((epoch for trace in data for epoch in trace["x"] if epoch), default=1)
    rungs = [step for step in scores.steps if step <= top]
    y = axis(metric_name(name), **TICKS if is_share(name) else {})
    if name.endswith("loss"):
        y["type"] = "log"
    shapes = [
        {
            "type": "line", "x0": r, "x1": r, "yref": "paper", "y0": 0, "y1": 1, "layer": "below",
            "line": {"color": "@line", "width": 1, "dash": "dot"},
        }
        for r in rungs
    ]  # fmt: skip
    x = axis("epoch")
    if top > 20 and len(rungs) > 1:
        x["type"] = "log"
    if rungs:
        x |= {"tickmode": "array", "tickvals": rungs, "ticktext": [str(r) for r in rungs]}
    return {"xaxis": x, "yaxis": y, "shapes": shapes, "hovermode": "closest"}


def _points_each(scores: Scores) -> int:
    """Points a trial may have, so that all have room."""
    lengths = sorted(len(scores.way(trial)) for trial in scores.evidence.curves)
    if sum(lengths) <= MOST_POINTS:
        return max(lengths, default=1)
    left, count = MOST_POINTS, len(lengths)
    for place, length in enumerate(lengths):
        if length * (count - place) > left:
            return max(4, left // (count - place))
        left -= length
    return max(lengths)


def _thinned(scores: Scores, curve: Sequence[Measurement], most: int) -> list[Measurement]:
    """At most so many of a curve, evenly by place: its first, its last and its best among them."""
    if len(curve) <= most:
        return list(curve)
    kept = {round(k * (len(curve) - 1) / (most - 2)) for k in range(most - 1)}
    best = scores.evidence.bests.get(curve[-1].trial)
    kept |= {k for k, m in enumerate(curve) if m is best}
    return [curve[k] for k in sorted(kept)]
