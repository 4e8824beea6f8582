"""Ladders of rungs: which trial climbs which, of one ladder or several.

Several are Hyperband's brackets (Li et al., 2018): bracket b, from 0, begins at rung b of the
whole ladder, so that some trials are first compared after longer training. Which bracket a trial
is in follows from its index alone and is never written down.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0
"""Its multiples, modulo 1, fill the unit interval more evenly than any other's."""


def shares(brackets: int, reduction_factor: float) -> tuple[float, ...]:
    """The share of all trials that each bracket gets.

    Hyperband's proportions, by which every bracket costs as much as another when there are as many
    as rungs: bracket b of s gets eta^-b / (s - b) parts. They do not depend on `max_epochs`, so
    that no trial changes its bracket when a study is extended.

    Args:
        brackets: how many, s >= 1.
        reduction_factor: eta.
    """
    parts = [reduction_factor**-b / (brackets - b) for b in range(brackets)]
    return tuple(part / sum(parts) for part in parts)


def bracket_of(index: int, ends: Sequence[float]) -> int:
    """The bracket of a trial, from 0.

    Args:
        index: the trial's.
        ends: the cumulative shares, as `ends_of` gives them.
    """
    return bisect_right(ends, index * GOLDEN % 1.0) if ends else 0


def ends_of(brackets: int, reduction_factor: float) -> tuple[float, ...]:
    """Where one bracket's part of [0, 1) ends and the next one's begins; () for one bracket."""
    return tuple(accumulate(shares(brackets, reduction_factor)))[:-1]


def counts(trials: int, brackets: int, reduction_factor: float) -> tuple[int, ...]:
    """How many of the first `trials` trials are in each bracket."""
    if brackets == 1:
        return (trials,)
    ends = ends_of(brackets, reduction_factor)
    found = Counter(bracket_of(index, ends) for index in range(trials))
    return tuple(found[bracket] for bracket in range(brackets))


def numbers(epochs: Sequence[int]) -> tuple[int, ...]:
    """The bracket, from 1, of each line of a table that lists one ladder after the other.

    Args:
        epochs: of the rungs; they rise within a ladder, and begin no higher in the next.
    """
    if not epochs:
        return ()
    return tuple(
        accumulate((int(after <= before) for before, after in pairwise(epochs)), initial=1)
    )
