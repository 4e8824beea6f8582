"""A hyperparameter's axis in a plot: places on its own scale, and ticks in a person's units.

Plots show places of the unit interval, so that log is log and 1 - beta is log too, with the same
domain that the search used; only the ticks know values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from caviar.errors import StudyError
from caviar.report.page.markup import plotly, value_text
from caviar.space.domain import Choice, Domain, Integer
from caviar.study.records import Trial, Value

TICKS: Final = 6
"""About so many on an axis."""
MOST_CHOICES: Final = 12
"""Choices that are all named; of more, evenly spread ones."""
_STEPS: Final = (1.0, 2.0, 5.0)
_MARGIN: Final = 0.03
_HINTS: Final = {"log": "log scale", "one_minus": "1 \u2212 x on a log scale", "linear": ""}


@dataclass(frozen=True)
class Axis:
    """Where a hyperparameter's values lie, and what stands below them.

    Attributes:
        name: the hyperparameter's.
        index: its coordinate in the unit cube.
        domain: what maps values and places.
        low: the least place that is shown, in [0, 1].
        high: the largest.
    """

    name: str
    index: int
    domain: Domain
    low: float = 0.0
    high: float = 1.0

    @property
    def hint(self) -> str:
        """What is special about its scale, in words, or ""."""
        return _HINTS.get(self.domain.scale_name, "")

    def place(self, trial: Trial) -> float | None:
        """Where a trial lies, or None if it does not have this hyperparameter."""
        if self.name not in trial.hyperparameters or len(trial.point) <= self.index:
            return None
        return trial.point[self.index]

    def settled(self, trial: Trial) -> float | None:
        """The same, where its value lies: in the middle of a cell."""
        place = self.place(trial)
        if place is None or self.domain.axis.cells is None:
            return place
        return self.domain.encode(self.domain.decode(place))

    def ticks(self) -> tuple[list[float], list[str]]:
        """Places and what is written there, safe for Plotly."""
        values = tick_values(self.domain, self.low, self.high)
        found = [(self._at(value), plotly(value_text(value))) for value in values]
        return [place for place, _ in found], [text for _, text in found]

    def layout(self, **more: object) -> dict[str, object]:
        """Plotly's description of it."""
        places, texts = self.ticks()
        margin = _MARGIN * (self.high - self.low)
        shown = [self.low - margin, self.high + margin]
        return {"range": shown, "tickmode": "array", "tickvals": places, "ticktext": texts, **more}

    def _at(self, value: Value) -> float:
        return self.domain.encode(value)


def axes_of(domains: Iterable[tuple[str, Domain]], trials: Sequence[Trial]) -> list[Axis]:
    """An axis each; where bounds may grow it shows a person's bounds and what was tried."""
    found = []
    for index, (name, domain) in enumerate(domains):
        home = getattr(domain, "home", None)
        if home is None:
            found.append(Axis(name, index, domain))
            continue
        tried = [t.point[index] for t in trials if len(t.point) > index]
        low, high = domain.span(*home)
        found.append(Axis(name, index, domain, min([low, *tried]), max([high, *tried])))
    return found


def tick_values(domain: Domain, low: float, high: float) -> list[Value]:
    """Round values of a domain between two places, as a person would choose them."""
    if isinstance(domain, Choice):
        step = math.ceil(len(domain.choices) / MOST_CHOICES)
        return list(domain.choices[::step])
    first, last = (float(domain.decode(min(max(u, 0.0), 1.0))) for u in (low, high))
    if domain.scale_name == "log":
        found = _decades(first, last)
    elif domain.scale_name == "one_minus":
        found = [1 - value for value in _decades(1 - last, 1 - first)][::-1]
    else:
        found = _even(first, last)
    values = [_as_value(domain, value) for value in found]
    kept = [value for value in dict.fromkeys(values) if _is_on(domain, value)]
    return list(kept) if len(kept) > 1 else [domain.decode(low), domain.decode(high)]


def _as_value(domain: Domain, value: float) -> float | int:
    """Without rounding's dust, and whole where the domain is."""
    return round(value) if isinstance(domain, Integer) else float(f"{value:.10g}")


def _is_on(domain: Domain, value: Value) -> bool:
    try:
        domain.encode(value)
    except StudyError:
        return False
    return True


def _decades(low: float, high: float) -> list[float]:
    """1, 10, 100 ... or, between few decades, 1, 2, 5, 10 ..."""
    if not 0 < low < high:
        return [low, high]
    least, most = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = math.log10(high / low)
    if decades > 1.8:
        step = max(1, math.ceil(decades / TICKS))
        found = [10.0**k for k in range(least, most + 1, step)]
    else:
        found = [step * 10.0**k for k in range(least, most + 1) for step in _STEPS]
    slack = 1e-9
    return [v for v in found if low * (1 - slack) <= v <= high * (1 + slack)] or [low, high]


def _even(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    if not low < high:
        return [low]
    raw = (high - low) / TICKS
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next((s * unit for s in (*_STEPS, 10.0) if s * unit >= raw), 10 * unit)
    return [float(v) for v in np.arange(math.ceil(low / step - 1e-9), high / step + 1e-9) * step]
