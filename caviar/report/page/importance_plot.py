"""What mattered: of each hyperparameter the share that it decided, beside what lectures expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from caviar.report.page.figure import Figure, Layout, Trace, View, bars, dots
from caviar.report.page.markup import NONE, Html, clipped, join, plotly
from caviar.report.page.scores import after
from caviar.report.page.tables import table
from caviar.report.tiers import LAST
from caviar.study.metric_words import metric_name


def importance_plot(told: Mapping[str, Any]) -> Figure | None:
    """The figure, a view a rung, the one with the most trials first; None if nothing is known.

    Args:
        told: of `caviar.report.importance.Importance.to_json`.
    """
    rungs = [rung for rung in told["rungs"] if _known(rung)]
    if not rungs:
        return None
    rungs.sort(key=lambda rung: (-rung["trials"], rung["epoch"]))
    views = [View(_label(rung), *_view(_known(rung))) for rung in rungs[:4]]
    first = _known(rungs[0])
    spoken = "; ".join(
        f"{w['name']} {_percent(w['share'])}, PED-ANOVA {_percent(w['ped_anova'])}, tier"
        f" {w['tier']} of the lectures"
        for w in first[:5]
    )
    return Figure(
        "importance", "", clipped(spoken, 300), views, 120 + 30 * max(len(first), 3),
        caption=_caption(told, rungs), table=join(map(_table, rungs[:4])), wide=True,
    )  # fmt: skip


def _caption(told: Mapping[str, Any], rungs: Sequence[Mapping[str, Any]]) -> str:
    """What is measured, at which rung, and where the tiers come from."""
    found = (
        f"Compared by {metric_name(told['metric'])} at the rung chosen above; whoever diverged on"
        " the way there comes last."
    )
    if len(rungs) > 1:
        found += " Above the first rung are only the promoted, alike in what decided below."
    return (
        f"{found} Bars, fANOVA: the share of the differences in rank that each decides alone, with"
        " its 90 % interval over resampled trials. Diamonds, PED-ANOVA: its part in what sets the"
        " best apart; all parts sum to 100 %. In brackets the lectures' tier: 1 is tuned first,"
        f" {LAST} is what they do not name."
    )


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.0f} %"


def _label(rung: Mapping[str, Any]) -> str:
    return f"{after(rung['epoch'])} ({rung['trials']} trials)"


def _known(rung: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [weight for weight in rung["weights"] if weight.get("share") is not None]


def _view(weights: Sequence[Mapping[str, Any]]) -> tuple[list[Trace], Layout]:
    shares = [100 * w["share"] for w in weights]
    texts = [
        f"{clipped(w['name'])}\nfANOVA {_percent(w['share'])}, {_percent(w['low'])} to"
        f" {_percent(w['high'])}\nPED-ANOVA {_percent(w['ped_anova'])}\ntier {w['tier']} of the"
        " lectures"
        for w in weights
    ]
    spread = {
        "type": "data", "symmetric": False, "color": "@ink", "thickness": 1.2, "width": 4,
        "array": [max(0.0, 100 * (w["high"] - w["share"])) for w in weights],
        "arrayminus": [max(0.0, 100 * (w["share"] - w["low"])) for w in weights],
    }  # fmt: skip
    places = list(range(len(weights)))
    named = {"name": "fANOVA", "showlegend": True}
    data = [
        bars(shares, places, texts, "@s3", orientation="h", width=0.62, error_x=spread, **named)
    ]
    of_best = [
        (100 * w["ped_anova"], k) for k, w in enumerate(weights) if w["ped_anova"] is not None
    ]
    if of_best:
        x, y = zip(*of_best, strict=True)
        marker = {"symbol": "diamond", "size": 9, "color": "@c1"}
        told = [texts[k] for k in y]
        data.append(dots(x, y, told, marker, name="PED-ANOVA", showlegend=True))
    most = max([100 * w["high"] for w in weights] + [share for share, _ in of_best] + [1.0])
    layout = {
        "xaxis": {"title": {"text": "%"}, "range": [0, 1.05 * most]},
        "yaxis": {
            "tickmode": "array", "tickvals": places, "range": [len(weights) - 0.5, -0.5],
            "ticktext": [f"{plotly(clipped(w['name'], 24))} ({w['tier']})" for w in weights],
            "showgrid": False, "zeroline": False,
        },
        "hovermode": "closest",
    }  # fmt: skip
    return data, layout


def _table(rung: Mapping[str, Any]) -> Html:
    """Of every hyperparameter, those too of which nothing is known."""
    rows = [
        (
            w["name"], w["tier"], _percent(w["share"]), _interval(w), _percent(w["ped_anova"]),
            w["trials"],
        )
        for w in rung["weights"]
    ]  # fmt: skip
    heads = (
        "hyperparameter", "lectures' tier", "fANOVA", "90 % of resamples", "PED-ANOVA", "trials",
    )  # fmt: skip
    return table(heads, rows, f"Importance {_label(rung)}")


def _interval(told: Mapping[str, Any]) -> str:
    return NONE if told["low"] is None else f"{_percent(told['low'])} to {_percent(told['high'])}"


def interactions(told: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Pairs that clearly decide something together: names, share, interval."""
    widest = max(told["rungs"], key=lambda rung: rung["trials"], default=None)
    pairs = widest["interactions"] if widest else []
    return [
        (
            " and ".join(clipped(n, 40) for n in pair["names"]), f"{100 * pair['share']:.1f} %",
            f"{100 * pair['low']:.1f} to {100 * pair['high']:.1f} %",
        )
        for pair in pairs
        if pair.get("clear")
    ]  # fmt: skip
