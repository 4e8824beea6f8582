"""What a person in a hurry reads: one number, three sentences, and the figures behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from caviar.report.page.markup import NONE, Html, clipped, join, tag, value_text
from caviar.report.page.scores import Scores, spaced
from caviar.report.page.tables import decimals, varied
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
    metric = spaced(card.get("metric", scores.evidence.metric))
    dev = Figure(metric, decimals(row.get("mean")), _interval(row, card))
    facts = [Figure("winner", clipped(winner["name"]), f"{winner.get('epochs', '?')} epochs")]
    if test:
        found = test["accuracy"]
        big = Figure("test accuracy", _percent(found["mean"]), _percents(found, card))
        facts.append(dev)
        sampling = test.get("sampling") or {}
        if sampling.get("low") is not None:
            spread = f"{100 * sampling['low']:.1f}\u2013{100 * sampling['high']:.1f} %"
            told = f"since it is {test.get('examples', '?')} examples"
            facts.append(Figure("test part's own chance", spread, told))
        if test.get("readings", 1) > 1:
            facts.append(
                Figure("test set read", f"{test['readings']} times", "not sealed any more")
            )
    else:
        is_share = metric.endswith("accuracy") and row.get("mean") is not None
        shown = _percent(row["mean"]) if is_share else dev.value
        big = Figure(f"{metric}, dev only", shown, dev.remark)
    facts.append(Figure("beats the baseline", *_against(card)))
    sentences = [clipped(one, 600) for one in card.get("sentences", ())][:SENTENCES]
    return big, sentences, facts


def _of_search(scores: Scores) -> tuple[Figure, list[str], list[Figure]]:
    """Before there is a winner: the best trial."""
    evidence = scores.evidence
    best, metric = evidence.account["best"], spaced(evidence.metric)
    if best is None:
        return Figure(metric, NONE), [_nothing(scores)], []
    value = best.get(evidence.metric)
    is_share = metric.endswith("accuracy") and value is not None
    big = Figure(f"best {metric} so far", _percent(value) if is_share else decimals(value))
    told = f"Trial {best['trial']} leads after {best['epoch']} epochs, with {metric}"
    told += f" {decimals(value)}."
    luck = "It is the best of many on one dev set, so part of its lead is luck; no test figure may"
    luck += " be quoted before a winner is retrained and chosen (caviar winner DIR)."
    facts = [Figure("trial", str(best["trial"]), f"epoch {best['epoch']}")]
    other = "dev_loss" if evidence.metric != "dev_loss" else "dev_accuracy"
    facts.append(Figure(spaced(other), decimals(best.get(other))))
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
    account = evidence.account
    cost = (evidence.card or {}).get("cost") or {}
    epochs = f"{account['trial_epochs']:,}"
    more = cost.get("retraining_epochs")
    remark = f"and {more:,} to retrain" if more else f"in {len(evidence.trials)} trials"
    found = [Figure("trial-epochs", epochs, remark)]
    spent = duration(cost.get("elapsed_s") or account["elapsed_s"])
    if cost.get("slice_hours") is not None:
        found.append(Figure("time", spent, f"{cost['slice_hours']:.3g} slice-hours"))
    elif evidence.attempts:
        slices, busy = len(scores.clock.slices), 100 * scores.clock.busy
        found.append(
            Figure("time", spent, f"{slices} slice{'s' * (slices != 1)}, {busy:.0f} % at work")
        )
    return found


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
    lead = card.get("difference")
    if not lead or lead.get("mean") is None:
        return verdict, ""
    told = f"by {lead['mean']:.4f}"
    if lead.get("low") is not None:
        told += f", {lead['low']:.4f} to {lead['high']:.4f}"
    return verdict, told


def _interval(row: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    if row.get("low") is None:
        return ""
    level = f"{100 * card.get('confidence', 0.95):.0f} %"
    return f"{row['low']:.4f} to {row['high']:.4f} ({level} over seeds)"


def _percents(found: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    if found.get("low") is None:
        return ""
    level = f"{100 * card.get('confidence', 0.95):.0f} %"
    # An accuracy is at most 1, whatever the t interval says.
    high = min(1.0, found["high"])
    return f"{_percent(found['low'])} to {_percent(high)} ({level} interval over seeds)"


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.2f} %"


def _small(remark: str) -> tuple[Html, ...]:
    return (tag("small", remark),) if remark else ()
