"""The playbook on training: whether it is too long or too short, and what the batch size is for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from caviar.report.checks_of_search import tolerance
from caviar.report.cohort import cohorts
from caviar.report.evidence import Evidence
from caviar.report.verdicts import (
    Check,
    metric,
    more,
    narrow,
    run,
    show,
    small,
    spaced,
    winner,
)
from caviar.space.domain import Value

SHORTEST: Final = 4
"""Epochs, at least, of a curve whose quarters are told apart."""
FEWEST_CURVES: Final = 2
"""That must agree before training is called too long."""
EARLY: Final = 0.5
LATE: Final = 0.75
"""Of the longest curve's epochs: the best one up to the one, or after the other."""
FEWEST_EACH: Final = 4
"""Trials of a batch size, at least."""
MOST_SIZES: Final = 8
"""Batch sizes that are told apart; more are taken together by powers of two."""
FASTER: Final = 1.25
"""Times the speed from which on it is worth a word."""
MUCH_WORSE: Final = 0.25
"""Of all trials, so many more that do better: it must be out of the question."""
_RESAMPLES: Final = 400

Array = NDArray[np.float64]


def length(evidence: Evidence) -> Check:
    """Where the best epoch lies in the curves that went furthest."""
    if evidence.account["diary"]:
        line = "a panda's days go on as long as they are better"
        return Check("epochs", "unknown", line, show(evidence))
    curves = _longest(evidence)
    if not curves:
        line = f"no trial was trained for {SHORTEST} epochs: too few to tell the best one's place"
        return Check("epochs", "unknown", line, show(evidence))
    most = len(next(iter(curves.values())))
    trial = min((t for t in curves if len(curves[t]) == most), key=lambda t: float(curves[t].min()))
    told = f"trial {trial}'s best epoch is {_best_epoch(curves[trial])} of {most}"
    latest = max(map(_best_epoch, curves.values()))
    if latest <= EARLY * most:
        short = run(evidence, "-shorter", _shorter(evidence, latest, most))
        if len(curves) < FEWEST_CURVES:
            return Check("epochs", "look", f"{told}, and no other came as far: train less?", short)
        line = f"no best epoch of the {len(curves)} longest curves comes after {latest} of {most}"
        return Check("epochs", "act", f"{line}: train less", short)
    return _late(evidence, curves[trial], told)


def _late(evidence: Evidence, curve: Array, told: str) -> Check:
    """Whether the last quarter still paid, and so longer training may."""
    of, search = len(curve), evidence.spec.search
    quarter = math.ceil(LATE * of)
    gain = float(curve[:quarter].min() - curve.min())
    if not gain:
        return Check("epochs", "fine", f"{told}: long enough", show(evidence))
    what = f"{told}, and the last quarter bought {small(gain)} of {spaced(evidence.metric)}"
    least = tolerance(evidence)
    if gain <= least:
        line = f"{what}; up to {small(least)} is nothing: long enough"
        return Check("epochs", "fine", line, show(evidence))
    if of < search.max_epochs:
        line = f"{what}; none was trained to {search.max_epochs} epochs yet"
        return Check("epochs", "look", line, run(evidence))
    longer = max(int(search.max_epochs * search.reduction_factor), search.max_epochs + 1)
    return Check("epochs", "act", f"{what}: train longer", run(evidence, "", longer))


def _shorter(evidence: Evidence, at: int, most: int) -> int:
    """The first rung that holds every best epoch, or else half of what it was."""
    rungs = [epoch for epoch in evidence.spec.rungs() if at <= epoch < most]
    return min(rungs, default=max(at, math.ceil(most / 2)))


def _best_epoch(curve: Array) -> int:
    return int(np.argmin(curve)) + 1


def _longest(evidence: Evidence) -> dict[int, Array]:
    """Curves that came at least half as far as the longest, lower is better, longest first."""
    sound = {
        trial: curve
        for trial, curve in evidence.curves.items()
        if len(curve) >= SHORTEST and not curve[-1].diverged
    }
    most = max(map(len, sound.values()), default=0)
    found = {}
    for trial in sorted(sound, key=lambda one: (-len(sound[one]), one)):
        values = [evidence.sign * getattr(m, evidence.metric) for m in sound[trial]]
        finite = [value if math.isfinite(value) else math.inf for value in values]
        if 2 * len(values) >= most and math.isfinite(min(finite)):
            found[trial] = np.array(finite)
    return found


