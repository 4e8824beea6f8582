"""What is told of a study, as plain data made of its account: one shape for JSON and pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from caviar.search.successive_halving import DIRECTION
from caviar.study.facts import OpenAssignment
from caviar.study.records import Measurement, Round
from caviar.study.spec import StudySpec

LEADERS: Final = 10
"""Trials of the leaderboard that comes with the status."""
CURVES: Final = 6
"""Of these, whose curves come along."""
POINTS: Final = 120
"""Of a curve that comes with the status; longer ones are thinned."""

Row = dict[str, Any]


def rows_of(account: Mapping[str, Any], values: Mapping[tuple[int, int], float]) -> list[Row]:
    """The trials, each with `best_value`: the metric after its best epoch.

    Args:
        account: of `caviar.report.account`.
        values: the metric by trial and epoch.
    """
    return [
        row | {"best_value": _finite(values.get((row["trial"], row["best_epoch"] or 0)))}
        for row in account["trials"]
    ]


def leaders_of(rows: Sequence[Row], metric: str, most: int = LEADERS) -> list[Row]:
    """The best trials, the best first."""
    able = [row for row in rows if row["best_value"] is not None]
    able.sort(key=lambda row: (DIRECTION[metric] * row["best_value"], row["trial"]))
    return able[:most]


def curve_of(measurements: Sequence[Measurement], metric: str) -> list[list[float | None]]:
    """A trial's curve as pairs of epoch and value, not too many of them, the last among them."""
    step = max(1, math.ceil(len(measurements) / POINTS))
    kept = [m for k, m in enumerate(reversed(measurements)) if k % step == 0]
    return [[m.epoch, _finite(getattr(m, metric))] for m in reversed(kept)]


def slices_of(open_: Sequence[OpenAssignment]) -> dict[str, str]:
    """What each slice is at, by name."""
    found = {}
    for one in open_:
        if one.running:
            count, last = len(one.unfinished), one.assignment.last_epoch
            few = ", ".join(map(str, one.unfinished[:4])) + ", ..." * (count > 4)
            what = f"trial {few}" if count == 1 else f"{count} trials ({few})"
            found[one.attempts[-1].slice_name] = f"{what} to epoch {last}"
    return found


def status_of(
    account: Mapping[str, Any],
    winning: Mapping[str, Any],
    slices: Mapping[str, str],
    searched: Sequence[str],
) -> dict[str, Any]:
    """How a study stands: the keys of the broker's status, and those of its account.

    Args:
        account: of `caviar.report.account`.
        winning: of `caviar.report.winning`.
        slices: what each is at.
        searched: the names of the hyperparameters that are.
    """
    finals, card = winning["retraining"], winning["winner"]
    running = account["status"] == "running"
    elapsed = account["elapsed_s"]
    retraining = running and finals is not None and finals["ended"] < finals["trainings"]
    return {
        "study": account["study"],
        "status": account["status"],
        "ending": account["ending"],
        "stage": "retraining" if retraining else "",
        "finished": account["status"] == "finished",
        "counts": account["counts"],
        "rungs": [[r["epoch"], r["reached"], r["promoted"]] for r in account["rungs"]],
        "trial_epochs": account["trial_epochs"],
        "trial_epochs_per_s": round(account["trial_epochs"] / elapsed, 3) if elapsed > 0 else 0.0,
        "elapsed_s": elapsed,
        "metric": account["metric"],
        "best": account["best"],
        "slices": dict(slices) if running else {},
        "asked": account["asked"],
        "choice": account["choice"],
        "searched": list(searched),
        "trials": len(account["trials"]),
        "rounds": len(account["rounds"]),
        "retraining": finals,
        "winner": card and {"name": card["winner"]["name"], "sentences": card["sentences"]},
    }


def rounds_of(
    spec: StudySpec, told: Sequence[Mapping[str, Any]], found: Sequence[Round]
) -> list[Row]:
    """The rounds, each axis with `places`: its stretches of [0, 1], to be drawn.

    Args:
        spec: as in force.
        told: of `caviar.report.rounds`.
        found: the journal's.
    """
    domains = list(spec.space.domains.values())
    return [
        {**row, "axes": [
            {**axis, "places": _places(one, k, domains[k].axis.cells)}
            for k, axis in enumerate(row["axes"])
        ]}
        for row, one in zip(told, found, strict=True)
    ]  # fmt: skip


def _places(one: Round, axis: int, count: int | None) -> list[list[float]]:
    cells = one.cells[axis] if axis < len(one.cells) else ()
    if cells and count:
        return [[round(c / count, 4), round((c + 1) / count, 4)] for c in cells]
    low, high = one.box[axis]
    return [[round(low, 4), round(high, 4)]]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
