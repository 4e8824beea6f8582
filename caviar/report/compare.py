"""Studies side by side: what differs in what was asked, what it cost, and what came of it.

Nothing is refused: what cannot be compared is said in the remarks, in plain words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import stats

from caviar.report.evidence import Evidence, evidence
from caviar.space.domain import Choice, Domain
from caviar.study.describe import HyperparameterRow, describe
from caviar.study.flat import HYPERPARAMETERS
from caviar.study.journal import Journal
from caviar.study.run_tables import UNBOUNDED
from caviar.study.spent import slice_s
from caviar.study.wording import number, one_line

Told = dict[str, Any]
"""Plain data, fit for JSON."""

_APART: Final = ("name",)
"""Keys of a specification that are no settings."""


def comparison(directories: Sequence[Path]) -> Told:
    """Compares studies; drivers may be at work on them.

    Args:
        directories: of at least one study, in the order they are to be shown.

    Returns:
        `studies` (see `study_of`), `space` and `settings` (rows of `name` and `values`, one a
        study, of what is not the same in all of them; None where a study has no such thing) and
        `remarks` (sentences: what may and what may not be compared).

    Raises:
        StudyError: one of them holds no study.
    """
    found = [evidence(directory) for directory in directories]
    studies = [study_of(one) for one in found]
    names = _names(found)
    for study, name in zip(studies, names, strict=True):
        study["label"] = name
    return {
        "studies": studies,
        "space": differing([_space(one) for one in found]),
        "settings": differing([_settings(one) for one in found]),
        "remarks": remarks(studies),
    }


def study_of(found: Evidence) -> Told:
    """One study in figures.

    Returns:
        `study`, `directory`, `status`, `strategy`, `metric`, `longest` (epochs of a training),
        `seed`, `data` (of the journal; {} before they are read), `trials` by state, `drawn` (how
        many), `cost` (`trial_epochs`, `elapsed_s`, `slice_hours`), `best` (as of the account) and
        `winner` (see `winner_of`; None before there is one).
    """
    account = found.account
    with Journal.open(found.directory) as journal:
        slice_hours = slice_s(journal) / 3600
    return {
        "study": found.spec.name,
        "directory": str(found.directory),
        "status": account["status"],
        "strategy": found.spec.search.strategy,
        "metric": found.metric,
        "longest": _longest(found),
        "seed": found.spec.seed,
        "data": dict(found.data),
        "trials": account["counts"],
        "drawn": len(found.trials),
        "cost": {
            "trial_epochs": account["trial_epochs"],
            "elapsed_s": account["elapsed_s"],
            "slice_hours": round(slice_hours, 4),
        },
        "best": account["best"],
        "winner": None if found.card is None else winner_of(found.card),
    }


def winner_of(card: Mapping[str, Any]) -> Told:
    """What a run card says of the winner.

    Returns:
        `name`, `hyperparameters`, `mean`, `low`, `high` (of the metric over seeds), `values` (one
        a seed), `beats_baseline` and `test` (`mean`, `low`, `high`, `examples`, or None).
    """
    winner = card.get("winner") or {}
    rows = [row for row in card.get("candidates") or () if row.get("name") == winner.get("name")]
    row = rows[0] if rows else {}
    values = [run.get("value") for run in row.get("runs") or ()]
    test = card.get("test") or {}
    accuracy = test.get("accuracy") or {}
    return {
        "name": str(winner.get("name", "")),
        "hyperparameters": dict(winner.get("hyperparameters") or {}),
        **{key: row.get(key) for key in ("mean", "low", "high")},
        "values": [value for value in values if value is not None],
        "beats_baseline": card.get("beats_baseline"),
        "retraining_epochs": (card.get("cost") or {}).get("retraining_epochs"),
        "test": {**accuracy, "examples": test.get("examples")} if accuracy else None,
    }


def differing(tables: Sequence[Mapping[str, Any]]) -> list[Told]:
    """The rows that are not the same in all tables, in the order of the first that has them."""
    names = dict.fromkeys(name for table in tables for name in table)
    rows = ({"name": name, "values": [table.get(name) for table in tables]} for name in names)
    return [row for row in rows if any(value != row["values"][0] for value in row["values"])]


def remarks(studies: Sequence[Told]) -> list[str]:
    """What may be concluded from studies side by side, and what not."""
    apart = [*_of_data(studies), *_of_metrics(studies)]
    told = [*apart, *_of_lengths(studies)]
    told += [sentence for study in studies for sentence in _of_one(study)]
    return told if apart else [*told, *_of_winners(studies)]


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
    error = math.sqrt(sum(parts))
    if not error:
        return difference, difference, difference
    weights = [
        part**2 / (len(values) - 1) for part, values in zip(parts, (one, other), strict=True)
    ]
    reach = float(stats.t.ppf(0.975, sum(parts) ** 2 / sum(weights))) * error
    return difference, difference - reach, difference + reach


def _longest(found: Evidence) -> int:
    """Epochs of the longest training that there may be."""
    panda = found.spec.panda
    raised = bool(found.account["diary"]) or found.spec.is_raised
    return panda.days * panda.day_epochs if raised else found.spec.search.max_epochs


def _names(found: Sequence[Evidence]) -> list[str]:
    """What the studies are called: by name, or by directory where that is not enough."""
    names = [one.spec.name for one in found]
    if len(set(names)) == len(names):
        return names
    return [one_line(str(one.directory)) for one in found]


def _space(found: Evidence) -> dict[str, str]:
    """Each hyperparameter in words, as `log 0.0001 to 1`."""
    told: dict[str, str] = {}
    domains = found.spec.space.domains
    for row in describe(found.spec).rows:
        words = _axis(row, domains.get(row.name)) + (f" where {row.when}" if row.when else "")
        told[row.name] = f"{told[row.name]}; {words}" if row.name in told else words
    return told


def _axis(row: HyperparameterRow, domain: Domain | None) -> str:
    if domain is None:
        return number(row.low)
    if isinstance(domain, Choice):
        return "one of " + ", ".join(map(number, domain.choices))
    grows = ", may grow to {} and {}".format(*map(number, row.grows)) if row.grows else ""
    return f"{row.scale} {number(row.low)} to {number(row.high)}{grows}"


def _settings(found: Evidence) -> dict[str, Any]:
    """All keys of the study file but its name and the hyperparameters."""
    flat: dict[str, Any] = {}
    for table, value in found.spec.model_dump(mode="json").items():
        if table in _APART:
            continue
        if not isinstance(value, dict) or table == "baseline":
            flat[table] = value
            continue
        flat |= {
            f"{table}.{key}": part for key, part in value.items() if key not in HYPERPARAMETERS
        }
    if flat["search.trials"] == UNBOUNDED:
        flat["search.trials"] = "as many as the budget allows"
    return flat


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
    spent = [study["cost"]["trial_epochs"] for study in studies]
    if min(spent) and max(spent) > 1.5 * min(spent):
        most, least = (studies[spent.index(pick(spent))]["label"] for pick in (max, min))
        told.append(
            f"{most} spent {max(spent) / min(spent):.1f} times the trial-epochs of {least}: more "
            "trials find better ones by that alone"
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
    return told


def _of_winners(studies: Sequence[Told]) -> list[str]:
    """Which winner is better, of those retrained over seeds; only where data and metric agree."""
    better = -1.0 if str(studies[0]["metric"]).endswith("_loss") else 1.0
    having = [study for study in studies if study["winner"]]
    told = []
    for one, other in combinations(having, 2):
        found = welch(*([better * v for v in s["winner"]["values"]] for s in (one, other)))
        if found is None:
            told.append(f"{one['label']} and {other['label']}: too few seeds to tell them apart")
            continue
        told.append(_verdict(one["label"], other["label"], found))
    return told


def _verdict(one: str, other: str, found: tuple[float, float, float]) -> str:
    difference, low, high = found
    if low <= 0.0 <= high:
        return (
            f"the winners of {one} and {other} are not told apart: they differ by "
            f"{abs(difference):.4f}, and the 95 % interval ({low:.4f} to {high:.4f}) includes 0"
        )
    first, second = (one, other) if difference > 0 else (other, one)
    ends = sorted((abs(low), abs(high)))
    return (
        f"the winner of {first} is better than that of {second} by {abs(difference):.4f} "
        f"(95 % interval {ends[0]:.4f} to {ends[1]:.4f}, over seeds)"
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
