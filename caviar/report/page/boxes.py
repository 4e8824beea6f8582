"""How the search narrowed: of each hyperparameter the box of every round, and what was drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from caviar.report.page.axes import Axis
from caviar.report.page.figure import Figure, Trace, View, axis, bars, dots
from caviar.report.page.markup import Html, clipped, value_text
from caviar.report.page.scores import Scores
from caviar.report.page.tables import table
from caviar.report.rounds import CONTROL

_OF_ROUND: Final = re.compile(r"\bround (\d+)\b")


def boxes(scores: Scores) -> list[Figure]:
    """A figure a hyperparameter; none if the search had no rounds."""
    events = [e.detail for e in scores.evidence.events if e.kind == "round"]
    told = scores.evidence.account["rounds"]
    return [_figure(scores, one, events, told) for one in scores.axes] if told else []


def rounds_table(scores: Scores) -> Html:
    """A row a round: what it stood on, what it drew and found."""
    metric = scores.evidence.metric
    rows = []
    for one in scores.evidence.account["rounds"]:
        drawn, controls = one["drawn"]["box"], one["drawn"][CONTROL]
        best, control = (found["best"][metric] if found["best"] else None
                         for found in (drawn, controls))  # fmt: skip
        rows.append(
            [
                one["number"], one["stands_on"], drawn["trials"], scores.told(best),
                controls["trials"], scores.told(control), one["why"],
            ]
        )  # fmt: skip
    heads = ("round", "trials before", "drawn inside", "best", "outside", "best", "why")
    return table(heads, rows, "Round by round", class_="wordy stacked")


def _figure(
    scores: Scores, one: Axis, events: Sequence[Any], told: Sequence[dict[str, Any]]
) -> Figure:
    data = [_spans(one, events, told), *_drawn(scores, one)]
    layout = {
        "xaxis": axis("round", dtick=max(1, len(told) // 8), range=[0.3, len(told) + 0.7]),
        "yaxis": one.layout(), "hovermode": "closest", "barmode": "overlay", "bargap": 0,
    }  # fmt: skip
    last = next(a for a in told[-1]["axes"] if a["name"] == one.name)
    left = f"{100 * last['share']:.0f} % of its range is left."
    spoken = f"The box of {clipped(one.name)} in {len(told)} rounds. {left}"
    return Figure(
        f"box-{one.index}", clipped(one.name), spoken, [View("boxes", data, layout)], 240,
        caption=f"After the last round {left} {last['why']}",
    )  # fmt: skip


def _spans(one: Axis, events: Sequence[Any], told: Sequence[dict[str, Any]]) -> Trace:
    """A bar a round, from the box's low to its high; of choices one for each that is left."""
    x: list[int] = []
    low: list[float] = []
    high: list[float] = []
    texts: list[str] = []
    for event, row in zip(events, told, strict=False):
        share = next(a for a in row["axes"] if a["name"] == one.name)
        for start, end in _stretches(one, event):
            x.append(row["number"])
            low.append(round(start, 4))
            high.append(round(end, 4))
            texts.append(f"round {row['number']}: {_words(share)}\n{clipped(share['why'])}")
    heights = [round(b - a, 4) for a, b in zip(low, high, strict=True)]
    return bars(x, heights, texts, "@band", base=low, width=[0.9] * len(x))


def _stretches(one: Axis, event: Any) -> list[tuple[float, float]]:
    cells = event["cells"][one.index] if len(event["cells"]) > one.index else ()
    if cells:
        count = one.domain.axis.cells or 1
        return [(cell / count, (cell + 1) / count) for cell in cells]
    low, high = event["box"][one.index]
    return [(low, high)]


def _words(share: dict[str, Any]) -> str:
    if "values" in share:
        return ", ".join(value_text(value) for value in share["values"])
    return f"{value_text(share['low'])} to {value_text(share['high'])}"


def _drawn(scores: Scores, one: Axis) -> list[Trace]:
    """The trials of each round: filled inside the box, hollow the controls, crosses diverged."""
    groups: dict[str, list[tuple[int, int, float]]] = {"box": [], CONTROL: [], "lost": []}
    for trial in scores.evidence.trials:
        named, place = _OF_ROUND.search(trial.why), one.place(trial)
        if named and place is not None:
            kind = CONTROL if trial.origin == CONTROL else "box"
            kind = "lost" if trial.index in scores.lost else kind
            groups[kind].append((trial.index, int(named[1]), round(place, 4)))
    markers: dict[str, dict[str, Any]] = {
        "box": {"size": 5, "color": "@cool"},
        CONTROL: {"size": 6, "color": "@accent", "symbol": "circle-open"},
        "lost": {"size": 7, "color": "@bad", "symbol": "x-thin-open"},
    }
    return [
        dots([n for _, n, _ in rows], [u for *_, u in rows], [t for t, *_ in rows], markers[kind])
        for kind, rows in groups.items()
        if rows
    ]
