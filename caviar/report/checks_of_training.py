"""The playbook on training: whether it is too long or too short, and what the batch size is for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from caviar.report.checks_of_search import DIVERGED, all_diverged, tolerance
from caviar.report.cohort import cohorts
from caviar.report.commands import Next, beside, is_over, more, narrow, resume
from caviar.report.evidence import Evidence
from caviar.report.verdicts import NOTHING, Check, checked, plural
from caviar.space.domain import Value
from caviar.study.metric_words import difference, metric_name, metric_value

SHORTEST: Final = 4
"""Epochs, at least, of a curve whose quarters are told apart."""
FEWEST_CURVES: Final = 2
"""That must agree before training is called too long."""
SMOOTHED: Final = 3
"""Epochs up to the one that is read, whose median is taken."""
EARLY: Final = 0.5
LATE: Final = 0.75
"""Of the longest curve's epochs: as good by the one, or still better after the other."""
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
    """Whether trials are trained too long, or not long enough.

    The question is which `max_epochs` another study had better have. What a study keeps is a
    network as it is after its last epoch, so an epoch count is worth what the longest curves show
    *there*, at a rung that could be the last, beside what they show at their end. (The best
    measurement of a curve, at whatever epoch, is the luckiest of many: its place wanders, and no
    study would have stopped there.) One epoch's value is luck too, and a rung promoted those that
    were lucky at it, so values are medians of three epochs up to the one that is asked about.

    - "train less": at a rung in the first half every one of the longest curves was as good as at
      its end, but for what is nothing (`tolerance`).
    - "train longer": the best of the longest gained more than that in its last quarter.
    """
    if evidence.account["diary"] or evidence.spec.is_raised:
        return checked("epochs", "inapplicable", "a panda's days go on as long as they are better")
    if all_diverged(evidence):
        return checked("epochs", "unknown", DIVERGED)
    curves = _longest(evidence)
    if not curves:
        return _too_short(evidence)
    most = len(next(iter(curves.values())))
    short = _as_good(evidence, curves, most)
    if short is None:
        return _late(evidence, {trial: one for trial, one in curves.items() if len(one) == most})
    then = beside(evidence, "-shorter", max_epochs=short)
    what = f"after {plural(short, 'epoch')} as good as after {most}"
    if len(curves) < FEWEST_CURVES:
        line = f"trial {next(iter(curves))} was {what}, and no other came as far: train less?"
        return checked("epochs", "look", line, then)
    line = f"each of the {len(curves)} longest curves was {what}: train less"
    return checked("epochs", "act" if is_over(evidence) else "look", line, then)


def _too_short(evidence: Evidence) -> Check:
    line = f"no trial was trained for {SHORTEST} epochs: too few to tell what they are worth"
    longest = evidence.spec.search.max_epochs
    if longest >= SHORTEST:
        return checked("epochs", "unknown", line, NOTHING if is_over(evidence) else _rest(evidence))
    return checked("epochs", "unknown", line, resume(evidence, _longer(evidence)))


def _as_good(evidence: Evidence, curves: Mapping[int, Array], most: int) -> int | None:
    """The first rung by which every curve was as good as at its end, or None."""
    halfway = math.floor(EARLY * most)
    least = tolerance(evidence)
    for epoch in [one for one in evidence.spec.rungs() if one <= halfway] or [halfway]:
        if all(
            _after(curve, epoch) <= _after(curve, len(curve)) + least for curve in curves.values()
        ):
            return epoch
    return None


