"""What mattered: of each hyperparameter the share that it decided, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from caviar.report.page.figure import Figure, Layout, Trace, View, bars
from caviar.report.page.markup import clipped, plotly
from caviar.report.page.scores import after
from caviar.report.page.tables import table


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
    spoken = "; ".join(f"{w['name']} {100 * w['share']:.0f} %" for w in first[:5])
    caption = (
        "Share of the variance of the trials' ranks that each decides by itself (fANOVA), with"
    )
    caption += " its 90 % interval over resampled trials."
    return Figure(
        "importance", "", clipped(spoken, 300), views, 90 + 30 * max(len(first), 3),
        caption=caption, table=_table(rungs[0]), wide=True,
    )  # fmt: skip


def _label(rung: Mapping[str, Any]) -> str:
    return f"{after(rung['epoch'])} ({rung['trials']} trials)"


def _known(rung: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [weight for weight in rung["weights"] if weight.get("share") is not None]


def _view(weights: Sequence[Mapping[str, Any]]) -> tuple[list[Trace], Layout]:
    shares = [100 * w["share"] for w in weights]
    texts = [
        f"{clipped(w['name'])}: {100 * w['share']:.0f} %, {100 * w['low']:.0f} to"
        f" {100 * w['high']:.0f} %\ntier {w['tier']} of the lectures"
        for w in weights
    ]
    spread = {
        "type": "data", "symmetric": False, "color": "@ink", "thickness": 1.2, "width": 4,
        "array": [max(0.0, 100 * (w["high"] - w["share"])) for w in weights],
        "arrayminus": [max(0.0, 100 * (w["share"] - w["low"])) for w in weights],
    }  # fmt: skip
    places = list(range(len(weights)))
    data = [bars(shares, places, texts, "@s3", orientation="h", width=0.62, error_x=spread)]
    most = max([100 * w["high"] for w in weights] + [1.0])
    layout = {
        "xaxis": {"title": {"text": "% of the variance of ranks"}, "range": [0, 1.05 * most]},
        "yaxis": {
            "tickmode": "array", "tickvals": places, "range": [len(weights) - 0.5, -0.5],
            "ticktext": [plotly(clipped(w["name"], 28)) for w in weights], "showgrid": False,
            "zeroline": False,
        },
        "hovermode": "closest",
    }  # fmt: skip
    return data, layout


def _table(rung: Mapping[str, Any]) -> Any:
    rows = [
        (
            w["name"],
            f"{100 * w['share']:.1f} %", f"{100 * w['low']:.1f} to {100 * w['high']:.1f} %",
            w["tier"], w["trials"],
        )
        for w in _known(rung)
    ]  # fmt: skip
    heads = ("hyperparameter", "share", "90 % of resamples", "lectures' tier", "trials")
    return table(heads, rows, f"Importance {_label(rung)}")


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
