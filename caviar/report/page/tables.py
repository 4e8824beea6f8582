"""Tables of the page: rungs, trials, the diary, and whatever is a list of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from caviar.report.page.markup import NONE, Html, safe, tag, value_text
from caviar.report.page.scores import Scores
from caviar.study.metric_words import metric_name, metric_value

MOST_ROWS: Final = 200
"""Trials in the table; of more the best."""
MOST_SEEN: Final = 40
"""Rows of a table that is shown whole; a longer one scrolls in its frame."""
_ROLE: Final = {
    "table": {"role": "table"}, "tbody": {"role": "rowgroup"}, "tr": {"role": "row"},
    "th": {"role": "rowheader"}, "td": {"role": "cell"},
}  # fmt: skip
"""What is said of elements whose display is no table's any more, which hides what they are."""
_METRICS: Final = ("dev_accuracy", "dev_loss", "train_loss")


def table(
    heads: Sequence[object],
    rows: Iterable[Sequence[object]],
    caption: str = "",
    *,
    class_: str = "",
) -> Html:
    """A table whose first column names the row, in a frame that scrolls on a narrow screen.

    Args:
        heads: of the columns; if none says anything there is no row of them.
        rows: of cells.
        caption: what it is a table of.
        class_: "wordy" wraps its cells; with "stacked" a row becomes a card on a narrow screen,
            where each cell brings its own head and every element says what it is of a table.
    """
    stacked = "stacked" in class_.split()
    cell, row_of = (_stacked, _ROLE["tr"]) if stacked else (_plain, {})
    top = tag("tr", *(tag("th", text, scope="col") for text in heads))
    body = [
        tag("tr", *(cell(k, heads[k], each) for k, each in enumerate(row)), **row_of)
        for row in rows
    ]
    named = tag("caption", caption) if caption else ""
    head = tag("thead", top) if any(map(str, heads)) else ""
    whole = tag(
        "table", named, head, tag("tbody", *body, **(_ROLE["tbody"] if stacked else {})),
        class_=class_ or None, **(_ROLE["table"] if stacked else {}),
    )  # fmt: skip
    return framed(whole, caption or "table", tall=len(body) > MOST_SEEN)


def framed(whole: Html, label: str, *, tall: bool = False) -> Html:
    """A table in a box that scrolls where it is too wide, by keyboard too, and says so."""
    class_ = "scroll tall" if tall else "scroll"
    return tag("div", whole, class_=class_, tabindex="0", role="region", aria_label=label)


def _plain(place: int, _: object, content: object) -> Html:
    return tag("td", content) if place else tag("th", content, scope="row")


def _stacked(place: int, head: object, content: object) -> Html:
    name, role = ("td", _ROLE["td"]) if place else ("th", {"scope": "row", **_ROLE["th"]})
    return tag(name, content, data_head=head, **role)


def _value(metric: str, value: float | None) -> str:
    return NONE if value is None else metric_value(metric, value)


def rung_table(scores: Scores) -> Html:
    """How many trials came to each rung, went on, and the best there."""
    rungs = scores.evidence.account["rungs"]
    several = any(rung["bracket"] > 1 for rung in rungs)
    rows = []
    for rung in rungs:
        found = scores.at(rung["epoch"])
        best = min(found, key=lambda t: scores.evidence.sign * found[t], default=None)
        bracket = [rung["bracket"]] * several
        told = NONE if best is None else f"{scores.told(found[best])} (trial {best})"
        rows.append([rung["epoch"], *bracket, rung["reached"], rung["promoted"], told])
    heads = ["epochs", *["bracket"] * several, "trials that got there", "went on"]
    caption = "Trials that came to each rung and went on"
    return table([*heads, f"best {scores.name} there"], rows, caption)


def trial_table(scores: Scores) -> Html:
    """The trials, the best first; of many only the best."""
    evidence = scores.evidence
    rows = sorted(evidence.account["trials"], key=lambda row: _order(scores, row))
    names = varied(scores)
    metrics = list(dict.fromkeys([evidence.metric, *_METRICS]))
    heads = ["trial", "state", "epochs", f"best {scores.name}", "at epoch"]
    heads += [f"last {metric_name(name)}" for name in metrics] + names
    body = [
        [
            row["trial"], row["state"], row["epochs"], scores.told(scores.best.get(row["trial"])),
            NONE if row["best_epoch"] is None else row["best_epoch"],
            *(_value(name, row.get(name)) for name in metrics),
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
        cells = [row["day"], where or "anew", epochs, _value("train_loss", row["train_loss"])]
        cells += [_value("dev_accuracy", row["dev_accuracy"]), row["verdict"]]
        cells += [_changed(row["changed"])]
        rows.append([*[row["panda"]] * several, *cells, row["why"]])
    heads += ["verdict", "changed", "why"]
    return table(heads, rows, "Day by day", class_="wordy stacked days")


def _changed(changed: dict[str, Any]) -> Html:
    told = [f"{name}: {value_text(a)} → {value_text(b)}" for name, (a, b) in changed.items()]
    return safe("; ".join(told) or NONE)


def _order(scores: Scores, row: dict[str, Any]) -> tuple[int, float, int]:
    value = scores.best.get(row["trial"])
    if value is None:
        return 1, 0.0, row["trial"]
    return 0, scores.evidence.sign * value, row["trial"]
