"""What may be concluded from studies side by side, and what may not, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from caviar.study.metric_words import difference, difference_span, metric_name
from caviar.study.wording import one_line

Told = dict[str, Any]
"""A study as `caviar.report.compare.study_of` tells it, with its `label`."""


def remarks(studies: Sequence[Told]) -> list[str]:
    """What may be concluded from studies side by side, and what not."""
    told = [*_of_data(studies), *_of_metrics(studies), *_of_lengths(studies)]
    told += [sentence for study in studies for sentence in _of_one(study)]
    return [*told, *_of_winners(studies)]


def welch(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float] | None:
    """How much higher the first mean is, with its 95 % interval; None of less than two values.

    Welch, B. L. (1947). The generalization of `Student's' problem. Biometrika 34.

    Args:
        one: independent values.
        other: the same, with a variance of their own.

    Returns:
        The difference and the interval's ends.
    """
    if min(len(one), len(other)) < 2:
        return None
    difference = float(np.mean(one) - np.mean(other))
    parts = [float(np.var(values, ddof=1)) / len(values) for values in (one, other)]
    total = sum(parts)
    if not total:
        return difference, difference, difference
    # Shares of the whole, whose squares are never too small for a float.
    shares = [
        (part / total) ** 2 / (len(values) - 1)
        for part, values in zip(parts, (one, other), strict=True)
    ]
    reach = float(stats.t.ppf(0.975, 1.0 / sum(shares))) * math.sqrt(total)
    return difference, difference - reach, difference + reach


def _of_data(studies: Sequence[Told]) -> list[str]:
    """Whether quality was measured on the same examples."""
    unknown = [study["label"] for study in studies if not study["data"]]
    if unknown:
        return [f"{_listed(unknown)}: the data were not read yet; nothing is known of them"]
    if len({study["data"].get("fingerprint") for study in studies}) == 1:
        return []
    sets = [
        f"{one['data'].get('name')} {one['data'].get('version') or ''}".strip() for one in studies
    ]
    if len(set(sets)) > 1:
        told = ", ".join(f"{s['label']}: {one_line(d)}" for s, d in zip(studies, sets, strict=True))
        return [f"not the same data set ({told}): their accuracies and losses cannot be compared"]
    seeds = [str(study["seed"]) for study in studies]
    why = f"; the cut follows the seed: {', '.join(seeds)}" if len(set(seeds)) > 1 else ""
    return [
        "not the same data, or not the same cut into train, dev and test (the fingerprints "
        f"differ{why}): dev values are of different examples and cannot be compared closely"
    ]


def _of_metrics(studies: Sequence[Told]) -> list[str]:
    metrics = [study["metric"] for study in studies]
    if len(set(metrics)) == 1:
        return []
    return [f"trials are compared by different metrics ({', '.join(metrics)}): so are the winners"]


def _of_lengths(studies: Sequence[Told]) -> list[str]:
    """Whether as much was spent."""
    told = []
    lengths = [study["longest"] for study in studies]
    if len(set(lengths)) > 1:
        told.append(f"trained to different lengths at most ({', '.join(map(str, lengths))} epochs)")
    spent = [study["cost"]["search"]["trial_epochs"] for study in studies]
    if min(spent) and max(spent) > 1.5 * min(spent):
        most, least = (studies[spent.index(pick(spent))]["label"] for pick in (max, min))
        told.append(
            f"{most} spent {max(spent) / min(spent):.1f} times the trial-epochs of {least} on its "
            "search: more trials find better ones by that alone"
        )
    return told


def _of_one(study: Told) -> list[str]:
    """What has to be known of a study before anything is said of it."""
    label = study["label"]
    if study["best"] is None:
        return [f"{label}: no trial has a result that counts"]
    told = []
    if study["status"] not in ("finished", "stopped"):
        told.append(f"{label}: is {study['status']}; what is told of it will change")
    if study["winner"] is None:
        told.append(
            f"{label}: has no winner yet; its best value is the luckiest of {study['drawn']} "
            "trials, and reads too high"
        )
    readings = ((study["winner"] or {}).get("test") or {}).get("readings") or 1
    if readings > 1:
        told.append(f"{label}: its test set was read {readings} times; its figure flatters")
    return told


def _of_winners(studies: Sequence[Told]) -> list[str]:
    """Which winner is better, of those retrained over seeds; only where data and metric agree."""
    having = [study for study in studies if study["winner"] and study["data"]]
    pairs = [(one, other) for one, other in combinations(having, 2) if _alike(one, other)]
    return [_told_apart(one, other) for one, other in pairs]


def _alike(one: Told, other: Told) -> bool:
    same_data = one["data"].get("fingerprint") == other["data"].get("fingerprint")
    return same_data and one["metric"] == other["metric"]


def _told_apart(one: Told, other: Told) -> str:
    better = -1.0 if str(one["metric"]).endswith("_loss") else 1.0
    found = welch(*([better * value for value in s["winner"]["values"]] for s in (one, other)))
    if found is None:
        return f"{one['label']} and {other['label']}: too few seeds to tell their winners apart"
    return _verdict(one["label"], other["label"], one["metric"], found)


def _verdict(one: str, other: str, metric: str, found: tuple[float, float, float]) -> str:
    lead, low, high = found
    if low <= 0.0 <= high:
        return (
            f"the winners of {one} and {other} are not told apart: they differ by "
            f"{difference(metric, abs(lead))} of {metric_name(metric)}, and the 95 % interval "
            f"({difference_span(metric, low, high)}) includes 0"
        )
    first, second = (one, other) if lead > 0 else (other, one)
    ends = difference_span(metric, *sorted((abs(low), abs(high))))
    return (
        f"the winner of {first} is better than that of {second} by {difference(metric, abs(lead))} "
        f"of {metric_name(metric)} (95 % interval {ends}, over seeds)"
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
