"""Tables of the page: rungs, trials, the diary, and whatever is a list of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from caviar.report.page.markup import NONE, Html, safe, tag, value_text
from caviar.report.page.scores import Scores, spaced

MOST_ROWS: Final = 200
"""Trials in the table; of more the best."""
_METRICS: Final = ("dev_accuracy", "dev_loss", "train_loss")


def table(
    heads: Sequence[object],
    rows: Iterable[Sequence[object]],
    caption: str = "",
    *,
    class_: str = "",
) -> Html:
    """A table whose first column names the row, in a frame that scrolls on a narrow screen."""
    head = tag("tr", *(tag("th", text, scope="col") for text in heads))
    body = [
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:]))
        for row in rows
    ]
    named = tag("caption", caption) if caption else ""
    whole = tag("table", named, tag("thead", head), tag("tbody", *body), class_=class_ or None)
    label = caption or "table"
    return tag("div", whole, class_="scroll", tabindex="0", role="region", aria_label=label)


def decimals(value: float | None) -> str:
    """A metric as a person reads it."""
    if value is None:
        return NONE
    return f"{value:.4f}" if abs(value) < 1e4 else f"{value:.3g}"


def rung_table(scores: Scores) -> Html:
    """How many trials came to each rung, went on, and the best there."""
    rungs = scores.evidence.account["rungs"]
    several = any(rung["bracket"] > 1 for rung in rungs)
    rows = []
    for rung in rungs:
        found = scores.at(rung["epoch"])
        best = min(found, key=lambda t: scores.evidence.sign * found[t], default=None)
        bracket = [rung["bracket"]] * several
        told = NONE if best is None else f"{decimals(found[best])} (trial {best})"
        rows.append([rung["epoch"], *bracket, rung["reached"], rung["promoted"], told])
    heads = ["epochs", *["bracket"] * several, "trials that got there", "went on"]
    return table([*heads, f"best {spaced(scores.evidence.metric)} there"], rows, "Rungs")


def trial_table(scores: Scores) -> Html:
    """The trials, the best first; of many only the best."""
    evidence = scores.evidence
    rows = sorted(evidence.account["trials"], key=lambda row: _order(scores, row))
    names = varied(scores)
    metrics = list(dict.fromkeys([evidence.metric, *_METRICS]))
    heads = ["trial", "state", "epochs", f"best {spaced(evidence.metric)}"]
    heads += [f"last {spaced(name)}" for name in metrics] + names
    body = [
        [
            row["trial"], row["state"], row["epochs"], decimals(scores.best.get(row["trial"])),
            *(decimals(row.get(name)) for name in metrics),
            *(value_text(row["hyperparameters"].get(name)) for name in names),
        ]
        for row in rows[:MOST_ROWS]
    ]  # fmt: skip
    shown = "Trials, the best first"
    if len(rows) > MOST_ROWS:
        shown += f": {MOST_ROWS} of {len(rows):,}; `caviar show --json` has all"
    return table(heads, body, shown)


def varied(scores: Scores) -> list[str]:
    """Names of hyperparameters that are not the same in all trials, the searched ones first."""
    rows = [trial.hyperparameters for trial in scores.evidence.trials]
    names = dict.fromkeys([*scores.evidence.spec.space.domains, *(n for row in rows for n in row)])
    seen = {name: {repr(row[name]) for row in rows if name in row} for name in names}
    return [name for name in names if len(seen[name]) > 1]


def diary_table(diary: Sequence[dict[str, Any]]) -> Html:
    """A panda's days."""
    several = len({row["panda"] for row in diary}) > 1
    heads = [*["panda"] * several, "day", "from day", "epochs", "train loss", "dev accuracy"]
    rows = []
    for row in diary:
        epochs = f"{row['first_epoch']}\u2013{row['last_epoch']}"
        where = f"panda {row['copied_from']}" if row["copied_from"] is not None else row["from"]
        cells = [row["day"], where or "anew", epochs, decimals(row["train_loss"])]
        cells += [decimals(row["dev_accuracy"]), row["verdict"], _changed(row["changed"])]
        rows.append([*[row["panda"]] * several, *cells, row["why"]])
    return table([*heads, "verdict", "changed", "why"], rows, "Diary", class_="wordy")


def _changed(changed: dict[str, Any]) -> Html:
    told = [f"{name}: {value_text(a)} → {value_text(b)}" for name, (a, b) in changed.items()]
    return safe("; ".join(told) or NONE)


def _order(scores: Scores, row: dict[str, Any]) -> tuple[int, float, int]:
    value = scores.best.get(row["trial"])
    if value is None:
        return 1, 0.0, row["trial"]
    return 0, scores.evidence.sign * value, row["trial"]
