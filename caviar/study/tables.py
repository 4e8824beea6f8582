"""The tables of a study file, one class each; names and defaults are a contract with its readers.

The defaults are the study that `caviar run` runs without a file (see `default.toml`).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from caviar.errors import StudyError
from caviar.space.domain import Choice, Float, Integer
from caviar.space.scale import LOG, ONE_MINUS
from caviar.study.hyperparameter import Rule, as_domain, to_plain
from caviar.study.wording import nearest, show

OPTIMIZERS: Final = {
    "sgd": (),
    "momentum": ("momentum",),
    "rmsprop": ("beta_2", "epsilon"),
    "adam": ("beta_1", "beta_2", "epsilon"),
}
"""The optimisers, and which hyperparameters each has of its own besides the learning rate."""

_UNSEARCHED: Final = {"beta_1": 0.9, "beta_2": 0.999}
"""What replaces a default range where the optimiser does not use the hyperparameter."""

_DATA_NAME: Final = re.compile(
    r"[a-z0-9][a-z0-9_]{0,127}"  # the data set
    r"(/[A-Za-z0-9][A-Za-z0-9_.=+-]{0,127})?"  # its configuration
    r"(:(\d+|\*)\.(\d+|\*)\.(\d+|\*))?"  # its version
)


def broken_rule(line: str, key: str | None = None) -> PydanticCustomError:
    """An error in our words; `key` names the field when the rule is checked on its whole table."""
    return PydanticCustomError("study", "{line}", {"line": line, "key": key})


class Table(BaseModel):
    """A table of the study file: frozen, strict about types and about unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Fractions(NamedTuple):
    """How the examples are cut: shares that sum to one; without test the study is dev only."""

    train: float
    dev: float
    test: float = 0.0


def _read_fractions(raw: object) -> Fractions | None:
    if raw is None:
        return None
    table = raw._asdict() if isinstance(raw, Fractions) else raw
    if not isinstance(table, dict):
        raise broken_rule(f"must be a table, got {show(table)}")
    for key in table:
        if key not in Fractions._fields:
            raise broken_rule(f"unknown key, {nearest(key, Fractions._fields)}", key)
    for key in ("train", "dev"):
        if key not in table:
            raise broken_rule("is missing", key)
    shares = {key: _read_share(key, share) for key, share in table.items()}
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise broken_rule(f"must sum to 1, got {show(table)}")
    return Fractions(**shares)


def _read_share(key: str, raw: object) -> float:
    rule = Rule(at_least=0, below=1) if key == "test" else Rule(above=0, below=1)
    try:
        return rule.read_number(raw)
    except StudyError as error:
        raise broken_rule(str(error), key) from None


class Data(Table):
    """Which data set, and how it is cut."""

    name: str = "digits"
    data_dir: str | None = None
    fractions: Annotated[
        Fractions | None,
        PlainValidator(_read_fractions),
        PlainSerializer(lambda cut: cut and cut._asdict()),
    ] = None

    @field_validator("name")
    @classmethod
    def _tfds_name(cls, name: str) -> str:
        if _DATA_NAME.fullmatch(name):
            return name
        if re.match(r"[^/:]+:[^\d*]", name):
            rule = "must have no namespace (it would load other people's code)"
        else:
            rule = "must be NAME, NAME/CONFIG or NAME:1.0.0 as TensorFlow Datasets writes it"
        raise broken_rule(f"{rule}, got {show(name)}")


class Network(Table):
    """The network's shape."""

    layers: Annotated[int | Integer | Choice, Rule(whole=True, at_least=1, at_most=64)] = Integer(
        2, 4
    )
    units: Annotated[int | Integer | Choice, Rule(whole=True, at_least=1, at_most=65536)] = Integer(
        50, 100
    )


class Training(Table):
    """How one network is trained."""

    optimizer: Annotated[str | Choice, Rule(names=tuple(OPTIMIZERS))] = "adam"
    learning_rate: Annotated[float | Float | Choice, Rule(above=0)] = Float(1e-4, 1.0, LOG)
    beta_1: Annotated[float | Float | Choice, Rule(at_least=0, below=1)] = Float(
        0.9, 0.999, ONE_MINUS
    )
    beta_2: Annotated[float | Float | Choice, Rule(at_least=0, below=1)] = Float(
        0.9, 0.9999, ONE_MINUS
    )
    momentum: Annotated[float | Float | Choice, Rule(at_least=0, below=1)] = 0.9
    epsilon: Annotated[float | Float | Choice, Rule(above=0)] = 1e-8
    batch_size: Annotated[int | Integer | Choice, Rule(whole=True, at_least=1, at_most=65536)] = (
        Choice((32, 64, 128, 256), ordered=True)
    )
    learning_rate_decay: Annotated[float | Float | Choice, Rule(at_least=0)] = 0.0
    diverged_above: float = Field(default=3.0, gt=0)

    @property
    def optimizers(self) -> tuple[str, ...]:
        """The optimisers that trials may have."""
        if isinstance(self.optimizer, Choice):
            return tuple(str(choice) for choice in self.optimizer.choices)
        return (self.optimizer,)

    @property
    def unused(self) -> tuple[str, ...]:
        """The hyperparameters that none of the optimisers reads; they are never searched."""
        return _unused(self.optimizers)

    def _non_users(self) -> str:
        named = [f'"{optimizer}"' for optimizer in self.optimizers]
        return f"{named[0]} does not use" if len(named) == 1 else f"none of {', '.join(named)} uses"

    @model_validator(mode="before")
    @classmethod
    def _fix_unused_defaults(cls, raw: Any) -> Any:
        """A range that is only a default gives way when the optimiser has no use for it."""
        if not isinstance(raw, dict):
            return raw
        given = raw.get("optimizer", "adam")
        given = to_plain(given) if isinstance(given, Choice) else given
        names = given.get("choices", ()) if isinstance(given, dict) else [given]
        if not isinstance(names, list | tuple):
            return raw
        unused = _unused(tuple(str(name) for name in names))
        return {name: _UNSEARCHED[name] for name in unused if name in _UNSEARCHED} | raw

    @model_validator(mode="after")
    def _search_only_what_is_used(self) -> Training:
        for name in self.unused:
            if as_domain(getattr(self, name)) is not None:
                raise broken_rule(f"must not be searched, since {self._non_users()} it", name)
        return self


class Search(Table):
    """What is tried, how long and how it is judged."""

    strategy: Literal["caviar"] = "caviar"
    searcher: Literal["sobol"] = "sobol"
    trials: int = Field(default=64, ge=1, le=1_000_000)
    max_epochs: int = Field(default=27, ge=1, le=1_000_000)
    grace_epochs: int = Field(default=1, ge=1)
    reduction_factor: int = Field(default=3, ge=2, le=1000)
    metric: Literal["dev_accuracy", "dev_loss"] = "dev_accuracy"

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


def _unused(optimizers: tuple[str, ...]) -> tuple[str, ...]:
    own = dict.fromkeys(name for names in OPTIMIZERS.values() for name in names)
    used = {name for optimizer in optimizers for name in OPTIMIZERS.get(optimizer, ())}
    return tuple(name for name in own if name not in used)
