"""The rounds of a coarse-to-fine search as plain data: boxes in a person's units, and reasons."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from caviar.search.successive_halving import DIRECTION
from caviar.space.domain import Choice, Domain
from caviar.space.home import home_span
from caviar.study.records import Entry, Measurement, Round, Trial, Value
from caviar.study.spec import StudySpec

CONTROL: Final = "control"
"""The origin of a trial drawn outside the box, to see whether the search fools itself."""
_OF_ROUND: Final = re.compile(r"\bround (\d+)\b")

Scores = Mapping[int, tuple[int, float]]
"""By trial: the epoch and the value of its best metric."""


def rounds(spec: StudySpec, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Every round of the search, in order.

    Args:
        spec: the study as it stands.
        entries: the journal's, in commit order.

    Returns:
        Of each round `number`, `why`, `stands_on` (trials compared when it began), `elites`,
        `drawn` (`box` and `control`: `trials` and the `best` of them) and `axes`: of each
        hyperparameter `name`, `values` (those left, of choices) or `low` and `high`, `share` of
        its range, `bounds` of that range, whether these have `grown`, and `why`.
    """
    scores = _scores(entries, spec.metric)
    trials = _by_round([entry for entry in entries if isinstance(entry, Trial)])
    found = [entry for entry in entries if isinstance(entry, Round)]
    return [_round(spec, one, trials.get(one.number, []), scores) for one in found]


def origins(spec: StudySpec, entries: Sequence[Entry]) -> dict[str, Any]:
    """By where trials came from ("cover", "zoom", "given" ...): `trials` and the `best` of them."""
    scores = _scores(entries, spec.metric)
    groups: dict[str, list[Trial]] = {}
    for entry in entries:
        if isinstance(entry, Trial) and entry.origin:
            groups.setdefault(entry.origin, []).append(entry)
    return {origin: _tally(trials, scores, spec.metric) for origin, trials in groups.items()}


def _round(
    spec: StudySpec, found: Round, trials: Sequence[Trial], scores: Scores
) -> dict[str, Any]:
    controls = [trial for trial in trials if trial.origin == CONTROL]
    others = [trial for trial in trials if trial.origin != CONTROL]
    return {
        "number": found.number,
        "why": found.why,
        "stands_on": found.stands_on,
        "elites": list(found.elites),
        "drawn": {
            "box": _tally(others, scores, spec.metric),
            CONTROL: _tally(controls, scores, spec.metric),
        },
        "axes": [
            _axis(name, domain, found, axis)
            for axis, (name, domain) in enumerate(spec.space.domains.items())
        ],
    }


def _axis(name: str, domain: Domain, found: Round, axis: int) -> dict[str, Any]:
    """A hyperparameter's part of a box."""
    low, high = found.box[axis]
    least, most = found.bounds[axis]
    cells = found.cells[axis] if axis < len(found.cells) else ()
    told: dict[str, Any] = {"name": name}
    if isinstance(domain, Choice):
        told["values"] = _choices(domain, cells, low, high)
        told["share"] = len(told["values"]) / len(_choices(domain, (), least, most))
    else:
        told["low"], told["high"] = ends(domain, low, high)
        told["share"] = _share(domain, (low, high), (least, most))
    told["bounds"] = list(ends(domain, least, most))
    home = home_span(domain)
    told["grown"] = least < home[0] or most > home[1]
    told["why"] = found.whys[axis] if axis < len(found.whys) else ""
    return told


def _share(domain: Domain, box: tuple[float, float], bounds: tuple[float, float]) -> float:
    """How much of the bounds a box leaves, on the scale; a value that it touches counts whole."""
    if domain.axis.cells:
        box, bounds = (domain.span(*ends(domain, *pair)) for pair in (box, bounds))
    width = bounds[1] - bounds[0]
    return min(1.0, (box[1] - box[0]) / width) if width > 0 else 1.0


def ends(domain: Domain, low: float, high: float) -> tuple[Value, Value]:
    """The values at the ends of a stretch of [0, 1]."""
    # Where a stretch ends on a cell's edge the next cell begins, which is not in it.
    upper = high if high >= 1.0 or domain.axis.cells is None else math.nextafter(high, 0.0)
    return domain.decode(low), domain.decode(max(low, upper))


def _choices(domain: Choice, cells: Sequence[int], low: float, high: float) -> list[Value]:
    if cells:
        return [domain.choices[cell] for cell in cells]
    first, last = (domain.choices.index(value) for value in ends(domain, low, high))
    return list(domain.choices[first : last + 1])


def _by_round(trials: Sequence[Trial]) -> dict[int, list[Trial]]:
    found: dict[int, list[Trial]] = {}
    for trial in trials:
        named = _OF_ROUND.search(trial.why)
        if named:
            found.setdefault(int(named[1]), []).append(trial)
    return found


def _scores(entries: Sequence[Entry], metric: str) -> Scores:
    """The best metric of every trial that has one."""
    found: dict[int, tuple[int, float]] = {}
    for entry in entries:
        if not isinstance(entry, Measurement) or entry.diverged:
            continue
        value = getattr(entry, metric)
        before = found.get(entry.trial)
        is_better = before is None or DIRECTION[metric] * (value - before[1]) < 0
        if math.isfinite(value) and is_better:
            found[entry.trial] = entry.epoch, value
    return found


def _tally(trials: Sequence[Trial], scores: Scores, metric: str) -> dict[str, Any]:
    known = [trial.index for trial in trials if trial.index in scores]
    best = min(known, key=lambda trial: DIRECTION[metric] * scores[trial][1], default=None)
    told = None if best is None else {"trial": best, "epoch": scores[best][0],
                                      metric: scores[best][1]}  # fmt: skip
    return {"trials": len(trials), "best": told}
