"""Studies side by side: what differs in what was asked, what it cost, and what came of it.

Nothing is refused: what cannot be compared is said in the remarks, in plain words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from caviar.report.compare_words import remarks
from caviar.report.evidence import Evidence, evidence
from caviar.space.domain import Choice, Domain
from caviar.study.describe import HyperparameterRow, describe
from caviar.study.flat import HYPERPARAMETERS
from caviar.study.run_tables import UNBOUNDED
from caviar.study.wording import number, one_line

Told = dict[str, Any]
"""Plain data, fit for JSON."""

_OF_TEST: Final = ("examples", "readings", "sampling")
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
        many), `cost` (see `caviar.study.expenses`), `best` (as of the account) and `winner` (see
        `winner_of`; None before there is one).
    """
    account = found.account
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
        "cost": account["cost"],
        "best": account["best"],
        "winner": None if found.card is None else winner_of(found.card),
    }


def winner_of(card: Mapping[str, Any]) -> Told:
    """What a run card says of the winner.

    Returns:
        `name`, `hyperparameters`, `mean`, `low`, `high` (of the metric over seeds), `values` (one
        a seed), `beats_baseline` and `test` (`mean`, `low` and `high` over
        seeds, `examples`, `readings`, and `sampling`, an interval by the number of examples; None
        if there is none).
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
        "test": accuracy | {key: test.get(key) for key in _OF_TEST} if accuracy else None,
    }


def differing(tables: Sequence[Mapping[str, Any]]) -> list[Told]:
    """The rows that are not the same in all tables, in the order of the first that has them."""
    names = dict.fromkeys(name for table in tables for name in table)
    rows = ({"name": name, "values": [table.get(name) for table in tables]} for name in names)
    return [row for row in rows if any(value != row["values"][0] for value in row["values"])]


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
