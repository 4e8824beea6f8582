"""The card as a person reads it: `CARD.md`, made from the card's data alone.

Names come from study files and data sets, so all of them are escaped: what looks like markup stays
text wherever the file is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from caviar.study.expenses import epochs_told, of_card, slice_hours_told
from caviar.study.metric_words import metric_name, metric_value, percent, span
from caviar.study.wording import duration, number, one_line

_MARKUP: Final = re.compile(r"([\\`*_\[\]|~])|\A([#+=-])(?=.)|\A(\d+)([.)])(?!\S)")
"""What Markdown takes for markup anywhere, and what it does at the beginning of a line."""
_MOST_CLASSES: Final = 30
"""Classes whose confusion matrix still fits a page."""


def card_md(card: Mapping[str, Any]) -> str:
    """Markdown of a card."""
    parts = [
        [f"# {escaped(card['study'])}: {escaped(card['winner']['name'])}"],
        [f"- {escaped(line)}" for line in card["sentences"]],
        ["## Intended use", escaped(card["intended_use"]) or "_To be filled in by a person._"],
        ["## Hyperparameters", *_hyperparameters(card["winner"])],
        ["## Candidates", *_candidates(card)],
        *_parts(card),
        ["## Data", *_pairs(card["data"])],
        ["## Search space", *_space(card["space"])],
        ["## Seeds and cost", *_pairs(_spent(card))],
        ["## Made with", *_pairs(_made_with(card))],
        ["## Files", *(f"- `{name}`" for name in card["exported"]["files"])],
    ]
    return "\n\n".join("\n".join(_spaced(part)) for part in parts if part) + "\n"


def escaped(text: object) -> str:
    """A text on one line that Markdown and HTML show as it is."""
    plain = one_line(str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(_backslashed, plain)


def _backslashed(found: re.Match[str]) -> str:
    anywhere, mark, count, point = found.groups()
    return f"{count}\\{point}" if count else f"\\{anywhere or mark}"


def _spaced(part: Sequence[str]) -> list[str]:
    """A heading stands alone."""
    return [part[0], "", *part[1:]] if part[0].startswith("## ") else list(part)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [heads, ["---"] * len(heads)]
    told = [[escaped(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(line)} |" for line in [*lines, *told]]


def _pairs(pairs: Mapping[str, Any]) -> list[str]:
    return [f"- {escaped(name)}: {escaped(_plain(value))}" for name, value in pairs.items()]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value) or "none"
    return "unknown" if value is None else number(value)


def _hyperparameters(winner: Mapping[str, Any]) -> list[str]:
    # To all digits: from these the training can be repeated.
    found = winner["hyperparameters"].items()
    rows = [(name, repr(v) if isinstance(v, float) else number(v)) for name, v in found]
    return _table(["hyperparameter", "value"], [*rows, ("epochs trained", winner["epochs"])])


def _candidates(card: Mapping[str, Any]) -> list[str]:
    metric = card["metric"]
    heads = ["candidate", f"mean {metric_name(metric)}", "95 % interval", "in the search", "runs"]
    return _table(heads, (_candidate(metric, one) for one in card["candidates"]))


def _candidate(metric: str, one: Mapping[str, Any]) -> list[str]:
    runs = [
        metric_value(metric, run["value"]) if run["value"] is not None else run["note"] or "none"
        for run in one["runs"]
    ]
    found = one["search_value"]
    searched = "-" if found is None else metric_value(metric, found)
    mean = "-" if one["mean"] is None else metric_value(metric, one["mean"])
    return [one["name"], mean, span(metric, one) or "-", searched, ", ".join(runs)]


def _parts(card: Mapping[str, Any]) -> list[list[str]]:
    """The sections about test, if there is one, and dev."""
    test = card["test"]
    found = [["## Dev", f"{card['dev']['examples']:,} examples; the exported model."]]
    found[0] += ["", *_classes(card["dev"])]
    if test is None:
        return found
    told = (
        f"{test['examples']:,} examples, read at {escaped(test['read_at'])} by "
        f"{escaped(test['by'])}; readings so far: {test['readings']}."
    )
    runs = [(r["replicate"], percent(r["accuracy"]), f"{r['loss']:.4g}") for r in test["runs"]]
    table = _table(["replicate", "test accuracy", "test loss"], runs)
    own = ["", "Of the exported model, class by class:", ""]
    return [["## Test", told, "", *table, *own, *_classes(test)], *found]


def _classes(part: Mapping[str, Any]) -> list[str]:
    rows = [
        (one["class"], one["examples"], percent(one["recall"]), percent(one["precision"]))
        for one in part["per_class"]
    ]
    lines = _table(["class", "examples", "recall", "precision"], rows)
    if len(rows) > _MOST_CLASSES:
        return lines
    names = [row[0] for row in rows]
    counts = zip(names, part["confusion"], strict=True)
    heads = ["true, down; predicted, across", *map(escaped, names)]
    return [*lines, "", *_table(heads, ([name, *row] for name, row in counts))]


def _space(space: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        (one["name"], one["scale"], _plain(one.get("choices", [one.get("low"), one.get("high")])))
        for one in space
    ]
    return _table(["hyperparameter", "scale", "low, high or choices"], rows)


def _spent(card: Mapping[str, Any]) -> dict[str, Any]:
    cost = of_card(card["cost"])
    return {
        "study seed": card["seeds"]["study"],
        "replicate seeds": card["seeds"]["replicates"],
        "trained": epochs_told(cost),
        "slices at work": slice_hours_told(cost),
        "time": duration(cost["elapsed_s"]),
    }


def _made_with(card: Mapping[str, Any]) -> dict[str, Any]:
    machine = card["hardware"]
    return {
        "packages": card["packages"],
        "git commit of the working folder": card["git"] or "none",
        "processor": f"{machine['cpu']}, {machine['cores']} cores",
        "memory": f"{machine['memory_gib']} GiB",
        "GPUs": machine["gpus"],
    }
