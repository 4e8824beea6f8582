"""What a study has spent so far: on its search, on retrainings, on parts of the data.

One driver runs all of them, so its time counts once. Cards, the page, `caviar show` and `caviar
compare` take what they say of the cost from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.study.finals import RETRAINING, SIZES, Finals, event_of
from caviar.study.journal import Journal
from caviar.study.spent import elapsed_s, slice_s
from caviar.study.wording import duration

SEARCH: Final = "search"
KINDS: Final = (SEARCH, RETRAINING, SIZES)
"""What a study spends on, in this order."""
_IN_WORDS: Final = {SEARCH: "search", RETRAINING: "retraining", SIZES: "sizes"}

Told = dict[str, Any]
"""Plain data, fit for JSON."""


def expenses(journal: Journal, now: float | None = None) -> Told:
    """What a study has spent, by what it was spent on.

    Args:
        journal: of the search, open for reading or writing.
        now: seconds since 1970 if a driver is at work, else None.

    Returns:
        Of `search`, `retraining`, `sizes` and `total` each the `trial_epochs` (measurements that
        stand) and `slice_hours` (slices at work, added up, as far as attempts have ended);
        `elapsed_s` of the drivers, for all of it; and `unread`, the names of folders that were
        begun but are not there to be counted.
    """
    spent: Told = {kind: {"trial_epochs": 0, "slice_hours": 0.0} for kind in KINDS}
    _add(spent[SEARCH], journal)
    unread = []
    for folder, kind in folders(journal.directory, journal.events()).items():
        try:
            with Journal.open(folder) as other:
                _add(spent[kind], other)
        except StudyError:
            unread.append(folder.name)
    parts = list(spent.values())
    spent["total"] = {key: sum(part[key] for part in parts) for key in parts[0]}
    for part in spent.values():
        part["slice_hours"] = round(part["slice_hours"], 4)
    return spent | {"elapsed_s": round(elapsed_s(journal, now), 1), "unread": unread}


def folders(directory: Path, events: Any) -> dict[Path, str]:
    """Where finals of a study were begun, and of which kind they are, in order.

    Args:
        directory: the study's.
        events: of its journal.
    """
    kinds = {event_of(kind): kind for kind in (RETRAINING, SIZES)}
    found = {}
    for event in events:
        if event.kind in kinds:
            found[Finals.from_json(event.detail).folder(directory)] = kinds[event.kind]
    return found


def of_card(cost: Mapping[str, Any]) -> Told:
    """A card's cost as `expenses` tells it; cards of format 1 knew no parts of the slices' hours.

    Returns:
        The same keys; `slice_hours` of the parts are None where a card does not tell them.
    """
    if "total" in cost:
        return dict(cost)
    searched, retrained = cost.get("trial_epochs", 0), cost.get("retraining_epochs", 0)
    return {
        SEARCH: {"trial_epochs": searched, "slice_hours": None},
        RETRAINING: {"trial_epochs": retrained, "slice_hours": None},
        SIZES: {"trial_epochs": 0, "slice_hours": None},
        "total": {
            "trial_epochs": searched + retrained,
            "slice_hours": cost.get("slice_hours"),
        },
        "elapsed_s": cost.get("elapsed_s", 0.0),
        "unread": [],
    }


def epochs_told(cost: Mapping[str, Any]) -> str:
    """As `107 trial-epochs (search 26, retraining 81)`; the parts only where there are several."""
    parts = {kind: cost[kind]["trial_epochs"] for kind in KINDS if cost[kind]["trial_epochs"]}
    named = ", ".join(f"{_IN_WORDS[kind]} {epochs:,}" for kind, epochs in parts.items())
    told = f"{cost['total']['trial_epochs']:,} trial-epochs"
    told += f" ({named})" if len(parts) > 1 else ""
    if cost["unread"]:
        told += f", without {', '.join(cost['unread'])}, which cannot be read"
    return told


def slice_hours_told(cost: Mapping[str, Any]) -> str:
    """As `0.012 slice-hours (search 0.004, retraining 0.008)`."""
    parts = {kind: cost[kind]["slice_hours"] for kind in KINDS if cost[kind]["slice_hours"]}
    named = ", ".join(f"{_IN_WORDS[kind]} {hours:.3g}" for kind, hours in parts.items())
    total = cost["total"]["slice_hours"]
    told = "unknown slice-hours" if total is None else f"{total:.3g} slice-hours"
    return told + (f" ({named})" if len(parts) > 1 else "")


def told(cost: Mapping[str, Any]) -> str:
    """All of it in one line."""
    return f"{epochs_told(cost)} in {duration(cost['elapsed_s'])}; {slice_hours_told(cost)}"


def _add(part: Told, journal: Journal) -> None:
    part["trial_epochs"] += journal.measured_epochs
    part["slice_hours"] += slice_s(journal) / 3600
