"""Zoom: from coarse to fine, around the best trials so far, and never only there.

It begins with a Sobol cover of the bounds. As soon as enough trials were compared it goes on in
*rounds*: each draws from a box around the elites, a Gaussian around one of them on every axis, as
wide as they are spread. A hyperparameter that matters little leaves its elites scattered and so
stays wide. A fifth of the draws stay with the cover, as controls: when they do better than the box,
the box widens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from caviar.search.box import Box
from caviar.search.elites import Ranking, Stretch, cell_of, choice, stretch, weighted
from caviar.search.growing import Bounds, against, grown
from caviar.search.quasi_random import Sobol
from caviar.search.searcher import Suggestion
from caviar.space.axis import Axis
from caviar.study.records import Round, Trial

COVER: Final = 24
"""Trials that must have been compared before the first round."""
CONTROLS: Final = 0.15
"""The share of draws from all of the bounds."""
NEWS: Final = 0.1
"""A round ends when so many more trials were compared, as a share of all ..."""
FEWEST_NEWS: Final = 4
"""... but at least so many."""
AHEAD: Final = 8
"""Trials that may wait for their start, or an eighth of those compared if that is more."""
WIDER: Final = 1.5
"""By how much a box widens when controls do better than it; as much it narrows again after."""
WIDEST: Final = 1.5**4
STALE: Final = 64
"""Suggestions in a row that were of no use, after which the cover is drawn from."""
TRIES: Final = 16
"""Draws of which the first that lies in the box is taken."""

FEWEST_CONTROLS: Final = 2
"""Controls of a round that must have been compared before they say anything."""
TOLD: Final = 0.1
"""Relative change of a box's width on an axis that is worth a word."""

Active = Callable[[Trial], Sequence[bool]]
"""From a trial to which of its coordinates `[d]` have an effect (conditions)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a round draws from.

    Attributes:
        round: as it is journalled.
        stretches: `[d]`.
    """

    round: Round
    stretches: tuple[Stretch, ...]


