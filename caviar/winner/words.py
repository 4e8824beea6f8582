"""What may be said of a winner, and what not, in plain sentences made from its card.

The figure a person may quote is the mean test accuracy over the seeds; the rest says how much luck
is in it, whether the search was worth it, and which model the files hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from caviar.study.finals import BASELINE
from caviar.study.metric_words import (
    difference,
    difference_span,
    metric_name,
    metric_value,
    percent,
    span,
)
from caviar.study.wording import one_line
from caviar.winner.runs import RAISED, RETRAINED

Card = Mapping[str, Any]

_FEW: Final = 2.0
"""Examples of the dev part below which a lead is nothing to go by, however steady over seeds."""


_SAME: Final = 1e-12
"""Means of equal metrics may differ by rounding."""


def sentences(card: Card) -> list[str]:
    """The sentences of a card that lacks only them; each stands on its own."""
    return [
        *_quotable(card),
        *_against_baseline(card),
        *_lost_runs(card["candidates"]),
        *_model(card),
        *_ensemble(card),
        *_reopened(card["test"]),
    ]


def _quotable(card: Card) -> list[str]:
    """The figure that may be quoted, or that there is none."""
    test, kind = card["test"], card["source"]["kind"]
    if test is None:
        return [
            "Dev only: the study has no test part. The dev figures chose the winner and flatter "
            "it, so no figure here may be quoted as what the model does on new data.",
            *_once(kind),
        ]
    accuracy = test["accuracy"]
    ends = span("accuracy", accuracy)
    seeds = len(test["runs"])
    over = (
        f"the mean of {seeds} trainings that differ only in their seed "
        f"(95 % interval over seeds {ends})"
        if ends
        else "of one training, so without an interval over seeds"
    )
    sampling = test["sampling"]
    return [
        f"What may be quoted: a test accuracy of {percent(accuracy['mean'])}, {over}; which "
        f"{test['examples']:,} examples the test part happens to hold adds a sampling error of its "
        f"own (95 % interval {percent(sampling['low'])} to {percent(sampling['high'])}).",
        *_once(kind),
        "The dev figures chose the winner and flatter it; the test set was sealed until then.",
    ]


def _once(kind: str) -> list[str]:
    if kind == RAISED:
        return ["A panda's diary cannot be repeated, so its best day stands alone: no other seeds."]
    if kind != RETRAINED:
        return ["Nothing was retrained: the best trial of a search is partly the luckiest."]
    return []


def _against_baseline(card: Card) -> list[str]:
    """Whether the search was worth it."""
    winner, metric = card["winner"]["name"], metric_name(card["metric"])
    baseline = next((c for c in card["candidates"] if c["name"] == BASELINE), None)
    if baseline is None or len(card["candidates"]) < 2:
        return []
    if winner == BASELINE:
        return [
            "Nothing that the search found did better than the baseline: the winner is the "
            "baseline itself."
        ]
    found = card["difference"]
    if found is None:
        return [f"{_the(winner)} cannot be compared with the baseline: too few runs of both ended."]
    lead = difference(card["metric"], found["mean"])
    ends = difference_span(card["metric"], found["low"], found["high"])
    if abs(found["mean"]) < _SAME:
        return [
            f"{_the(winner)} is not better than the baseline: their means of {metric} are the "
            "same, and its lower dev loss decided."
        ]
    if found["mean"] <= 0:
        return [
            f"{_the(winner)} is not better than the baseline where both finished: it is ahead only "
            f"because fewer of its runs were lost (difference {lead} of {metric})."
        ]
    if card["beats_baseline"]:
        return [
            f"{_the(winner)} is better than the baseline by {lead} of {metric} on average "
            f"(95 % interval {ends}, paired by seed){_in_examples(card)}."
        ]
    return [
        f"{_the(winner)} is not better than the baseline as far as these runs tell: its lead of "
        f"{lead} of {metric} may be luck (95 % interval {ends}, paired by seed)"
        f"{_in_examples(card)}."
    ]


def _in_examples(card: Card) -> str:
    """What a lead in accuracy is in examples of the dev part, whose number bounds what it means."""
    if not card["metric"].endswith("accuracy"):
        return ""
    examples = card["dev"]["examples"]
    lead = card["difference"]["mean"] * examples
    few = ", so few that other examples might undo it" if lead < _FEW else ""
    return f"; that is {lead:.1f} of {examples:,} dev examples{few}"


def _lost_runs(candidates: Sequence[Mapping[str, Any]]) -> list[str]:
    return [line for candidate in candidates if (line := _lost(candidate))]


def _lost(candidate: Mapping[str, Any]) -> str:
    """That a candidate lost runs, which puts it behind all that lost none; or ""."""
    runs = candidate["runs"]
    lost = [run for run in runs if run["value"] is None]
    if not lost:
        return ""
    diverged = sum(run["diverged"] for run in lost)
    how = "diverged" if diverged == len(lost) else "diverged or did not end well"
    return (
        f"Of {one_line(candidate['name'])}, {len(lost)} of {len(runs)} runs {how}: it counts as "
        "worse than any candidate that lost none."
    )


def _middle(runs: Sequence[Mapping[str, Any]]) -> str:
    """Where in the order of its runs the exported one stands."""
    ended = sum(run["value"] is not None for run in runs)
    return "median" if ended % 2 else "worse of the two middle values of"


def _model(card: Card) -> list[str]:
    """Which of the runs the files hold."""
    exported, metric = card["exported"], card["metric"]
    runs = next(c for c in card["candidates"] if c["name"] == card["winner"]["name"])["runs"]
    value = next(r["value"] for r in runs if r["replicate"] == exported["replicate"])
    told = metric_value(metric, value)
    alone = exported["test_accuracy"]
    test = f"; its own test accuracy is {percent(alone)}" if alone is not None else ""
    if len(runs) == 1:
        return [f"The exported model is that one training, {metric_name(metric)} {told}{test}."]
    return [
        f"The exported model is replicate {exported['replicate']}, the one with the "
        f"{_middle(runs)} {metric_name(metric)} ({told}){test}: one training, neither the best "
        "nor the mean."
    ]


def _ensemble(card: Card) -> list[str]:
    ran = [run for run in card["candidates"][0]["runs"] if run["value"] is not None]
    if len(ran) < 2:
        return []
    on, part = ("test", card["test"]) if card["test"] is not None else ("dev", card["dev"])
    return [
        f"Averaging the probabilities of the {len(ran)} trainings as an ensemble gives "
        f"{percent(part['ensemble']['accuracy'])} on {on}; the files hold one network, not that."
    ]


def _reopened(test: Mapping[str, Any] | None) -> list[str]:
    if test is None or test["readings"] < 2:
        return []
    return [
        f"The test set was read {test['readings']} times, the last time at {test['read_at']}: "
        "what was decided after the first reading may have been decided by it."
    ]


def _the(name: str) -> str:
    return f"The winner, {one_line(name)},"
