"""What a study costs: trials at each rung and trial-epochs, by its brackets and its budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from caviar.space.levels import configurations, sizes
from caviar.study import ladders
from caviar.study.run_tables import Search
from caviar.study.spec import StudySpec
from caviar.study.wording import number


@dataclass(frozen=True, slots=True)
class Cost:
    """What a study costs.

    Attributes:
        rungs: epochs of each rung; of several brackets one ladder after the other.
        trials_at_rung: the most trials that can train up to each of them; () if unknown.
        trials: how many there are to be; None if only hours bound them.
        trial_epochs: what it costs if no trial diverges or comes late; None if unknown.
        most_trial_epochs: what it can cost when the best of every rung comes after its share.
        budget: what bounds it, in words; or "".
    """

    rungs: tuple[int, ...]
    trials_at_rung: tuple[int, ...]
    trials: int | None
    trial_epochs: int | None
    most_trial_epochs: int | None
    budget: str


def cost_of(spec: StudySpec) -> Cost:
    """The cost of a study of the caviar strategy."""
    search, most = spec.search, spec.budget.trial_epochs
    rungs = tuple(epochs for ladder in _ladders(search) for epochs in ladder)
    trials = _affordable(search, most) if search.unbounded else search.trials
    held = drawable(spec)
    exhausted = held is not None and (trials is None or held < trials)
    if exhausted:
        trials = held
    if trials is None:
        return Cost(rungs, (), None, None, most, budget_of(spec))
    least, at_rung = trial_epochs(search, trials), trials_at_rung(search, trials)
    late = least + late_trial_epochs(search)
    if most is not None:  # without a number of trials it goes on until all is spent
        goes_on = search.unbounded and not exhausted
        least, late = (most, most) if goes_on else (min(least, most), min(late, most))
    return Cost(rungs, at_rung, trials, least, late, budget_of(spec))


def drawable(spec: StudySpec) -> int | None:
    """The most configurations that the space, or the grid on it, holds; None if without end."""
    search = spec.search
    held = configurations(spec.space)
    if search.searcher != "grid":
        return held
    grid = math.prod(sizes(spec.space.axes, spec.begun_trials)) + len(search.points)
    return grid if held is None else min(held, grid)


def budget_of(spec: StudySpec) -> str:
    """What bounds a study's work in words, as "500 trial-epochs, 2 hours"; or ""."""
    budget = spec.budget
    bounds = (
        (budget.trial_epochs, "trial-epochs"),
        (budget.hours, "hours"),
        (budget.slice_hours, "slice-hours"),
    )
    given = [(most, unit) for most, unit in bounds if most is not None]
    return ", ".join(f"{number(most)} {unit if most != 1 else unit[:-1]}" for most, unit in given)


def trials_at_rung(search: Search, trials: int) -> tuple[int, ...]:
    """The most trials that train up to each rung: of each, 1/eta rounded down goes on.

    The last count of the whole ladder is at least one if that of all others is none: a study
    without a promotion to the top makes a completion run.

    Args:
        search: the rungs and brackets.
        trials: how many there are.
    """
    found = _counts(search, trials)
    if not any(counts[-1] for counts in found):
        found[0][-1] = 1
    return tuple(count for counts in found for count in counts)


def late_trial_epochs(search: Search) -> int:
    """What completion runs and replicates can add.

    Of each rung one trial that came best after its share was spent, and every replicate to the
    last rung.
    """
    late = sum(search.max_epochs - epochs for ladder in _ladders(search) for epochs in ladder)
    return late + search.replicates * (search.max_epochs - search.grace_epochs)


def trial_epochs(search: Search, trials: int) -> int:
    """The trial-epochs that the rungs' shares cost if nothing diverges.

    A completion run goes on from the highest rung that promotions reach.
    """
    total, reached = search.replicates * search.grace_epochs, 0
    found = _counts(search, trials)
    for ladder, counts in zip(_ladders(search), found, strict=True):
        steps = [after - before for before, after in pairwise((0, *ladder))]
        total += sum(count * step for count, step in zip(counts, steps, strict=True))
        reached = max([reached, *(e for e, count in zip(ladder, counts, strict=True) if count)])
    completes = not any(counts[-1] for counts in found)
    return total + (search.max_epochs - reached if completes else 0)


def _affordable(search: Search, most: int | None) -> int | None:
    """How many trials a budget of trial-epochs buys, all promotions included."""
    if most is None:
        return None
    low, high = 1, most // search.grace_epochs + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if trial_epochs(search, middle) <= most else (low, middle)
    return low


def _ladders(search: Search) -> list[tuple[int, ...]]:
    rungs = search.rungs()
    return [rungs[first:] for first in range(search.brackets)]


def _counts(search: Search, trials: int) -> list[list[int]]:
    """The most trials at each rung of each ladder, completion runs not counted."""
    begun = ladders.counts(trials, search.brackets, search.reduction_factor)
    return [
        _shares(count, ladder, search.reduction_factor)
        for count, ladder in zip(begun, _ladders(search), strict=True)
    ]


def _shares(begun: int, ladder: Sequence[int], reduction_factor: int) -> list[int]:
    counts = [begun]
    for _ in ladder[1:]:
        counts.append(counts[-1] // reduction_factor)
    return counts
