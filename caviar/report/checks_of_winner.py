"""The playbook on the winner: whether its lead is more than luck."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import Any

from caviar.report.checks_of_search import DIVERGED, all_diverged
from caviar.report.cohort import cohorts
from caviar.report.commands import Next, beside, is_driven, winner
from caviar.report.evidence import Evidence
from caviar.report.verdicts import NOTHING, Check, checked, plural
from caviar.search.intervals import Interval, paired_interval
from caviar.study.finals import BASELINE, RETRAINING
from caviar.study.metric_words import (
    difference,
    difference_span,
    metric_name,
    metric_value,
    span,
)
from caviar.study.wording import one_line


def lead(evidence: Evidence) -> Check:
    """The lead of the winner against what another seed changes."""
    if evidence.card is not None:
        return _of_card(evidence, evidence.card)
    return _of_search(evidence)


def _of_card(evidence: Evidence, card: Mapping[str, Any]) -> Check:
    """By the retrainings, replicate by replicate: each shares its seed with all candidates."""
    name = str(card["winner"]["name"])
    first = next((one for one in card["candidates"] if one["name"] == name), None)
    if evidence.account["diary"] or evidence.spec.is_raised:
        line = "what a panda went through is not repeated over seeds"
        return checked("lead", "inapplicable", line)
    if first is None or first["low"] is None:
        line = "the winner was trained once, so nobody knows how much of it is luck"
        return checked("lead", "unknown", line)
    seeds = plural(len(_values(first)), "seed")
    told = f"{one_line(name)} has {_interval(evidence.metric, first)} over {seeds}"
    search_on = beside(evidence, "-longer", trials=2 * max(1, len(evidence.trials)))
    if name == BASELINE:
        line = f"{told}: nothing that was searched is better; search longer, or elsewhere"
        return checked("lead", "act", line, search_on)
    if card.get("beats_baseline") is False:
        line = (
            f"{told}, no better than the baseline as far as these seeds can tell: a longer search, "
            "or more winner.seeds, in a study of its own, since this one's test set was read"
        )
        return checked("lead", "act", line, search_on)
    second = _runner_up(card, name)
    return checked("lead", "fine", told) if second is None else _told_apart(evidence, first, second)


def _told_apart(evidence: Evidence, first: Mapping[str, Any], second: Mapping[str, Any]) -> Check:
    """Whether the winner's lead over the next best is more than what a seed changes."""
    one, other = (one_line(str(each["name"])) for each in (first, second))
    lost = sum(run.get("value") is None for run in second["runs"])
    if lost > sum(run.get("value") is None for run in first["runs"]):
        line = f"{one} came through more often than {other}, which lost {plural(lost, 'training')}"
        return checked("lead", "fine", line)
    ours, theirs = (
        {seed: -evidence.sign * value for seed, value in _values(each).items()}
        for each in (first, second)
    )
    found = paired_interval(ours, theirs)
    if found is None:
        line = f"{one} and {other} share fewer than two seeds: nobody can tell them apart"
        return checked("lead", "unknown", line)
    seeds = plural(len(ours.keys() & theirs.keys()), "seed")
    by = f"{_spread(evidence.metric, found)} of {metric_name(evidence.metric)}"
    line = f"{one} leads {other} by {by}, paired over {seeds}"
    if found.excludes_zero and found.mean > 0:
        return checked("lead", "fine", f"{line}: more than luck")
    line = f"{line}: either may be the better one, so take the cheaper"
    return checked("lead", "look", line, _retrained(evidence))


def _values(candidate: Mapping[str, Any]) -> dict[int, float]:
    """What its runs came to, by replicate; without those that came to no good end."""
    runs = candidate["runs"]
    return {int(run["replicate"]): float(run["value"]) for run in runs if run["value"] is not None}


def _runner_up(card: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The next of the search's candidates; a card has them the best first. None without one."""
    apart = (name, BASELINE)
    others = [one for one in card["candidates"] if one["name"] not in apart]
    return next((one for one in others if one["mean"] is not None), None)


def _retrained(evidence: Evidence) -> Next:
    """To see the retrained runs side by side."""
    number = (evidence.card or {}).get("source", {}).get("retraining")
    if not number:
        return NOTHING
    folder = evidence.directory / f"{RETRAINING}-{number}"
    return Next(shlex.join(["caviar", "show", str(folder)]))


def _spread(metric: str, found: Interval) -> str:
    assert found.low is not None
    assert found.high is not None
    return f"{difference(metric, found.mean)} ({difference_span(metric, found.low, found.high)})"


def _interval(metric: str, candidate: Mapping[str, Any]) -> str:
    return f"{metric_value(metric, candidate['mean'])} ({span(metric, candidate)})"


def _of_search(evidence: Evidence) -> Check:
    """By the noise that replicates, or a person, tell of."""
    if evidence.account["diary"] or evidence.spec.is_raised:
        return checked("lead", "inapplicable", "a panda has nobody beside it to lead")
    if all_diverged(evidence):
        return checked("lead", "unknown", DIVERGED)
    told, by = _lead(evidence)
    # A driver at work retrains the best by itself, if it is to.
    then = NOTHING if is_driven(evidence) or evidence.best is None else winner(evidence)
    noise = float(evidence.account["noise"] or 0.0)
    if by is None:
        return checked("lead", "unknown", told, then)
    if not noise:
        return checked(
            "lead", "unknown", f"{told}; nobody knows yet what another seed changes", then
        )
    least = f"differences up to {difference(evidence.metric, noise)} are noise"
    if by > noise:
        return checked("lead", "fine", f"{told}; {least}")
    return checked("lead", "look", f"{told}; {least}, so it may be luck", then)


def _lead(evidence: Evidence) -> tuple[str, float | None]:
    """The lead of the best trial over the next at the highest rung with two sound trials."""
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
    what = f"{difference(evidence.metric, by)} of {metric_name(evidence.metric)}"
    return f"trial {trial} leads trial {other} by {what} at epoch {cohort.epoch}", by
