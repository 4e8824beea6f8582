"""The playbook on the winner: whether its lead is more than luck."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from caviar.report.cohort import cohorts
from caviar.report.evidence import Evidence
from caviar.report.verdicts import Check, metric, more, plural, show, small, spaced, winner
from caviar.study.finals import BASELINE
from caviar.study.wording import one_line


def lead(evidence: Evidence) -> Check:
    """The lead of the winner against what another seed changes."""
    if evidence.card is not None:
        return _of_card(evidence, evidence.card)
    return _of_search(evidence)


def _of_card(evidence: Evidence, card: Mapping[str, Any]) -> Check:
    """By the intervals of the retraining."""
    first = _candidate(card, card["winner"]["name"])
    if first is None or first["low"] is None:
        line = "the winner was trained once, so nobody knows how much of it is luck"
        return Check("lead", "unknown", line, show(evidence))
    name = str(first["name"])
    told = f"{one_line(name)} has {_interval(first)} over {plural(len(first['runs']), 'seed')}"
    search_on = more(evidence, max(1, len(evidence.trials)))
    if name == BASELINE:
        return Check("lead", "act", f"{told}: nothing that was searched is better", search_on)
    if card.get("beats_baseline") is False:
        line = (
            f"{told}, no better than the baseline as far as these seeds can tell: a longer search, "
            "or more winner.seeds, in a study of its own, since this one's test set was read"
        )
        return Check("lead", "act", line, search_on)
    second = _runner_up(card, name, evidence.sign)
    if second is None:
        return Check("lead", "fine", told, show(evidence))
    other = f"{one_line(str(second['name']))} has {_interval(second)}"
    if first["high"] < second["low"] or second["high"] < first["low"]:
        return Check("lead", "fine", f"{told}, {other}: more than luck", show(evidence))
    line = f"{told}, {other}: these overlap, so either may be the better one"
    return Check("lead", "look", line, show(evidence))


def _candidate(card: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next((one for one in card["candidates"] if one["name"] == name), None)


def _runner_up(card: Mapping[str, Any], name: str, sign: float) -> Mapping[str, Any] | None:
    """The best of the other candidates of the search; None if there is none with an interval."""
    others = [
        one
        for one in card["candidates"]
        if one["name"] not in (name, BASELINE) and one["low"] is not None
    ]
    return min(others, key=lambda one: sign * one["mean"], default=None)


def _interval(candidate: Mapping[str, Any]) -> str:
    low, high = metric(candidate["low"]), metric(candidate["high"])
    return f"{metric(candidate['mean'])} ({low} to {high})"


def _of_search(evidence: Evidence) -> Check:
    """By the noise that replicates, or a person, tell of."""
    told, by = _lead(evidence)
    if by is None:
        return Check("lead", "unknown", told, show(evidence))
    noise = float(evidence.account["noise"] or 0.0)
    if not noise:
        line = f"{told}; nobody knows yet what another seed changes"
        return Check("lead", "unknown", line, winner(evidence))
    least = f"differences up to {small(noise)} are noise"
    if by > noise:
        return Check("lead", "fine", f"{told}; {least}", winner(evidence))
    return Check("lead", "look", f"{told}; {least}, so it may be luck", winner(evidence))


def _lead(evidence: Evidence) -> tuple[str, float | None]:
    """The lead of the best trial over the next at the highest rung with two sound trials."""
    if evidence.account["diary"]:
        return "a panda has nobody beside it to lead", None
    compared = [cohort for cohort in cohorts(evidence) if cohort.sound.sum() >= 2]
    if not compared:
        return "fewer than two trials have a result: nothing to compare", None
    cohort = compared[-1]
    order = sorted(zip(cohort.scores.tolist(), cohort.trials, strict=True))
    (best, trial), (next_best, other) = order[:2]
    by = next_best - best
    assert math.isfinite(by)
    if not by:
        return f"trial {trial} and trial {other} did alike at epoch {cohort.epoch}", by
    what = f"{small(by)} of {spaced(evidence.metric)}"
    return f"trial {trial} leads trial {other} by {what} at epoch {cohort.epoch}", by
