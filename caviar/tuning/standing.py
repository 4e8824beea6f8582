"""How a study stands: for its driver, for other jobs of the cluster, for Prometheus."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from caviar.study.records import Assignment
from caviar.study.spec import StudySpec
from caviar.tuning import answers
from caviar.tuning.crew import Crew
from caviar.tuning.forecast import Forecast
from caviar.tuning.guard import Guard
from caviar.tuning.metrics import Figures, StudyMetrics
from caviar.tuning.stages import Stages
from caviar.tuning.status import Status


class Standing:
    """What there is to tell of a study that is open."""

    def __init__(self, spec: StudySpec, stages: Stages, crew: Crew, guard: Guard) -> None:
        """Nothing was trained by this driver yet.

        Args:
            spec: in force.
            stages: what is worked at.
            crew: who is there.
            guard: under which the journals are looked at.
        """
        self._spec = spec
        self._stages = stages
        self._crew = crew
        self._guard = guard
        self._metrics, self._forecast = StudyMetrics(spec.name), Forecast()
        self._trained = 0
        self._claimed = 0.0
        self._told: dict[str, tuple[float, Any]] = {}

    def claimed(self) -> None:
        """A slice asks for work: from the first time on the pace counts."""
        self._claimed = self._claimed or time.monotonic()

    def trained(self, epochs: int) -> None:
        """So many lane-epochs more were trained, whether they stand or not."""
        self._trained += epochs

    def for_driver(self, lag_s: float) -> Status:
        """How the study stands; sets the metrics every few seconds.

        Args:
            lag_s: how long the driver waited for this.
        """
        found = self.now()
        self._metrics.update(lambda: self._figures(found), lag_s)
        return found

    def status(self) -> dict[str, Any]:
        """See `BrokerActor.status`."""
        return self._fresh("status", lambda: self.now().to_json())

    def leaderboard(self, n: int) -> list[dict[str, Any]]:
        """See `caviar.tuning.answers.leaderboard`."""
        rows = answers.checked(n)
        search, metric = self._stages.search, self._spec.metric
        told: list[dict[str, Any]] = self._fresh(
            "leaderboard", lambda: answers.leaderboard(search.journal, search.strategy, metric)
        )
        return told[:rows]

    def curve(self, trial: int) -> list[dict[str, Any]]:
        """See `caviar.tuning.answers.curve`."""
        search = self._stages.search
        return answers.curve(search.journal, search.strategy, trial)

    def now(self) -> Status:
        """How the study stands."""
        self._guard.run(None, self._stages.look)
        stages, crew = self._stages, self._crew
        broker, strategy = stages.broker, stages.now.strategy
        best = strategy.best
        configuration = strategy.trials[best.trial].hyperparameters if best else {}
        found = Status(
            study=self._spec.name,
            stage=stages.now.title,
            finished=stages.finished,
            trouble=self._guard.trouble,
            counts=broker.counts(),
            rungs=tuple(strategy.rung_table()),
            trial_epochs=broker.trial_epochs,
            trained_here=self._trained,
            elapsed_s=time.monotonic() - self._claimed if self._claimed else 0.0,
            most_remaining=strategy.most_lane_epochs,
            best=best,
            best_hyperparameters=configuration,
            slices={name: _told(work) for name, work in broker.held.items()},
            planned=crew.planned,
            arrived=crew.ready,
            starting=crew.starting,
            metric=self._spec.metric,
            likely_remaining=strategy.likely_lane_epochs,
            clock_left_s=broker.clock_left_s(crew.sharing),
            best_name=stages.now.name_of(best.trial) if best else "",
            paused=stages.search.broker.paused,
        )
        return replace(found, eta_s=self._forecast.left_s(found))

    def _fresh(self, question: str, answer: Callable[[], Any]) -> Any:
        """An answer that is at most `answers.FRESH_S` old: many may ask, it is worked out once."""
        asked_at, told = self._told.get(question, (-math.inf, None))
        if time.monotonic() - asked_at > answers.FRESH_S:
            told = answer()
            self._told[question] = (time.monotonic(), told)
        return told

    def _figures(self, now: Status) -> Figures:
        """Of the search, also while the finals are trained; but slices and pace of both."""
        search = self._stages.search
        best = search.strategy.best
        return Figures(
            states=now.counts if self._stages.in_search else search.broker.counts(),
            rungs=search.strategy.rung_table(),
            trial_epochs=search.broker.trial_epochs,
            trained=self._trained,
            best=getattr(best, self._spec.metric) if best else None,
            busy=len(now.slices),
            planned=now.planned,
            journal=search.journal.directory,
        )


def _told(work: Assignment) -> str:
    """An assignment in a few words, as `5 lanes, epochs 3-9`."""
    lanes = len(work.trials)
    return f"{lanes} lane{'s' * (lanes != 1)}, epochs {work.first_epoch}-{work.last_epoch}"