def batch_size(evidence: Evidence) -> Check:
    """Whether the batch size changes how fast training is, rather than how good."""
    if "batch_size" not in evidence.spec.space.domains:
        line = "the batch size is not searched: nothing to compare"
        return Check("batch size", "unknown", line, show(evidence))
    groups = _sizes(evidence)
    if len(groups) < 2:
        line = f"fewer than {FEWEST_EACH} trials of two batch sizes: too few to tell"
        return Check("batch size", "unknown", line, show(evidence))
    pace = {size: _pace(evidence, trials) for size, trials in groups.items()}
    fast, slow = min(pace, key=pace.__getitem__), max(pace, key=pace.__getitem__)
    times = pace[slow] / pace[fast] if pace[fast] > 0 else 1.0
    line = (
        f"an epoch takes {_ms(pace[fast])} at batch size {fast} and {_ms(pace[slow])} at {slow}"
        f" ({times:.1f} times)"
    )
    return _quality(evidence, groups, pace, line)


def _quality(
    evidence: Evidence, groups: Mapping[int, Sequence[int]], pace: Mapping[int, float], line: str
) -> Check:
    """Whether the fastest batch size is clearly worse than the best of the others."""
    cohort = cohorts(evidence)[0]
    regret = dict(zip(cohort.trials, cohort.regret.tolist(), strict=True))
    score = dict(zip(cohort.trials, cohort.scores.tolist(), strict=True))
    means = {size: float(np.mean([regret[t] for t in one])) for size, one in groups.items()}
    fast, good = min(pace, key=pace.__getitem__), min(means, key=means.__getitem__)
    where = f"at epoch {cohort.epoch}"
    told = {size: _middle(evidence, [score[t] for t in one]) for size, one in groups.items()}
    median = f"median {spaced(evidence.metric)} {where}"
    least, most = _worse(*([regret[t] for t in groups[s]] for s in (fast, good)))
    if good != fast and least > 0:
        line = f"{line}, but {good} does better than {fast} ({median} {told[good]}, {told[fast]})"
        later = "at equal epochs a small batch takes more steps, so compare at the last rung"
        return Check("batch size", "look", f"{line}; {later}", winner(evidence))
    line = f"{line}; none does clearly better than {fast} ({median} {told[fast]})"
    if max(pace.values()) < FASTER * pace[fast]:
        return Check("batch size", "fine", line, show(evidence))
    if most > MUCH_WORSE:
        line = f"{line}, though with so few trials {good} may"
        return Check("batch size", "look", line, more(evidence, len(evidence.trials)))
    return Check("batch size", "act", f"{line}: take it for its speed", _only(evidence, fast))


def _sizes(evidence: Evidence) -> dict[int, list[int]]:
    """Trials of the first rung by batch size, or by the power of two nearest to it."""
    first = cohorts(evidence)[:1]
    sizes: dict[int, int] = {}
    for trial in first[0].trials if first else ():
        size: Value | None = evidence.trials[trial].hyperparameters.get("batch_size")
        if isinstance(size, int | float) and size >= 1:
            sizes[trial] = int(size)
    many = len(set(sizes.values())) > MOST_SIZES
    groups: dict[int, list[int]] = {}
    for trial, size in sizes.items():
        groups.setdefault(2 ** round(math.log2(size)) if many else size, []).append(trial)
    return {size: groups[size] for size in sorted(groups) if len(groups[size]) >= FEWEST_EACH}


def _pace(evidence: Evidence, trials: Sequence[int]) -> float:
    """Seconds an epoch: the median over trials of their own medians."""
    return float(np.median([np.median([m.elapsed_s for m in evidence.curves[t]]) for t in trials]))


def _worse(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """By how much the mean regret of `one` is above that of `other`: a 98 % interval."""
    random = np.random.default_rng(0)
    means = [
        random.choice(np.array(each), (_RESAMPLES, len(each))).mean(axis=1) for each in (one, other)
    ]
    low, high = np.percentile(means[0] - means[1], (1.0, 99.0))
    return float(low), float(high)


def _middle(evidence: Evidence, scores: Sequence[float]) -> str:
    """The median metric, in the metric's own direction."""
    # "lower" takes a value that is there: halfway to who diverged is nowhere.
    middle = float(np.percentile(scores, 50, method="lower"))
    return metric(evidence.sign * middle) if math.isfinite(middle) else "of who diverged"


def _only(evidence: Evidence, size: int) -> str:
    """The command that keeps the search to one batch size, where that is one of its values."""
    if evidence.account["diary"] or not evidence.spec.space.domains["batch_size"].contains(size):
        return show(evidence)
    return narrow(evidence, "batch_size", size, size)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
