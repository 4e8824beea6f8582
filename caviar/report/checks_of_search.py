"""The playbook on the search: edges, enough points, and where trials diverge."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from caviar.report.cohort import Cohort, cohorts
from caviar.report.doubling import FEWEST as FEWEST_POINTS
from caviar.report.doubling import doubling
from caviar.report.evidence import Evidence
from caviar.report.verdicts import (
    Check,
    home_of,
    more,
    narrow,
    plural,
    run,
    show,
    small,
    spaced,
)
from caviar.space.domain import Choice
from caviar.space.home import home_span
from caviar.study.records import TrialState
from caviar.study.wording import number

FEWEST_COMPARED: Final = 10
"""Trials, at least, before the best of them are said to lie against no bound."""
FEW_DIVERGED: Final = 0.05
MANY_DIVERGED: Final = 0.25
"""Shares of the trials that were trained."""
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


def edges(evidence: Evidence) -> Check:
    """Whether the best trials lie against a bound."""
    found = evidence.account["edges"]
    if evidence.account["diary"]:
        return Check("edges", "unknown", "pandas have no bounds to lie against", show(evidence))
    compared = sum(int(cohort.sound.sum()) for cohort in cohorts(evidence)[:1])
    if not found and compared < FEWEST_COMPARED:
        line = f"too few trials to tell where the best lie: {compared} of {FEWEST_COMPARED}"
        return Check("edges", "unknown", line, more(evidence, FEWEST_COMPARED - compared))
    if not found:
        return Check(
            "edges", "fine", "the best trials lie against no bound", show(evidence, "--rounds")
        )
    others = f" (and {plural(len(found) - 1, 'more bound')})" if len(found) > 1 else ""
    verdict, command = _room(evidence, found[0])
    return Check("edges", verdict, f"{found[0]['line']}{others}", command)


def _room(evidence: Evidence, edge: dict[str, Any]) -> tuple[Any, str]:
    """How a bound can give way."""
    name = edge["name"]
    domain = evidence.spec.space.domains[name]
    if home_span(domain) != (0.0, 1.0):
        if edge["line"].endswith("that it may grow to"):
            return "look", show(evidence, "--rounds")
        if evidence.spec.search.searcher == "zoom":
            return "act", more(evidence, max(1, len(evidence.trials) // 2))
        return "act", run(evidence, "-wider")
    if edge["line"].endswith("to which it was narrowed"):
        return "act", narrow(evidence, name, *domain.bounds)
    if edge["line"].endswith("it can be"):
        return "look", show(evidence, "--rounds")
    return "act", run(evidence, "-wider")


def points(evidence: Evidence) -> Check:
    """What twice as many trials would buy, at the highest rung that can tell."""
    found = [one for one in cohorts(evidence) if one.sound.sum() >= FEWEST_POINTS]
    if not found:
        return _too_few(evidence)
    cohort = found[-1]
    gain = doubling(_values(cohort))
    assert gain is not None
    least = tolerance(evidence)
    bought = f"{small(gain.expected)} ({small(gain.low)} to {small(gain.high)})"
    twice = f"twice as many trials as the {len(cohort.trials)} at epoch {cohort.epoch}"
    line = f"{twice} would buy about {bought} of {spaced(evidence.metric)}"
    command = more(evidence, len(evidence.trials))
    if gain.high <= least:
        line = f"{line}; up to {small(least)} is nothing: enough points"
        return Check("points", "fine", line, show(evidence))
    if gain.low > least:
        return Check("points", "act", f"{line}: more trials pay", command)
    return Check("points", "look", f"{line}; up to {small(least)} is nothing", command)


def _too_few(evidence: Evidence) -> Check:
    if evidence.account["diary"]:
        line = "pandas are raised, not drawn: more of them is no larger sample"
        return Check("points", "unknown", line, show(evidence))
    sound = max((int(one.sound.sum()) for one in cohorts(evidence)), default=0)
    line = f"too few trials to tell what more would buy: {sound} of {FEWEST_POINTS}"
    return Check("points", "unknown", line, more(evidence, max(1, FEWEST_POINTS - sound)))


def _values(cohort: Cohort) -> Any:
    """`[n]`, higher is better; who diverged did as badly as the worst of the others."""
    values = -cohort.scores
    return np.where(cohort.sound, values, values[cohort.sound].min())


def divergence(evidence: Evidence) -> Check:
    """How many trials diverged, and whether the learning rate is why."""
    trained = [trial for trial in evidence.curves if evidence.curves[trial]]
    lost = [trial for trial in trained if evidence.states[trial] == TrialState.DIVERGED]
    if not trained:
        return Check("divergence", "unknown", "no trial was trained yet", show(evidence))
    share = len(lost) / len(trained)
    line = f"{len(lost)} of {plural(len(trained), 'trial')} diverged ({100 * share:.0f} %)"
    if not lost:
        line = f"none of {plural(len(trained), 'trial')} diverged"
        return Check("divergence", "fine", line, show(evidence))
    where, command = _where(evidence, lost)
    verdict = "fine" if share <= FEW_DIVERGED else "look" if share <= MANY_DIVERGED else "act"
    return Check("divergence", verdict, f"{line}{where}", command)  # type: ignore[arg-type]


def _where(evidence: Evidence, lost: list[int]) -> tuple[str, str]:
    """Where in learning rate trials diverged, and what to do about it."""
    one = show(evidence, "--trial", str(lost[0]))
    if evidence.best is None:
        return "; no other has a result to compare with", one
    best = _rate(evidence, evidence.best.trial)
    rates = [rate for rate in (_rate(evidence, trial) for trial in lost) if rate is not None]
    if best is None or not rates:
        return "", one
    above = sorted(rate for rate in rates if rate > best)
    if len(above) < _ABOVE * len(rates):
        below = len(rates) - len(above)
        told = f"; {below} of them at or below the best learning rate {number(best)}"
        return f"{told}: it is not the learning rate alone", one
    times = above[0] / best if best > 0 else math.inf
    how = f"just above the best, {number(best)}" if times < NEAR else f"the best is {number(best)}"
    return f", from learning rate {number(above[0])} up; {how}", _lower(evidence, best, above[0])


def _rate(evidence: Evidence, trial: int) -> float | None:
    value = evidence.trials[trial].hyperparameters.get("learning_rate")
    return float(value) if isinstance(value, int | float) else None


def _lower(evidence: Evidence, best: float, lowest: float) -> str:
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
