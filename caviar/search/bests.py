"""What the best of a trial is: the one meaning of that word in leaderboards, tables and the page.

The best is the best measurement at the end of an assignment: of a rung, a day, or where early
stopping ended the trial. Only there promotions are decided, and only there a checkpoint is kept, so
whoever wants the network gets what was measured. A trial that is compared at every epoch would
also be the better for having more of them. Trials that diverged or failed have none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from caviar.search.successive_halving import merit_of
from caviar.study.records import Measurement, TrialState

USELESS: Final = (TrialState.DIVERGED, TrialState.FAILED)
"""How a trial ended whose network nobody wants."""


def usable(
    bests: Iterable[Measurement | None], states: Iterable[TrialState], metric: str
) -> tuple[Measurement | None, ...]:
    """Of each trial its best, or None.

    Args:
        bests: of each trial the best measurement at the end of an assignment.
        states: of each trial.
        metric: by which trials are compared.
    """
    pairs = zip(bests, states, strict=True)
    return tuple(
        best if best and state not in USELESS and math.isfinite(merit_of(best, metric)[0]) else None
        for best, state in pairs
    )


def leaders(
    bests: Iterable[Measurement | None],
    state: Callable[[int], TrialState],
    metric: str,
    count: int,
) -> list[Measurement]:
    """The bests of the best trials, best first, at most `count`; quick at 10,000 trials.

    Args:
        bests: as for `usable`.
        state: of a trial; asked only for as many as it takes.
        metric: by which trials are compared.
        count: how many to find.
    """
    found: list[Measurement] = []
    for best in sorted(filter(None, bests), key=partial(merit_of, metric=metric)):
        if len(found) >= count or not math.isfinite(merit_of(best, metric)[0]):
            break
        if state(best.trial) not in USELESS:
            found.append(best)
    return found
