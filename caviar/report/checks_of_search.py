"""The playbook on the search: edges, enough points, and where trials diverge."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from caviar.report.cohort import Cohort, cohorts
from caviar.report.commands import (
    ITS_FILE,
    Next,
    beside,
    is_driven,
    is_over,
    more,
    narrow,
    resume,
    show,
)
from caviar.report.doubling import FEWEST as FEWEST_POINTS
from caviar.report.doubling import doubling
from caviar.report.evidence import Evidence
from caviar.report.verdicts import NOTHING, Check, Verdict, checked, home_of, plural
from caviar.space.domain import Choice
from caviar.space.home import home_span
from caviar.study.metric_words import difference, difference_span, metric_name
from caviar.study.records import TrialState
from caviar.study.wording import number

FEWEST_COMPARED: Final = 10
"""Trials, at least, before the best of them are said to lie against no bound."""
FEW_DIVERGED: Final = 0.05
MANY_DIVERGED: Final = 0.25
"""Shares of the trials that were trained."""
DIVERGED: Final = "every trial diverged"
"""Of which nothing else is to be told."""
NEAR: Final = 3.0
"""Times the best trial's learning rate; what is nearer lies just above it."""
_ABOVE: Final = 0.8
"""Share of the diverged trials above the best one's learning rate by which that is the reason."""


def tolerance(evidence: Evidence) -> float:
    """Differences of the metric that are not worth an effort.

    The study's noise where it is known; at least one example of dev in an accuracy, or a
    hundredth of a loss.
    """
    noise = float(evidence.account["noise"] or 0.0)
    if evidence.metric == "dev_accuracy":
        # A little more than one example, since differences of accuracies are rounded.
        return max(noise, 1.01 / max(1, int(evidence.data.get("dev") or 1000)))
    best = evidence.best
    value = getattr(best, evidence.metric) if best is not None else 0.0
    return max(noise, 0.01 * abs(value))


def all_diverged(evidence: Evidence) -> bool:
    """Whether trials were trained and every one of them diverged, though not by its first rung."""
    states = {evidence.states[trial] for trial, curve in evidence.curves.items() if curve}
    return states == {TrialState.DIVERGED}


def edges(evidence: Evidence) -> Check:
    """Whether the best trials lie against a bound."""
    found = evidence.account["edges"]
    why_not = _is_no_search(evidence)
    if why_not:
        return checked("edges", "inapplicable", why_not)
    if all_diverged(evidence):
        return checked("edges", "unknown", DIVERGED)
    compared = sum(int(cohort.sound.sum()) for cohort in cohorts(evidence)[:1])
    if not found and compared < FEWEST_COMPARED:
        return _too_few(evidence, "edges", "where the best lie", compared, FEWEST_COMPARED)
    if not found:
        return checked("edges", "fine", "the best trials lie against no bound")
    others = f" (and {plural(len(found) - 1, 'more bound')})" if len(found) > 1 else ""
    verdict, then = _room(evidence, found[0])
    return checked("edges", verdict, f"{found[0]['line']}{others}", then)


def _is_no_search(evidence: Evidence) -> str:
    """Why nothing that is drawn from bounds can be asked about, or ""."""
    if evidence.account["diary"] or evidence.spec.is_raised:
        return "pandas are raised, not drawn from bounds"
    return "" if evidence.spec.space.domains else "no hyperparameter is searched"


def _too_few(evidence: Evidence, name: str, what: str, sound: int, least: int) -> Check:
    """Nothing to tell yet, but more trials would."""
    then = more(evidence, max(1, least - sound))
    later = "" if then.command else ", and more are coming"
    return checked(
        name, "unknown", f"too few trials to tell {what}: {sound} of {least}{later}", then
    )


