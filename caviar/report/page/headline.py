"""What a person in a hurry reads: one number, three sentences, and the figures behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from caviar.report.page.markup import NONE, Html, clipped, join, tag, value_text
from caviar.report.page.scores import Scores
from caviar.report.page.tables import varied
from caviar.study.expenses import epochs_told, slice_hours_told
from caviar.study.metric_words import (
    difference,
    difference_span,
    metric_name,
    metric_value,
    percent,
    span,
)
from caviar.study.wording import duration, states

SENTENCES: Final = 3
MOST_SHOWN: Final = 8
"""Hyperparameters of the winner that are shown at the top."""


@dataclass(frozen=True)
class Figure:
    """A number of the headline: what it is, its value, and a remark."""

    name: str
    value: str
    remark: str = ""


def headline(scores: Scores) -> Html:
    """The top of the page."""
    card = scores.evidence.card
    big, sentences, facts = _of_card(scores, card) if card else _of_search(scores)
    shown = tag(
        "div",
        tag("span", big.value, class_="big"),
        tag("span", big.name, class_="what"),
        tag("span", big.remark, class_="interval") if big.remark else "",
        class_="number",
    )
    told = tag("div", *(tag("p", one) for one in sentences), class_="sentences")
    items = [
        tag("div", tag("dt", f.name), tag("dd", f.value, *_small(f.remark)))
        for f in [*facts, *_costs(scores)]
    ]
    return tag(
        "section", tag("h2", "Result", class_="unseen"), tag("div", shown, told, class_="lead"),
        tag("dl", *items, class_="facts"), _winner_values(scores), id="result",
        aria_label="Result", class_="result",
    )  # fmt: skip


def status_line(scores: Scores) -> Html:
    """How the study stands, and when that was."""
    account = scores.evidence.account
    status, ending = account["status"], clipped(account["ending"])
    told = f"{status}, {ending}" if ending and not ending.startswith(status) else ending or status
    chip = tag("span", told, class_=f"chip {status}")
    return join([chip, " ", states(account["counts"]) or "no trials yet"])


def _of_card(scores: Scores, card: Mapping[str, Any]) -> tuple[Figure, list[str], list[Figure]]:
    """The winner."""
    winner, test = card["winner"], card.get("test")
    row: Mapping[str, Any] = next(
        (c for c in card.get("candidates", ()) if c["name"] == winner["name"]), {}
    )
    metric = card.get("metric", scores.evidence.metric)
    dev = Figure(metric_name(metric), _value(metric, row.get("mean")), _interval(metric, row, card))
    facts = [Figure("winner", clipped(winner["name"]), f"{winner.get('epochs', '?')} epochs")]
    if test:
        found = test["accuracy"]
        remark = _interval("test_accuracy", found, card)
        big = Figure("test accuracy", percent(found["mean"]), remark)
        facts.append(dev)
        sampling = test.get("sampling") or {}
        if sampling.get("low") is not None:
            told = f"by the chance of its {test.get('examples', '?')} examples"
            facts.append(Figure("test accuracy may be", span("test_accuracy", sampling), told))
        if test.get("readings", 1) > 1:
            facts.append(
                Figure("test set read", f"{test['readings']} times", "not sealed any more")
            )
    else:
        big = Figure(f"{dev.name}, dev only", dev.value, dev.remark)
    facts.append(Figure("beats the baseline", *_against(card)))
    sentences = [clipped(one, 600) for one in card.get("sentences", ())][:SENTENCES]
    return big, sentences, facts


def _of_search(scores: Scores) -> tuple[Figure, list[str], list[Figure]]:
    """Before there is a winner: the best trial."""
    evidence = scores.evidence
    best, name = evidence.account["best"], scores.name
    if best is None:
        return Figure(name, NONE), [_nothing(scores)], []
    value = scores.told(best.get(evidence.metric))
    so_far = "" if evidence.account["status"] == "finished" else " so far"
    big = Figure(f"best {name}{so_far}", value)
    told = f"Trial {best['trial']} leads, with {name} {value} after {best['epoch']} epochs."
    luck = "It is the best of many on one dev set, so part of its lead is luck; no test figure may"
    luck += " be quoted before a winner is retrained and chosen (caviar winner DIR)."
    facts = [Figure("trial", str(best["trial"]), f"epoch {best['epoch']}")]
    other = "dev_loss" if evidence.metric != "dev_loss" else "dev_accuracy"
    facts.append(Figure(metric_name(other), _value(other, best.get(other))))
    return big, [told, luck, _standing(scores)], facts


def _nothing(scores: Scores) -> str:
    if scores.evidence.trials and len(scores.lost) == len(scores.evidence.trials):
        return "Every trial diverged: lower the learning rate's bounds."
    return "No trial has a measurement yet."


def _standing(scores: Scores) -> str:
    evidence = scores.evidence
    status = evidence.account["status"]
    reached = max(scores.epochs.values(), default=0)
    told = f"{len(evidence.trials)} trials were begun and the longest has {reached} epochs;"
    return f"{told} the search is {status}."


def _costs(scores: Scores) -> list[Figure]:
    evidence = scores.evidence
    cost = evidence.account["cost"]
    found = [_first("trial-epochs", epochs_told(cost), f"in {len(evidence.trials)} trials")]
    busy = ""
    if evidence.attempts:
        slices = len(scores.clock.slices)
        busy = f"{slices} slice{'s' * (slices != 1)}, {100 * scores.clock.busy:.0f} % at work"
    found.append(_first("slice-hours", slice_hours_told(cost), busy))
    found.append(Figure("time", duration(cost["elapsed_s"]), "that a driver was there"))
    return found


def _first(name: str, told: str, otherwise: str) -> Figure:
    """A sum with its parts, as told in one line: the number large, the parts small."""
    value, _, parts = told.partition(f" {name}")
    return Figure(name, value, parts.strip(" ,").removeprefix("(").removesuffix(")") or otherwise)


def _winner_values(scores: Scores) -> Html:
    """The hyperparameters of the winner, or of the best so far: what the search chose."""
    evidence = scores.evidence
    best = (evidence.card or {}).get("winner") or evidence.account["best"]
    if best is None:
        return Html("")
    values = best["hyperparameters"]
    names = [name for name in varied(scores) if name in values]
    shown = names[:MOST_SHOWN] or list(values)[:MOST_SHOWN]
    items = [
        tag("li", tag("span", clipped(name, 40)), " ", tag("b", value_text(values[name])))
        for name in shown
    ]
    return tag("ul", *items, class_="values", aria_label="Hyperparameters")


def _against(card: Mapping[str, Any]) -> tuple[str, str]:
    verdict = {True: "yes", False: "not shown", None: "not known"}[card.get("beats_baseline")]
    lead, metric = card.get("difference"), card.get("metric", "dev_accuracy")
    if not lead or lead.get("mean") is None:
        return verdict, ""
    told = f"by {difference(metric, lead['mean'])}"
    if lead.get("low") is not None:
        told += f", {difference_span(metric, lead['low'], lead['high'])}"
    return verdict, told


def _interval(metric: str, found: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    """As `96.80 % to 97.60 % (95 % interval over seeds)`, or ""."""
    # An accuracy is at most 1, whatever the t interval says.
    most = {"high": min(1.0, found["high"])} if _is_high(metric, found) else {}
    ends = span(metric, {**found, **most})
    level = f"{100 * card.get('confidence', 0.95):.0f} %"
    return f"{ends} ({level} interval over seeds)" if ends else ""


def _is_high(metric: str, found: Mapping[str, Any]) -> bool:
    return metric.endswith("accuracy") and found.get("high") is not None


def _value(metric: str, value: float | None) -> str:
    return NONE if value is None else metric_value(metric, value)


def _small(remark: str) -> tuple[Html, ...]:
    return (tag("small", remark),) if remark else ()
