"""What every export is made of: the trials of a study with their curves and times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.report.evidence import Evidence, evidence
from caviar.study.journal import Journal
from caviar.study.records import Measurement, Trial, TrialState, Value
from caviar.study.wording import one_line

Tick = Callable[[int, int], None]
"""Is told how many trials are written, and of how many."""

METRICS: Final = ("train_loss", "train_accuracy", "dev_loss", "dev_accuracy")
"""Of every measurement, as its attributes are called."""


@dataclass(frozen=True)
class Life:
    """A trial and all that came of it.

    Attributes:
        trial: the configuration.
        state: where it stands.
        reason: why it came to an early end, in one line, or "".
        curve: its measurements by epoch.
        times: `[1 + epochs]`: when it was drawn and when each measurement was committed, in
            seconds since 1970.
        best: its best measurement, as all of the report means it, or None.
    """

    trial: Trial
    state: TrialState
    reason: str
    curve: Sequence[Measurement]
    times: Sequence[float]
    best: Measurement | None = None

    @property
    def name(self) -> str:
        """Sorts as the trials do, and is fit for a path."""
        return name_of(self.trial.index)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is expected any more."""
        return self.state not in (TrialState.WAITING, TrialState.RUNNING)


@dataclass(frozen=True)
class Material:
    """A study as it is exported.

    Attributes:
        evidence: all that is known of it.
        times: by trial and epoch, when a measurement was committed; of epoch 0, when the trial was
            drawn. In seconds since 1970.
    """

    evidence: Evidence
    times: Mapping[tuple[int, int], float]

    @cached_property
    def lives(self) -> tuple[Life, ...]:
        """Of each trial, by index."""
        told = zip(self.evidence.trials, self.evidence.account["trials"], strict=True)
        return tuple(
            Life(
                trial,
                TrialState(row["state"]),
                one_line(row["reason"]),
                curve := self.evidence.curves.get(trial.index, ()),
                [self.times[trial.index, epoch] for epoch in (0, *(m.epoch for m in curve))],
                self.evidence.bests.get(trial.index),
            )
            for trial, row in told
        )

    @property
    def winner(self) -> int | None:
        """The trial of the search whose configuration won, once that is known."""
        card = self.evidence.card or {}
        return (card.get("winner") or {}).get("trial")

    @cached_property
    def shared(self) -> dict[str, Value]:
        """The hyperparameters that are not searched and are the same wherever they play."""
        found: dict[str, set[Value]] = {}
        for trial in self.evidence.trials:
            for name, value in trial.hyperparameters.items():
                found.setdefault(name, set()).add(value)
        searched = self.evidence.spec.space.domains
        same = {name: values for name, values in found.items() if len(values) == 1}
        return {name: next(iter(one)) for name, one in same.items() if name not in searched}

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """The names of all others, those that are searched first."""
        names = dict.fromkeys(self.evidence.spec.space.names)
        for trial in self.evidence.trials:
            names |= dict.fromkeys(trial.hyperparameters)
        return tuple(name for name in names if name not in self.shared)


def material(directory: Path) -> Material:
    """Reads a study directory; a driver may be at work on it.

    Raises:
        StudyError: it holds no study, or no trials yet.
    """
    found = evidence(directory)
    if not found.trials:
        raise StudyError(f"{directory}: the study has no trials yet; there is nothing to export")
    with Journal.open(directory) as journal:
        times = journal.recorded_at()
    return Material(replace(found, trials=[*map(_plain, found.trials)]), times)


def _plain(trial: Trial) -> Trial:
    """The trial with every text on one line, which all tools can write."""
    values: dict[str, Value] = {
        one_line(name): one_line(value) if isinstance(value, str) else value
        for name, value in trial.hyperparameters.items()
    }
    origin, why = one_line(trial.origin), one_line(trial.why)
    return replace(trial, hyperparameters=values, origin=origin, why=why)


def name_of(trial: int) -> str:
    """What a trial is called outside: `trial-00007`."""
    return f"trial-{trial:05}"
