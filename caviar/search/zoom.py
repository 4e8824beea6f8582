"""Zoom: from coarse to fine, around the best trials so far, and never only there.

It begins with a Sobol cover of the bounds. As soon as enough trials were compared it goes on in
*rounds*: each draws from a box around the elites, a Gaussian around one of them on every axis, as
wide as they are spread. A hyperparameter that matters little leaves its elites scattered and so
stays wide. About one draw in seven stays with the cover, as a control: when these do better than
the box, it widens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from caviar.search.box import Box
from caviar.search.elites import Ranking, Stretch, choice, stretch, weighted, weights
from caviar.search.growing import Bounds, against, grown
from caviar.search.quasi_random import Sobol
from caviar.search.round_words import why_axis, why_round
from caviar.search.searcher import Suggestion
from caviar.space.axis import Axis
from caviar.space.cells import equal_cell, equal_centre
from caviar.study.records import Round, Trial

COVER: Final = 24
"""Trials that must have been compared before the first round."""
FEWEST_SOUND: Final = 2
"""... of which so many must neither have diverged nor failed."""
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
FRESH: Final = 0.5
"""The share of draws from the box that go where the bounds of an axis have just grown."""

Active = Callable[[Trial], Sequence[bool]]
"""From a trial to which of its coordinates `[d]` have an effect (conditions)."""


@dataclass(frozen=True)
class Plan:
    """What a round draws from.

    Attributes:
        round: as it is journalled.
        stretches: `[d]`.
        fresh: by axis, the stretch by which its bounds have just grown: half the draws go there.
    """

    round: Round
    stretches: tuple[Stretch, ...]
    fresh: Mapping[int, tuple[float, float]]

    @cached_property
    def spans(self) -> tuple[NDArray[np.float64], ...]:
        """Of all axes the low, the high and the sigma of their stretches, `[d]` each."""
        found = [(one.low, one.high, one.sigma) for one in self.stretches]
        return tuple(np.array(found, dtype=np.float64).reshape(-1, 3).T)


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
        if plan is None or self._ranking.finite < FEWEST_SOUND:
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
            self._plan = self._plan_of(entry, self._widening)
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
        if len(self._ranking) < self._cover or self._ranking.finite < FEWEST_SOUND:
            return False
        if self._plan is None:
            return True
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
        widening = self._widened(elites)
        begun = Round(
            number=before.number + 1 if before is not None else 1,
            bounds=bounds,
            box=bounds,
            cells=tuple(self._kept(axis, box, elites) for axis in range(len(self._axes))),
            stands_on=len(self._ranking),
            elites=elites,
            why=why_round(
                len(self._ranking), before, self._kept_to, bounds, widening - self._widening
            ),
        )
        plan = self._plan_of(begun, widening)
        spans = tuple((one.low, one.high) for one in plan.stretches)
        whys = tuple(
            why_axis(one, before, axis, self._home) for axis, one in enumerate(plan.stretches)
        )
        return replace(plan, round=replace(begun, box=spans, whys=whys))

    def _plan_of(self, begun: Round, widening: float) -> Plan:
        """What a round draws from."""
        fresh = {
            axis: grew
            for axis, pair in enumerate(zip(self._kept_to, begun.bounds, strict=True))
            if (grew := added(*pair)) is not None
        }
        found = []
        for axis, (low, high) in enumerate(begun.bounds):
            places = self._places(axis, begun.elites)
            if begun.cells[axis]:
                one = weighted(begun.cells[axis], self._axes[axis].cells or 1, places)
            else:
                one = stretch(self._axes[axis], places, low, high, widening)
            if axis in fresh:
                grown_to = min(one.low, fresh[axis][0]), max(one.high, fresh[axis][1])
                one = replace(one, low=grown_to[0], high=grown_to[1])
            found.append(one)
        return Plan(begun, tuple(found), fresh)

    @property
    def _kept_to(self) -> Bounds:
        """What draws keep to until now, but for what a person narrows."""
        return self._plan.round.bounds if self._plan is not None else self._home

    def _bounds(self, box: Box) -> Bounds:
        """What draws keep to: as far as bounds have grown, unless a person narrowed them since."""
        found = []
        for low, high, home, (least, most) in zip(
            box.low, box.high, self._home, self._kept_to, strict=True
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
            cells = outer_cells(self._axes[axis].cells, low, high)
            side = against(self._places(axis, elites), low, high, cells)
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
        tried = [equal_cell(self._points[t][axis], count) for t in self._compared(axis)]
        best = [equal_cell(place, count) for place in self._places(axis, elites)]
        return choice(allowed, best, tried)

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

    # Draws

    @staticmethod
    def _outside(box: Box, bounds: Bounds) -> Box:
        """Where controls come from: all that draws keep to."""
        low, high = zip(*bounds, strict=True)
        return replace(box, low=low, high=high)

    def _drawn(self, plan: Plan, rng: np.random.Generator) -> NDArray[np.float64]:
        """A point around one of the elites, within the box."""
        elites = plan.round.elites
        elite = elites[int(rng.choice(len(elites), p=weights(len(elites))))]
        low, high, sigma = plan.spans
        centre = np.array(self._points[elite])
        for axis, one in enumerate(plan.stretches):
            if not self._masks[elite][axis] and len(one.centres) > 1:
                centre[axis] = rng.choice(one.centres)
        drawn = np.clip(centre, low, high) + sigma * rng.standard_normal((TRIES, len(centre)))
        point = _inside(drawn, low, high)
        for axis, one in enumerate(plan.stretches):
            if axis in plan.fresh and rng.random() < FRESH:
                point[axis] = rng.uniform(*plan.fresh[axis])
            elif one.cells:
                cell = rng.choice(one.cells, p=one.weights)
                point[axis] = equal_centre(int(cell), self._axes[axis].cells or 1)
            elif len(one.centres) < 2:
                point[axis] = rng.uniform(one.low, one.high)
        return point


def _inside(
    drawn: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """On each axis the first of the draws `[tries, d]` that lies in the box; else the nearest."""
    inside = (drawn >= low) & (drawn <= high)
    first = drawn[inside.argmax(axis=0), np.arange(drawn.shape[1])]
    return np.asarray(np.clip(first, low, high), dtype=np.float64)


def _covers(box: Box, begun: Round) -> bool:
    """Whether all cells that a round draws are still allowed."""
    pairs = zip(box.cells, begun.cells, strict=True)
    return all(not allowed or set(drawn) <= set(allowed) for allowed, drawn in pairs)


def added(before: tuple[float, float], now: tuple[float, float]) -> tuple[float, float] | None:
    """The stretch by which bounds have grown on one side, or None."""
    if now[1] > before[1]:
        return before[1], now[1]
    return (now[0], before[0]) if now[0] < before[0] else None


def outer_cells(cells: int | None, low: float, high: float) -> tuple[float, float]:
    """The widths of the outermost values as shares of low to high; 0 of a continuum."""
    share = min(1.0, 1 / (cells * (high - low))) if cells else 0.0
    return share, share
