"""The tables `[search]` and `[resources]`: what is tried, and with what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, field_validator, model_validator

from caviar.study.table import Table, broken_rule
from caviar.study.wording import show


class Search(Table):
    """What is tried, how long and how it is judged."""

    strategy: Literal["caviar"] = "caviar"
    searcher: Literal["sobol"] = "sobol"
    trials: int = Field(default=64, ge=1, le=1_000_000)
    max_epochs: int = Field(default=27, ge=1, le=1_000_000)
    grace_epochs: int = Field(default=1, ge=1)
    reduction_factor: int = Field(default=3, ge=2, le=1000)
    metric: Literal["dev_accuracy", "dev_loss", "train_loss"] = "dev_accuracy"

    @model_validator(mode="after")
    def _grace_fits(self) -> Search:
        if self.max_epochs < self.grace_epochs:
            rule = f"must be >= grace_epochs {self.grace_epochs}, got {self.max_epochs}"
            raise broken_rule(rule, "max_epochs")
        return self


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