class Zoom:
    """Suggests points around the best trials (`caviar.search.searcher.Searcher`)."""

    def __init__(
        self,
        axes: Sequence[Axis],
        seed: int,
        home: Bounds = (),
        active: Active | None = None,
        cover: int = COVER,
    ) -> None:
        """Makes a searcher that was told nothing.

        Args:
            axes: `[d]`, of the space.
            seed: >= 0; fixes every draw.
            home: `[d]` pairs: a person's bounds, where an axis reaches further.
            active: which coordinates of a trial have an effect; by default all.
            cover: trials that must have been compared before the first round.
        """
        self._axes = tuple(axes)
        self._seed = seed
        self._home = tuple(home) or ((0.0, 1.0),) * len(self._axes)
        self._active = active or (lambda trial: (True,) * len(self._axes))
        self._cover = cover
        self._sobol = Sobol(len(self._axes), seed)
        self._ranking = Ranking()
        self._points: dict[int, tuple[float, ...]] = {}
        self._masks: dict[int, Sequence[bool]] = {}
        self._recent: dict[int, bool] = {}
        """By trial of the latest round, whether it is a control."""
        self._widening = 1.0
        self._plan: Plan | None = None
        self._next = 0

    @property
    def ahead(self) -> int:
        """The cover at once; then few, since each might have known more."""
        missing = self._cover - len(self._points)
        return max(AHEAD, missing, len(self._ranking) // 8)

    def suggest(self, draw: int, box: Box) -> Suggestion:
        """A point of the cover, of the latest round, or of one that begins with it."""
        plan = self._plan
        if self._is_due(box):
            plan = self._planned(box)
        if plan is None:
            return Suggestion(box.place(self._sobol.point(draw)), "cover")
        begun = None if plan is self._plan else plan.round
        rng = np.random.default_rng((self._seed, draw))
        why = f"round {plan.round.number}"
        if rng.random() < CONTROLS or draw - self._next >= STALE:
            point = self._outside(box, plan.round.bounds).place(self._sobol.point(draw))
            return Suggestion(point, "control", why, begun)
        return Suggestion(self._drawn(plan, rng), "zoom", why, begun)

    def note(self, entry: Trial | Round) -> None:
        """A trial was taken up, or a round was begun."""
        if isinstance(entry, Round):
            self._widening = self._widened(entry.elites)
            of_round = entry.bounds, entry.cells, entry.elites
            self._plan = Plan(entry, self._stretches(*of_round, self._widening))
            self._recent.clear()
            return
        self._points[entry.index] = entry.point
        self._masks[entry.index] = self._active(entry)
        if entry.draw is not None:
            self._next = max(self._next, entry.draw + 1)
        if entry.origin in {"zoom", "control"}:
            self._recent[entry.index] = entry.origin == "control"

    def observe(self, trial: Trial, epoch: int, score: float) -> None:
        """Ranks a trial anew."""
        self._ranking.put(trial.index, epoch, score)

    # Rounds

    def _is_due(self, box: Box) -> bool:
        """Whether the next draw begins a round."""
        if self._plan is None:
            return len(self._ranking) >= self._cover and self._ranking.finite > 1
        begun = self._plan.round
        news = max(FEWEST_NEWS, round(NEWS * begun.stands_on))
        if len(self._ranking) >= begun.stands_on + news:
            return True
        return self._bounds(box) != begun.bounds or not _covers(box, begun)

    def _planned(self, box: Box) -> Plan:
        """The round that begins now; nothing changes."""
        elites = self._ranking.elites()
        bounds = self._grown(self._bounds(box), elites)
        before = self._plan.round if self._plan is not None else None
        kept = tuple(self._kept(axis, box, elites) for axis in range(len(self._axes)))
        widening = self._widened(elites)
        stretches = self._stretches(bounds, kept, elites, widening)
        spans = tuple((one.low, one.high) for one in stretches)
        told = [self._why(axis, one, before) for axis, one in enumerate(stretches)]
        begun = Round(
            number=before.number + 1 if before is not None else 1,
            bounds=bounds,
            box=spans,
            cells=kept,
            stands_on=len(self._ranking),
            elites=elites,
            whys=tuple(told),
            why=self._reason(widening, before, bounds),
        )
        return Plan(begun, stretches)

    def _bounds(self, box: Box) -> Bounds:
        """What draws keep to: as far as bounds have grown, unless a person narrowed them since."""
        found = []
        reached = self._plan.round.bounds if self._plan is not None else self._home
        for low, high, home, (least, most) in zip(
            box.low, box.high, self._home, reached, strict=True
        ):
            found.append(
                (
                    min(low, least) if low <= home[0] else low,
                    max(high, most) if high >= home[1] else high,
                )
            )
        return tuple(found)

    def _grown(self, bounds: Bounds, elites: Sequence[int]) -> Bounds:
        """The bounds, one step larger where there is room and the elites lie against them."""
        for axis, (low, high) in enumerate(bounds):
            if (low, high) == (0.0, 1.0) or low >= high:
                continue
            side = against(self._places(axis, elites), low, high)
            at_home = low <= self._home[axis][0] if side == -1 else high >= self._home[axis][1]
            if side is not None and at_home:
                bounds = grown(bounds, axis, side, self._home)
        return bounds

    def _kept(self, axis: int, box: Box, elites: Sequence[int]) -> tuple[int, ...]:
        """The cells that are drawn on an axis without order; () on one with order."""
        count = self._axes[axis].cells
        if self._axes[axis].ordered or count is None:
            return ()
        allowed = box.cells[axis] or range(count)
        tried = [cell_of(self._points[t][axis], count) for t in self._compared(axis)]
        best = [cell_of(place, count) for place in self._places(axis, elites)]
        return choice(allowed, best, tried)

    def _stretches(
        self,
        bounds: Bounds,
        cells: Sequence[tuple[int, ...]],
        elites: Sequence[int],
        widening: float,
    ) -> tuple[Stretch, ...]:
        found = []
        for axis, (low, high) in enumerate(bounds):
            places = self._places(axis, elites)
            if cells[axis]:
                found.append(weighted(cells[axis], self._axes[axis].cells or 1, places))
            else:
                found.append(stretch(self._axes[axis], places, low, high, widening))
        return tuple(found)

    def _places(self, axis: int, trials: Sequence[int]) -> list[float]:
        """The trials' coordinates on an axis, of those on which it has an effect."""
        return [self._points[t][axis] for t in trials if self._masks[t][axis]]

    def _compared(self, axis: int) -> list[int]:
        return [t for t in self._points if t in self._ranking and self._masks[t][axis]]

    def _widened(self, elites: Sequence[int]) -> float:
        """The widening that the latest round's trials speak for.

        A control has done well if it came among the elites, and so has a draw from the box.
        """
        compared = [t for t in self._recent if t in self._ranking]
        controls = [t in elites for t in compared if self._recent[t]]
        others = [t in elites for t in compared if not self._recent[t]]
        if len(controls) < FEWEST_CONTROLS or not others:
            return self._widening
        won = sum(controls) / len(controls) > sum(others) / len(others)
        return min(WIDEST, self._widening * WIDER) if won else max(1.0, self._widening / WIDER)

    # Words

    def _why(self, axis: int, now: Stretch, before: Round | None) -> str:
        """Why the box on an axis shrank, stayed or grew."""
        if now.cells:
            return self._why_cells(axis, now.cells, before)
        if len(now.centres) < 2:
            return "as wide as the bounds: too few of the best trials have it"
        low, high = before.box[axis] if before is not None else self._home[axis]
        change = (now.high - now.low) / max(high - low, 1e-9)
        best = f"the best {len(now.centres)}"
        if change < 1 - TOLD:
            return f"shrank: {best} lie closer together"
        if change > 1 + TOLD:
            return f"grew: {best} lie further apart"
        moved = abs(now.low + now.high - low - high) / 2 > TOLD * (high - low)
        return f"moved with {best}" if moved else f"stayed: {best} lie as they did"

    @staticmethod
    def _why_cells(axis: int, cells: tuple[int, ...], before: Round | None) -> str:
        then = before.cells[axis] if before is not None else ()
        if then and set(cells) > set(then):
            return "grew: one of the best trials has another"
        if not then or set(cells) < set(then):
            return "shrank to what the best trials have, and what was hardly tried"
        return "stayed"

    def _reason(self, widening: float, before: Round | None, bounds: Bounds) -> str:
        if before is None:
            return f"the cover's first {len(self._ranking)} trials were compared"
        if bounds != before.bounds:
            is_larger = any(
                new[0] < old[0] or new[1] > old[1]
                for new, old in zip(bounds, before.bounds, strict=True)
            )
            return (
                "the best lie against a bound, which grew" if is_larger else "a person narrowed it"
            )
        if widening > self._widening:
            return "controls did better than the box: it widens"
        if widening < self._widening:
            return "the box does better than its controls again: it narrows"
        return f"{len(self._ranking) - before.stands_on} more trials were compared"

    # Draws

    @staticmethod
    def _outside(box: Box, bounds: Bounds) -> Box:
        """Where controls come from: all that draws keep to."""
        low, high = zip(*bounds, strict=True)
        return replace(box, low=low, high=high)

    def _drawn(self, plan: Plan, rng: np.random.Generator) -> NDArray[np.float64]:
        """A point around one of the elites, within the box."""
        point = np.empty(len(self._axes))
        elites = plan.round.elites
        elite = elites[int(rng.integers(len(elites)))]
        for axis, one in enumerate(plan.stretches):
            if one.cells:
                cell = rng.choice(one.cells, p=one.weights)
                point[axis] = (cell + 0.5) / (self._axes[axis].cells or 1)
            else:
                point[axis] = self._coordinate(axis, one, elite, rng)
        return point

    def _coordinate(self, axis: int, one: Stretch, elite: int, rng: np.random.Generator) -> float:
        if len(one.centres) < 2:
            return float(rng.uniform(one.low, one.high))
        has_it = self._masks[elite][axis]
        centre = self._points[elite][axis] if has_it else rng.choice(one.centres)
        drawn = centre + one.sigma * rng.standard_normal(TRIES)
        inside = drawn[(drawn >= one.low) & (drawn <= one.high)]
        return float(inside[0]) if len(inside) else float(np.clip(centre, one.low, one.high))


def _covers(box: Box, begun: Round) -> bool:
    """Whether all cells that a round draws are still allowed."""
    pairs = zip(box.cells, begun.cells, strict=True)
    return all(not allowed or set(drawn) <= set(allowed) for allowed, drawn in pairs)
