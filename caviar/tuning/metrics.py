"""A study's figures for Prometheus: gauges that Ray exports from the broker's process.

Ray sends them to the node's metrics port every ten seconds, as `ray_caviar_...`, and forgets what
nobody has sent for twice as long: a study that ended, or whose driver was killed, leaves no series
behind. Fewer than `MOST_SERIES` a study: one label `study` and at most one more.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from caviar.study.opening import FILE

EVERY_S: Final = 5.0
"""Seconds between two settings of the gauges."""
PACE_S: Final = 60.0
"""Seconds that trial-epochs a second are counted over."""
AGAIN_S: Final = 60.0
"""Seconds after an error before the gauges are tried again."""
MOST_SERIES: Final = 50
MOST_RUNGS: Final = 32
"""Rungs that are told, the highest."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A metric: its name without Ray's `ray_`, its help, and its label beside `study` or ""."""

    name: str
    help: str
    label: str = ""


TRIALS: Final = Gauge("caviar_trials", "Trials of the search by state", "state")
TRIAL_EPOCHS: Final = Gauge("caviar_trial_epochs", "Trial-epochs of the search in its journal")
PACE: Final = Gauge(
    "caviar_trial_epochs_per_second",
    f"Trial-epochs a second over the last {PACE_S:.0f} s, those of the finals included",
)
BEST: Final = Gauge(
    "caviar_best_metric", "The best trial's value of the metric that the study compares trials by"
)
RUNGS: Final = Gauge(
    "caviar_rung_trials",
    "Trials that came to a rung, named by its epochs, and have not gone on from it",
    "rung",
)
BUSY: Final = Gauge("caviar_slices_busy", "Slices at work on an assignment")
PLANNED: Final = Gauge("caviar_slices_planned", "Slices that the study asks for")
LAG: Final = Gauge(
    "caviar_driver_lag_seconds",
    "How long a question of the driver waited for the broker, the longest since the last report: "
    "so long a slice's claim or report waits, too",
)
JOURNAL: Final = Gauge("caviar_journal_bytes", "Size of the search's journal on the disk")
GAUGES: Final = (TRIALS, TRIAL_EPOCHS, PACE, BEST, RUNGS, BUSY, PLANNED, LAG, JOURNAL)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the gauges are set to.

    Attributes:
        states: trials by state.
        rungs: of each rung its epoch, how many came to it, how many went on.
        trial_epochs: measurements of the search that stand.
        trained: lane-epochs trained since the driver started.
        best: the best value of the study's metric, or None.
        busy: slices at work.
        planned: slices asked for.
        journal: the directory of the search's journal.
    """

    states: Mapping[str, int]
    rungs: Iterable[tuple[int, int, int]]
    trial_epochs: int
    trained: int
    best: float | None
    busy: int
    planned: int
    journal: Path


class StudyMetrics:
    """The gauges of one study. What goes wrong with them is never the study's trouble."""

    def __init__(
        self,
        study: str,
        make: Callable[[Gauge], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is set yet.

        Args:
            study: its name.
            make: makes a gauge that has `set(value, tags)`; by default Ray's.
            clock: seconds.
        """
        self._study = study
        self._make = make or _ray_gauge
        self._clock = clock
        self._gauges: dict[str, Any] = {}
        self._due = -math.inf
        self._lag_s = 0.0
        self._pace: deque[tuple[float, int]] = deque()
        self._set: dict[Gauge, set[str]] = {}

    def update(self, figures: Callable[[], Figures], lag_s: float = 0.0) -> None:
        """Sets the gauges, if it is time.

        Args:
            figures: tells them; asked only if it is time.
            lag_s: how long a question waited just now.
        """
        self._lag_s = max(self._lag_s, lag_s)
        now = self._clock()
        if now < self._due:
            return
        self._due = now + EVERY_S
        try:
            self._tell(figures(), now)
        except Exception:  # noqa: BLE001 Ray's metrics may be off or change; studies go on
            self._due = now + AGAIN_S

    def _tell(self, figures: Figures, now: float) -> None:
        self._each(TRIALS, figures.states)
        self._each(RUNGS, _standing_at(figures.rungs))
        self._one(TRIAL_EPOCHS, figures.trial_epochs)
        self._one(PACE, self._per_second(figures.trained, now))
        if figures.best is not None or BEST in self._set:
            self._one(BEST, math.nan if figures.best is None else figures.best)
        self._one(BUSY, figures.busy)
        self._one(PLANNED, figures.planned)
        self._one(LAG, self._lag_s)
        self._one(JOURNAL, journal_bytes(figures.journal))
        self._lag_s = 0.0

    def _one(self, gauge: Gauge, value: float) -> None:
        self._each(gauge, {"": value})

    def _each(self, gauge: Gauge, values: Mapping[str, float]) -> None:
        """Sets a gauge by its label's values; what was told before and is not now, to 0."""
        known = self._set.setdefault(gauge, set())
        if gauge.name not in self._gauges:
            self._gauges[gauge.name] = self._make(gauge)
        for value in known - set(values):
            self._gauges[gauge.name].set(0.0, self._tags(gauge, value))
        for value, figure in values.items():
            self._gauges[gauge.name].set(float(figure), self._tags(gauge, value))
        known.update(values)

    def _tags(self, gauge: Gauge, value: str) -> dict[str, str]:
        tags = {"study": self._study}
        return tags | {gauge.label: value} if gauge.label else tags

    def _per_second(self, trained: int, now: float) -> float:
        """The pace since the last look that is at least `PACE_S` ago, or since the first."""
        self._pace.append((now, trained))
        while len(self._pace) > 2 and now - self._pace[1][0] >= PACE_S:
            self._pace.popleft()
        since, before = self._pace[0]
        return (trained - before) / (now - since) if now > since else 0.0


def _standing_at(rungs: Iterable[tuple[int, int, int]]) -> dict[str, float]:
    """By epoch, how many stand at a rung; those of several brackets together."""
    found: dict[int, float] = {}
    for epoch, came, went in rungs:
        found[epoch] = found.get(epoch, 0.0) + came - went
    return {str(epoch): found[epoch] for epoch in sorted(found)[-MOST_RUNGS:]}


def journal_bytes(directory: Path) -> int:
    """Bytes of a study's journal, with what SQLite has not moved into its file yet."""
    files = (directory / f"{FILE}{ending}" for ending in ("", "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _ray_gauge(gauge: Gauge) -> Any:
    from ray.util import metrics

    keys = ("study", gauge.label) if gauge.label else ("study",)
    return metrics.Gauge(gauge.name, description=gauge.help, tag_keys=keys)
