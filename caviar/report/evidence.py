"""Evidence: all that the report, the diagnosis and the exports know of a study, read once.

It comes from the journal, and from `winner/card.json` where there is one; neither TensorFlow nor
the data set is needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caviar.report.account import account
from caviar.study import card_file
from caviar.study.facts import Attempt, Event
from caviar.study.growth import in_force
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Trial, TrialState
from caviar.study.spec import StudySpec


@dataclass(frozen=True)
class Evidence:
    """A study as its journal tells it at one moment.

    Attributes:
        directory: the study's.
        spec: as in force.
        account: `caviar.report.account.account`: states, rungs, rounds, edges, diary, best ...
        trials: of the search, by index.
        curves: by trial, its measurements by epoch, without gaps; from 1, but a panda's day goes on
            from its parent's epoch.
        attempts: every try of an assignment on a slice.
        events: all events of the journal.
        card: `winner/card.json`, or None before there is a winner.
        assignments: by number, whom an attempt trained; {} where nobody asked.
    """

    directory: Path
    spec: StudySpec
    account: Mapping[str, Any]
    trials: Sequence[Trial]
    curves: Mapping[int, Sequence[Measurement]]
    attempts: Sequence[Attempt]
    events: Sequence[Event]
    card: Mapping[str, Any] | None
    assignments: Mapping[int, Assignment] = field(default_factory=dict)

    @cached_property
    def states(self) -> tuple[TrialState, ...]:
        """Of each trial."""
        return tuple(TrialState(row["state"]) for row in self.account["trials"])

    @property
    def metric(self) -> str:
        """The measurement by which trials are compared."""
        return self.spec.metric

    @property
    def sign(self) -> float:
        """1 if a lower metric is better, else -1."""
        return 1.0 if self.spec.lower_is_better else -1.0

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """`[trials, d]` in the unit cube."""
        return np.array([t.point for t in self.trials]).reshape(len(self.trials), -1)

    def at(self, epoch: int) -> dict[int, Measurement]:
        """By trial, its measurement after `epoch` epochs, of those that came so far."""
        places = {t: epoch - c[0].epoch for t, c in self.curves.items() if c}
        return {t: self.curves[t][at] for t, at in places.items() if 0 <= at < len(self.curves[t])}

    @cached_property
    def best(self) -> Measurement | None:
        """The measurement of the study's best trial, or None."""
        found = self.account["best"]
        return self._at(found["trial"], found["epoch"]) if found is not None else None

    @cached_property
    def bests(self) -> Mapping[int, Measurement]:
        """By trial, its best measurement (`caviar.report.account.bests_of`), of those that have."""
        epochs = enumerate(row["best_epoch"] for row in self.account["trials"])
        return {trial: self._at(trial, epoch) for trial, epoch in epochs if epoch is not None}

    def _at(self, trial: int, epoch: int) -> Measurement:
        curve = self.curves[trial]
        return curve[epoch - curve[0].epoch]

    @property
    def data(self) -> Mapping[str, Any]:
        """What the journal keeps of the data set: name, version, fingerprint, class_names ..."""
        found = [event for event in self.events if event.kind == "data_set_read"]
        return found[0].detail if found else {}


def evidence(directory: Path) -> Evidence:
    """Reads a study directory; a driver may be at work on it.

    Raises:
        StudyError: it holds no study, its journal or its card is damaged, or they contradict each
            other.
    """
    card = read_card(directory)
    with Journal.open(directory) as journal, journal.snapshot():
        card_file.check_readings(card_file.readings(card), journal, directory)
        curves: dict[int, list[Measurement]] = defaultdict(list)
        for measurement in journal.measurements():
            curves[measurement.trial].append(measurement)
        return Evidence(
            directory=directory,
            spec=in_force(StudySpec.from_json(journal.spec_json), journal.changes()),
            account=account(journal),
            trials=journal.trials(),
            curves=dict(curves),
            attempts=journal.attempts(),
            events=journal.events(),
            assignments=journal.assignments(),
            card=card,
        )


def read_card(directory: Path) -> dict[str, Any] | None:
    """The winner's card, or None if there is none.

    Raises:
        StudyError: it is damaged.
    """
    return card_file.read(directory)