def _after(curve: Array, epoch: int) -> float:
    """What a curve shows after so many epochs; the lower median, as the upper may be no number."""
    found = np.sort(curve[max(0, epoch - SMOOTHED) : epoch])
    return float(found[(len(found) - 1) // 2])


def _late(evidence: Evidence, curves: Mapping[int, Array]) -> Check:
    """Whether the last quarter still paid, and so longer training may."""
    trial, curve = min(curves.items(), key=lambda one: _after(one[1], len(one[1])))
    of, search = len(curve), evidence.spec.search
    quarter = math.ceil(LATE * of)
    gain = _after(curve, quarter) - _after(curve, of)
    what = f"from epoch {quarter} to {of} trial {trial} gained"
    metric = evidence.metric
    what = f"{what} {difference(metric, max(0.0, gain))} of {metric_name(metric)}"
    least = tolerance(evidence)
    if gain <= least:
        line = f"{what}; up to {difference(metric, least)} is nothing: long enough"
        return checked("epochs", "fine", line)
    if of < search.max_epochs:
        line = f"{what}; none was trained to {search.max_epochs} epochs yet"
        return checked("epochs", "look", line, NOTHING if is_over(evidence) else _rest(evidence))
    return checked("epochs", "act", f"{what}: train longer", resume(evidence, _longer(evidence)))


def _rest(evidence: Evidence) -> Next:
    """What is left of the study; a driver at work comes to it by itself."""
    then = resume(evidence)
    return NOTHING if then.waits else then


def _longer(evidence: Evidence) -> int:
    """The rung after the last."""
    search = evidence.spec.search
    return max(SHORTEST, int(search.max_epochs * search.reduction_factor), search.max_epochs + 1)


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
        return checked("batch size", "inapplicable", "it is not searched")
    if evidence.account["diary"] or evidence.spec.is_raised:
        return checked("batch size", "inapplicable", "pandas are not compared at rungs")
    if all_diverged(evidence):
        return checked("batch size", "unknown", DIVERGED)
    groups = _sizes(evidence)
    if len(groups) < 2:
        line = f"fewer than {FEWEST_EACH} trials of two batch sizes: too few to tell"
        return checked("batch size", "unknown", line, more(evidence, 2 * FEWEST_EACH))
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
    """Whether the fastest batch size is clearly worse than the best of the others.

    Where it is, the batch size is worth its place in the search, and nothing is to be done.
    """
    cohort = cohorts(evidence)[0]
    regret = dict(zip(cohort.trials, cohort.regret.tolist(), strict=True))
    score = dict(zip(cohort.trials, cohort.scores.tolist(), strict=True))
    means = {size: float(np.mean([regret[t] for t in one])) for size, one in groups.items()}
    fast = min(pace, key=pace.__getitem__)
    good = min(means.keys() - {fast}, key=means.__getitem__)
    where = f"at epoch {cohort.epoch}"
    told = {size: _middle(evidence, [score[t] for t in one]) for size, one in groups.items()}
    median = f"median {metric_name(evidence.metric)} {where}"
    least, most = _worse(*([regret[t] for t in groups[s]] for s in (fast, good)))
    if least > 0:
        line = f"{line}, but {good} does better than {fast} ({median} {told[good]}, {told[fast]})"
        more_steps = ": it takes more steps an epoch" if good < fast else ""
        return checked("batch size", "fine", f"{line}{more_steps}")
    line = f"{line}; none does clearly better than {fast} ({median} {told[fast]})"
    if max(pace.values()) < FASTER * pace[fast]:
        return checked("batch size", "fine", line)
    if most > MUCH_WORSE:
        line = f"{line}, though with so few trials {good} may"
        return checked("batch size", "look", line, more(evidence, len(evidence.trials)))
    return checked("batch size", "act", f"{line}: take it for its speed", _only(evidence, fast))


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
    """Seconds an epoch: the lower quartile over trials of their own medians.

    What else the machine does, and a first call, only ever make an epoch longer.
    """
    own = [np.median([m.elapsed_s for m in evidence.curves[trial]]) for trial in trials]
    return float(np.percentile(own, 25.0))


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
    return (
        metric_value(evidence.metric, evidence.sign * middle)
        if math.isfinite(middle)
        else "of who diverged"
    )


def _only(evidence: Evidence, size: int) -> Next:
    """The command that keeps the search to one batch size, where that is one of its values."""
    domain = evidence.spec.space.domains["batch_size"]
    return narrow(evidence, "batch_size", size, size) if domain.contains(size) else NOTHING


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
