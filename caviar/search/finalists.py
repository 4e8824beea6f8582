"""Finalists: who of a search is retrained, and the baseline that they are compared with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from caviar.search.box import Box
from caviar.search.quasi_random import Sobol
from caviar.search.standing import standing_of
from caviar.search.successive_halving import merit_of
from caviar.study.finals import BASELINE, SHARES, SIZES, Candidate, Finals
from caviar.study.records import Entry, Measurement, Trial, TrialState, Value
from caviar.study.spec import StudySpec

NEARBY: Final = 1024
"""Points looked at for a baseline where the middle of the space breaks a constraint."""
_USELESS: Final = (TrialState.DIVERGED, TrialState.FAILED)


def finals_for(
    spec: StudySpec, entries: Iterable[Entry], known: Finals | None = None
) -> Finals | None:
    """Who is to be retrained as a search stands.

    Args:
        spec: in force.
        entries: the search's, in commit order.
        known: the latest finals; they are the answer if they would be the same again.

    Returns:
        None where nothing was trained, where pandas were raised (what they went through cannot be
        repeated), or where nothing shall be retrained.
    """
    told = tuple(entries)
    trials = [entry for entry in told if isinstance(entry, Trial)]
    if not spec.winner.top or any(trial.parent is not None for trial in trials) or spec.is_raised:
        return None
    best = _best(spec, told, trials)
    if not best:
        return None
    candidates = [_candidate(spec, trials[found.trial], found) for found in best]
    candidates.append(Candidate(BASELINE, dict(baseline(spec))))
    number = 1 if known is None else known.number + 1
    found = Finals(number, spec.search.max_epochs, spec.winner.seeds, tuple(candidates))
    same = known is not None and _content(found) == _content(known)
    return known if same else found


def sizes_for(spec: StudySpec, best: Candidate, epochs: int, known: Finals | None = None) -> Finals:
    """One configuration to be trained on parts of the data.

    Args:
        spec: in force.
        best: which.
        epochs: of every training.
        known: the latest of these; they are the answer if they would be the same again.
    """
    parts = tuple(
        replace(best, name=f"{best.name} on {100 * share:g} % of the data", share=share)
        for share in SHARES
    )
    number = 1 if known is None else known.number + 1
    found = Finals(number, epochs, spec.winner.seeds, parts, SIZES)
    same = known is not None and _content(found) == _content(known)
    return known if known is not None and same else found


def trials_of(finals: Finals) -> tuple[Trial, ...]:
    """The trials of a retraining: candidate by candidate, replicate by replicate."""
    return tuple(
        Trial(
            index=place * finals.seeds + replicate - 1,
            point=(),
            hyperparameters=candidate.hyperparameters,
            origin=candidate.name,
            why=f"replicate {replicate}",
            draw=replicate,
        )
        for place, candidate in enumerate(finals.candidates)
        for replicate in range(1, finals.seeds + 1)
    )


def baseline(spec: StudySpec) -> dict[str, Value]:
    """The baseline's hyperparameters: what `[baseline]` gives, else the middle of the space.

    Where a constraint forbids the middle it is the allowed point of a cover that is nearest to it.
    """
    space, home = spec.space, Box.between(spec.home)
    middle = home.place(np.full(space.dimensions, 0.5))
    given = spec.baseline
    values = dict(space.decode(_overlaid(spec, middle)))
    if not space.feasible(values):
        cover = Sobol(space.dimensions, spec.seed)
        points = [_overlaid(spec, home.place(cover.point(place))) for place in range(NEARBY)]
        allowed = [point for point in points if space.feasible(dict(space.decode(point)))]
        nearest = min(allowed, key=lambda point: float(((point - middle) ** 2).sum()), default=None)
        values = values if nearest is None else dict(space.decode(nearest))
    return {name: given.get(name, value) for name, value in values.items()}


def _overlaid(spec: StudySpec, point: np.ndarray) -> np.ndarray:
    found = point.copy()
    for axis, (name, domain) in enumerate(spec.space.domains.items()):
        if name in spec.baseline:
            found[axis] = domain.encode(spec.baseline[name])
    return found


def _best(spec: StudySpec, entries: Sequence[Entry], trials: Sequence[Trial]) -> list[Measurement]:
    """The best measurements, one a configuration, at most `winner.top` of them."""
    standing = standing_of(
        entries,
        spec.rungs(),
        spec.metric,
        reduction_factor=spec.search.reduction_factor,
        brackets=spec.search.brackets,
        noise=spec.search.noise,
    )
    order = partial(merit_of, metric=spec.metric)
    usable = (
        found
        for found, state in zip(standing.bests, standing.states, strict=True)
        if found is not None and state not in _USELESS and math.isfinite(order(found)[0])
    )
    by_configuration: dict[tuple[tuple[str, Value], ...], Measurement] = {}
    for found in sorted(usable, key=order):
        key = tuple(sorted(trials[found.trial].hyperparameters.items()))
        by_configuration.setdefault(key, found)
    return list(by_configuration.values())[: spec.winner.top]


def _candidate(spec: StudySpec, trial: Trial, found: Measurement) -> Candidate:
    score = float(getattr(found, spec.metric))
    return Candidate(f"trial {trial.index}", dict(trial.hyperparameters), trial.index, score)


def _content(finals: Finals) -> tuple[object, ...]:
    """What makes two finals the same."""
    who = [(one.name, sorted(one.hyperparameters.items())) for one in finals.candidates]
    return finals.epochs, finals.seeds, who
