"""Keeping pandas: how a day begins, who says so, and what a study asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from caviar.search.budget import UNLIMITED
from caviar.search.days import Day, Days, Panda
from caviar.study.records import Value
from caviar.study.run_tables import Budget


@dataclass(frozen=True, slots=True)
class Plan:
    """How a day begins.

    Attributes:
        hyperparameters: of the day.
        before: the day it goes on from; None: a model that is new.
        origin: of its trial.
        why: what was changed and why, in words.
    """

    hyperparameters: Mapping[str, Value]
    before: Day | None
    origin: str
    why: str

    @property
    def epoch(self) -> int:
        """Epochs behind the day when it begins."""
        if self.before is None:
            return 0
        end = self.before.end
        return end.epoch if end is not None else self.before.trial.first_epoch


class Keeper(Protocol):
    """Says how days begin; a function of what it is given."""

    def first(self, panda: Panda, days: Days) -> Plan:
        """A panda's first day."""
        ...

    def next(self, panda: Panda, days: Days) -> Plan:
        """The day after a panda's last, which is over."""
        ...


@dataclass(frozen=True)
class Upbringing:
    """What a study says of its pandas.

    Attributes:
        pandas: how many.
        days: of each.
        day_epochs: of a day.
        metric: what days are compared by.
        budget: of all days together; a plateau counts days.
        noise: differences of the metric that are luck.
        stack: most lanes of an assignment.
        slices: how many share the work.
    """

    pandas: int = 1
    days: int = 20
    day_epochs: int = 3
    metric: str = "dev_accuracy"
    budget: Budget = UNLIMITED
    noise: float = 0.0
    stack: int | Literal["auto"] = "auto"
    slices: int = 1
