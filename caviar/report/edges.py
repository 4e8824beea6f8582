"""Hyperparameters whose best trials lie against a bound, and what a person can do about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from caviar.errors import StudyError
from caviar.search.box import Box
from caviar.search.growing import Side, against
from caviar.search.narrowing import narrowed
from caviar.search.noise import REPLICATE
from caviar.search.successive_halving import Rank, rank_of
from caviar.space.domain import Choice, Domain, Float, Integer
from caviar.space.home import enlarged, home_span
from caviar.study.flat import rule_of
from caviar.study.records import (
    Change,
    ChangeKind,
    Entry,
    Failure,
    Measurement,
    Round,
    Trial,
    Value,
)
from caviar.study.rule import Rule
from caviar.study.spec import StudySpec
from caviar.study.wording import number

FEWEST: Final = 3
"""Elites, at least; without so many nothing is said."""
ELITE_SHARE: Final = 0.1
"""Of the trials that were compared."""
_MOST: Final = ("least", "most")


def edges(spec: StudySpec, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Each hyperparameter whose best trials lie against a bound.

    Args:
        spec: the study as it stands.
        entries: the journal's, in commit order.

    Returns:
        `name`, `side` ("lower" or "upper"), `bound` in a person's units, and `line`, which says
        what to do.
    """
    trials = [entry for entry in entries if isinstance(entry, Trial)]
    best = [trials[index] for index in elites(entries, spec.rungs(), spec.metric)]
    bounds = bounds_of(spec, entries)
    found = []
    for axis, (name, domain) in enumerate(spec.space.domains.items()):
        low, high = bounds[axis]
        places = [t.point[axis] for t in best if name in t.hyperparameters and len(t.point) > axis]
        if len(places) < FEWEST or low >= high or not domain.axis.ordered:
            continue
        side = against(places, low, high, outer_cells(domain, low, high))
        if side is not None:
            beyond = (places[0] - (low if side < 0 else high)) * side > 0
            found.append(_edge(spec, name, bounds[axis], side, "beyond" if beyond else "at"))
    return found


def elites(entries: Iterable[Entry], rungs: Sequence[int], metric: str) -> tuple[int, ...]:
    """The best tenth of the trials that were compared, the best first; without replicates.

    Ranked by the highest rung a trial came to, then by the metric there.
    """
    compared: dict[int, tuple[int, Rank]] = {}
    dropped = set()
    for entry in entries:
        if isinstance(entry, Trial) and entry.origin == REPLICATE:
            dropped.add(entry.index)  # one place is no evidence several times over
        if isinstance(entry, Failure) and not entry.stopped:
            dropped.add(entry.trial)
        if isinstance(entry, Measurement) and (
            entry.epoch in rungs or entry.stopped or entry.diverged
        ):
            compared[entry.trial] = (-entry.epoch, rank_of(entry, metric))
    sound = {
        trial: place
        for trial, place in compared.items()
        if trial not in dropped and math.isfinite(place[1][0])
    }
    count = max(FEWEST, math.ceil(ELITE_SHARE * len(compared)))
    return tuple(sorted(sound, key=sound.__getitem__)[:count])


def bounds_of(spec: StudySpec, entries: Iterable[Entry]) -> tuple[tuple[float, float], ...]:
    """`[d]` pairs in the unit cube: what draws keep to at the end of these entries."""
    box = Box.between(spec.home)
    for entry in entries:
        if isinstance(entry, Round):
            box = Box.between(entry.bounds)
        elif isinstance(entry, Change) and entry.kind == ChangeKind.NARROW:
            box = narrowed(box, spec.space, entry)
    return tuple(zip(box.low, box.high, strict=True))


def outer_cells(domain: Domain, low: float, high: float) -> tuple[float, float]:
    """The widths of the outermost values as shares of low to high; 0 of a continuum."""
    if domain.axis.cells is None:
        return 0.0, 0.0
    values = domain.decode(low), domain.decode(math.nextafter(high, 0.0))
    first, last = (domain.span(value, value) for value in values)
    width = high - low
    return min(1.0, (first[1] - first[0]) / width), min(1.0, (last[1] - last[0]) / width)


def _edge(
    spec: StudySpec, name: str, bounds: tuple[float, float], side: Side, where: str
) -> dict[str, Any]:
    domain, end = spec.space.domains[name], 0 if side < 0 else 1
    # The upper end of a stretch of cells is where the next cell begins.
    place = bounds[0] if side < 0 else math.nextafter(bounds[1], 0.0)
    bound = domain.decode(bounds[end] if bounds[end] in {0.0, 1.0} else place)
    word = ("lower", "upper")[end]
    told = f"{name}: the best trials lie {where} its {word} bound {number(bound)}"
    line = f"{told}{_advice(spec, name, bounds[end], end)}"
    return {"name": name, "side": word, "bound": bound, "line": line}


def _advice(spec: StudySpec, name: str, place: float, end: int) -> str:
    """What a person can do about it; `end` is 0 for the lower bound, 1 for the upper one."""
    domain = spec.space.domains[name]
    if domain.axis.cells and isinstance(domain, Choice):
        return "; give it more room (more choices)"
    may_grow = home_span(domain) != (0.0, 1.0)
    if place != home_span(domain)[end] and not may_grow:
        return ", to which it was narrowed"
    if may_grow and place == end:
        return f", the {_MOST[end]} that it may grow to"
    if may_grow:
        grows = spec.search.searcher == "zoom"
        return "; with more trials it grows" if grows else '; it grows with searcher = "zoom"'
    return _more_room(name, domain, end)


def _more_room(name: str, domain: Domain, end: int) -> str:
    """How the study file could give more room, if there is any."""
    assert isinstance(domain, Float | Integer)
    rule = rule_of(name)
    other = ("smaller low", "larger high")[end]
    if _furthest(domain, rule)[end] == domain.bounds[end]:
        return f", the {_MOST[end]} it can be"
    return f"; give it more room ({'expand = true, or ' if rule.grows else ''}a {other})"


def _furthest(domain: Float | Integer, rule: Rule) -> tuple[Value, Value]:
    """How far its bounds could grow."""
    try:
        return enlarged(domain, rule.limits).bounds
    except StudyError:
        return domain.bounds
