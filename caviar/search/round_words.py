"""Why a round began and what became of its box, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from caviar.search.elites import Stretch
from caviar.search.growing import Bounds
from caviar.study.records import Round

TOLD: Final = 0.1
"""Relative change of a box's width on an axis that is worth a word."""


def why_round(
    compared: int, before: Round | None, then: Bounds, bounds: Bounds, widening: float
) -> str:
    """Why a round began, in one line.

    Args:
        compared: trials compared until now.
        before: the round before it, if there was one.
        then: what draws kept to until now.
        bounds: what its draws keep to.
        widening: by how much more than before the box is wider than its elites.
    """
    pairs = list(zip(bounds, then, strict=True))
    if any(new[0] < old[0] or new[1] > old[1] for new, old in pairs):
        return "the best lie against a bound, which grew"
    if before is None:
        return f"the cover's first {compared} trials were compared"
    if bounds != then:
        return "a person narrowed it"
    if widening > 0:
        return "controls did better than the box: it widens"
    if widening < 0:
        return "the box does better than its controls again: it narrows"
    return f"{compared - before.stands_on} more trials were compared"


def why_axis(
    now: Stretch, before: Round | None, axis: int, home: Sequence[tuple[float, float]]
) -> str:
    """Why the box on an axis shrank, stayed or grew.

    Args:
        now: what the round draws from there.
        before: the round before it, if there was one.
        axis: which.
        home: `[d]`: the bounds that a study begins with.
    """
    if now.cells:
        return _why_cells(now.cells, before.cells[axis] if before is not None else ())
    if len(now.centres) < 2:
        return "as wide as the bounds: too few of the best trials have it"
    low, high = before.box[axis] if before is not None else home[axis]
    change = (now.high - now.low) / max(high - low, 1e-9)
    best = f"the best {len(now.centres)}"
    if change < 1 - TOLD:
        return f"shrank: {best} lie closer together"
    if change > 1 + TOLD:
        return f"grew: {best} lie further apart"
    moved = abs(now.low + now.high - low - high) / 2 > TOLD * (high - low)
    return f"moved with {best}" if moved else f"stayed: {best} lie as they did"


def _why_cells(cells: tuple[int, ...], then: tuple[int, ...]) -> str:
    if then and set(cells) > set(then):
        return "grew: one of the best trials has another"
    if set(cells) == set(then):
        return "stayed: the best trials have what they had"
    return "what the best trials have, and what was hardly tried"
