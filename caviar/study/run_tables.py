"""The tables `[search]`, `[budget]`, `[panda]` and `[resources]`: what is tried, and with what."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal

from pydantic import Field, PlainSerializer, PlainValidator, field_validator, model_validator

from caviar.study.records import Value
from caviar.study.table import Table, broken_rule
from caviar.study.wording import show

SEARCHERS: Final = ("zoom", "sobol", "halton", "random", "grid", "tpe", "gp", "cmaes")
"""What `search.searcher` may be; the last three are Optuna's."""
UNBOUNDED: Final = 1_000_000
"""The most that `search.trials` may be: as many as the budget allows."""
BOUNDS: Final = ("trial_epochs", "hours", "slice_hours")
"""Keys of `[budget]` that bound the work, whatever comes of it."""


def _one_or_more(raw: object) -> tuple[str, ...]:
    found = [raw] if isinstance(raw, str) else raw
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise broken_rule(f"must be a text or a list of texts, got {show(raw)}")
    return tuple(found)


Texts = Annotated[tuple[str, ...], PlainValidator(_one_or_more), PlainSerializer(list)]


def _read_points(raw: object) -> tuple[dict[str, Value], ...]:
    rows = raw if isinstance(raw, list | tuple) else None
    if rows is None or not all(isinstance(row, dict) for row in rows):
        raise broken_rule("must be tables [[search.points]] of hyperparameters")
    for row in rows:
        for name, value in row.items():
            if not isinstance(value, float | int | str | bool):
                raise broken_rule(f"{name} must be a value, got {show(value)}")
    return tuple(dict(row) for row in rows)


Points = Annotated[
    tuple[dict[str, Value], ...], PlainValidator(_read_points), PlainSerializer(list)
]


class Search(Table):
    """What is tried, how long and how it is judged."""

    strategy: Literal["caviar", "panda", "population", "auto"] = "caviar"
    searcher: Literal["zoom", "sobol", "halton", "random", "grid", "tpe", "gp", "cmaes"] = "zoom"
    trials: int = Field(default=64, ge=1, le=UNBOUNDED)
    max_epochs: int = Field(default=27, ge=1, le=1_000_000)
    grace_epochs: int = Field(default=1, ge=1)
    reduction_factor: int = Field(default=3, ge=2, le=1000)
    brackets: int = Field(default=1, ge=1, le=20)
    metric: Literal["dev_accuracy", "dev_loss", "train_loss"] = "dev_accuracy"
    noise: float = Field(default=0.0, ge=0)
    replicates: int = Field(default=0, ge=0, le=1000)
    where: Texts = ()
    points: Points = ()

    @model_validator(mode="after")
    def _grace_fits(self) -> Search:
        if self.max_epochs < self.grace_epochs:
            rule = f"must be >= grace_epochs {self.grace_epochs}, got {self.max_epochs}"
            raise broken_rule(rule, "max_epochs")
        return self

    @field_validator("replicates")
    @classmethod
    def _enough_to_differ(cls, replicates: int) -> int:
        if replicates == 1:
            raise broken_rule("must be 0 or at least 2: one repeat tells no spread, got 1")
        return replicates

    @model_validator(mode="after")
    def _brackets_fit(self) -> Search:
        count = len(self.rungs())
        if self.brackets > count:
            rule = f"must be <= {count}, the number of rungs, got {self.brackets}"
            raise broken_rule(rule, "brackets")
        return self

    @model_validator(mode="after")
    def _noise_fits(self) -> Search:
        if self.metric == "dev_accuracy" and self.noise >= 1:
            raise broken_rule(
                f"must be < 1, as differences of accuracy are, got {self.noise}", "noise"
            )
        return self

    @property
    def unbounded(self) -> bool:
        """Whether there are to be as many trials as the budget allows."""
        return self.trials >= UNBOUNDED

    def rungs(self) -> tuple[int, ...]:
        """Epochs at which trials are compared: grace, times eta each, and last `max_epochs`."""
        epochs, rungs = self.grace_epochs, []
        while epochs < self.max_epochs:
            rungs.append(epochs)
            epochs *= self.reduction_factor
        return (*rungs, self.max_epochs)