def _room(evidence: Evidence, edge: dict[str, Any]) -> tuple[Verdict, Next]:
    """How a bound can give way."""
    name = edge["name"]
    domain = evidence.spec.space.domains[name]
    if edge["line"].endswith((" that it may grow to", " it can be")):
        return "look", show(evidence, "--rounds")
    if edge["line"].endswith("to which it was narrowed"):
        return "act", narrow(evidence, name, *domain.bounds)
    if home_span(domain) == (0.0, 1.0):
        return "act", beside(evidence, "-wider", f"a copy of {ITS_FILE} with more room")
    if evidence.spec.search.searcher != "zoom":
        return "act", beside(evidence, "-wider", f'a copy of {ITS_FILE} with searcher = "zoom"')
    then = more(evidence, max(1, len(evidence.trials) // 2))
    return ("act", then) if then.command else ("look", then)


def points(evidence: Evidence) -> Check:
    """What twice as many trials would buy, at the highest rung that can tell.

    Of a search that is not over nothing is to be done about it: it is still buying.
    """
    why_not = _is_no_search(evidence)
    if why_not:
        return checked("points", "inapplicable", why_not)
    if all_diverged(evidence):
        return checked("points", "unknown", DIVERGED)
    found = [one for one in cohorts(evidence) if one.sound.sum() >= FEWEST_POINTS]
    if not found:
        sound = max((int(one.sound.sum()) for one in cohorts(evidence)), default=0)
        return _too_few(evidence, "points", "what more would buy", sound, FEWEST_POINTS)
    cohort = found[-1]
    gain = doubling(_values(cohort))
    assert gain is not None
    least = tolerance(evidence)
    metric = evidence.metric
    bought = difference(metric, gain.expected)
    bought += f" ({difference_span(metric, gain.low, gain.high)})"
    twice = f"twice as many trials as the {len(cohort.trials)} at epoch {cohort.epoch}"
    line = f"{twice} would buy about {bought} of {metric_name(metric)}"
    then = more(evidence, len(evidence.trials))
    nothing = f"up to {difference(metric, least)} is nothing"
    if gain.high <= least:
        return checked("points", "fine", f"{line}; {nothing}: enough points")
    if gain.low <= least:
        return checked("points", "look", f"{line}; {nothing}", then)
    return checked(
        "points", "act" if is_over(evidence) else "look", f"{line}: more trials pay", then
    )


def _values(cohort: Cohort) -> Any:
    """`[n]`, higher is better; who diverged did as badly as the worst of the others."""
    values = -cohort.scores
    return np.where(cohort.sound, values, values[cohort.sound].min())


def divergence(evidence: Evidence) -> Check:
    """How many trials diverged, and whether the learning rate is why."""
    trained = [trial for trial in evidence.curves if evidence.curves[trial]]
    lost = [trial for trial in trained if evidence.states[trial] == TrialState.DIVERGED]
    if not trained:
        then = NOTHING if is_driven(evidence) else resume(evidence)
        return checked("divergence", "unknown", "no trial was trained yet", then)
    what = plural(len(trained), "day" if evidence.account["diary"] else "trial")
    if not lost:
        return checked("divergence", "fine", f"none of {what} diverged")
    share = len(lost) / len(trained)
    where, then = _where(evidence, lost)
    line = f"{len(lost)} of {what} diverged ({100 * share:.0f} %){where}"
    if share <= FEW_DIVERGED:
        return checked("divergence", "fine", line)
    return checked("divergence", "look" if share <= MANY_DIVERGED else "act", line, then)


def _where(evidence: Evidence, lost: list[int]) -> tuple[str, Next]:
    """Where in learning rate trials diverged, and what to do about it."""
    one = show(evidence, "--trial", str(lost[0]))
    rates = sorted(rate for rate in (_rate(evidence, trial) for trial in lost) if rate is not None)
    if evidence.best is None:
        return _all_of_them(evidence, rates, one)
    best = _rate(evidence, evidence.best.trial)
    if best is None or not rates:
        return "", one
    above = [rate for rate in rates if rate > best]
    if len(above) < _ABOVE * len(rates):
        below = len(rates) - len(above)
        told = f"; {below} of them at or below the best learning rate {number(best)}"
        return f"{told}: it is not the learning rate alone", one
    times = above[0] / best if best > 0 else math.inf
    how = f"just above the best, {number(best)}" if times < NEAR else f"the best is {number(best)}"
    return f", from learning rate {number(above[0])} up; {how}", _lower(evidence, best, above[0])


def _all_of_them(evidence: Evidence, rates: list[float], one: Next) -> tuple[str, Next]:
    """No trial has a result: a lower learning rate is the first thing to try."""
    told = "; no other has a result to compare with"
    if not rates or evidence.account["diary"]:
        return told, one
    needs = f"a copy of {ITS_FILE} with learning rates below {number(rates[0])}"
    return f"{told}: try lower learning rates", beside(evidence, "-lower", needs)


def _rate(evidence: Evidence, trial: int) -> float | None:
    value = evidence.trials[trial].hyperparameters.get("learning_rate")
    return float(value) if isinstance(value, int | float) else None


def _lower(evidence: Evidence, best: float, lowest: float) -> Next:
    """The command that spares the rates at which trials diverge, with some room above the best."""
    domain = evidence.spec.space.domains.get("learning_rate")
    if domain is None or isinstance(domain, Choice) or evidence.account["diary"]:
        return show(evidence)
    low, high = home_of(domain)
    assert not isinstance(low, str)
    assert not isinstance(high, str)
    wanted = float(f"{max(lowest, NEAR * best):.3g}")
    if domain.axis.cells is not None or not low < wanted < high:
        return show(evidence)
    return narrow(evidence, "learning_rate", low, wanted)