class Budget(Table):
    """When a study ends before all its trials are done; what is None bounds nothing."""

    trial_epochs: int | None = Field(default=None, ge=1)
    hours: float | None = Field(default=None, gt=0)
    slice_hours: float | None = Field(default=None, gt=0)
    target: float | None = None
    plateau: int | None = Field(default=None, ge=1)

    def check_target(self, metric: str) -> None:
        """Refuses a target that the metric cannot have: 99 for 0.99, or a loss below 0."""
        target = self.target
        if target is None or (0 < target <= 1 if metric == "dev_accuracy" else target > 0):
            return
        rule = (
            "above 0 and at most 1, as dev_accuracy is"
            if metric == "dev_accuracy"
            else f"> 0, as {metric} is"
        )
        raise broken_rule(f"must be {rule}, got {show(target)}", "budget", "target")


class Panda(Table):
    """One model, or a few, raised from day to day: the strategies "panda" and "population"."""

    day_epochs: int = Field(default=3, ge=1, le=1_000_000)
    days: int = Field(default=20, ge=1, le=100_000)
    pandas: int | None = Field(default=None, ge=1, le=10_000)


class Winner(Table):
    """What is retrained after the search: the `top` best, each over so many seeds; 0: nothing."""

    top: int = Field(default=3, ge=0, le=20)
    seeds: int = Field(default=5, ge=2, le=100)


class Goal(Table):
    """What would be good enough: the human or best-known level of error, as a share."""

    target_error: float | None = Field(default=None, ge=0, lt=1)


def _auto_or_whole(most: int) -> PlainValidator:
    def read(raw: object) -> object:
        is_whole = isinstance(raw, int) and not isinstance(raw, bool)
        if raw != "auto" and not (is_whole and 1 <= raw <= most):  # type: ignore[operator]
            raise broken_rule(f'must be "auto" or a whole number from 1 to {most}, got {show(raw)}')
        return raw

    return PlainValidator(read)


class Resources(Table):
    """What a slice is made of, and how much it does at once."""

    cpus_per_slice: int = Field(default=1, ge=1, le=1024)
    gpus_per_slice: float = Field(default=0.0, ge=0, le=1024)
    slices_per_gpu: int = Field(default=0, ge=0, le=100)
    accelerator: str = Field(default="", pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,62})?$")
    max_slices: Annotated[Literal["auto"] | int, _auto_or_whole(10_000)] = "auto"
    stack: Annotated[Literal["auto"] | int, _auto_or_whole(1024)] = "auto"
    checkpoint_s: float = Field(default=120.0, ge=1)

    @field_validator("gpus_per_slice")
    @classmethod
    def _a_share_or_whole_gpus(cls, gpus: float) -> float:
        if gpus not in {0, int(gpus)} and not 0.01 <= gpus < 1:
            rule = "must be 0, a share of one GPU from 0.01 to 1, or a whole number"
            raise broken_rule(f"{rule}, got {gpus}")
        return gpus

    @model_validator(mode="after")
    def _one_way_of_saying(self) -> Resources:
        if self.slices_per_gpu and self.gpus_per_slice:
            raise broken_rule(
                f"says what gpus_per_slice says, give one of them, got {self.slices_per_gpu} "
                f"beside gpus_per_slice = {self.gpus_per_slice:g}",
                "slices_per_gpu",
            )
        if self.accelerator and not self.gpus:
            raise broken_rule(
                "needs slices with GPUs (slices_per_gpu or gpus_per_slice), "
                f"got {show(self.accelerator)} and none",
                "accelerator",
            )
        return self

    @property
    def gpus(self) -> float:
        """GPUs of a slice, whichever way they were said; never rounded up.

        Ray counts in ten-thousandths and rounds to the nearest: seven slices of 0.142857 would be
        seven of 0.1429, and the last would have no room.
        """
        share = 1 / self.slices_per_gpu if self.slices_per_gpu else self.gpus_per_slice
        return math.floor(share * 1e4 + 1e-6) / 1e4
