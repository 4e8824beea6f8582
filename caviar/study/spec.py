"""The study file, read and checked: what a person asked for, as one frozen object.

`StudySpec` is made from TOML by `load` or `parse`, goes into the journal by `to_json` and comes
back by `from_json`. Whatever is wrong is a `StudyError` of one line, such as
``study.toml: training.learning_rate: low must be > 0 on a log scale, got 0.0``.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from caviar.errors import StudyError
from caviar.space.condition import Following
from caviar.space.expression import Expression
from caviar.space.search_space import SearchSpace
from caviar.study.data_table import Data, name_after
from caviar.study.flat import HYPERPARAMETERS, flatten, key_of
from caviar.study.hyperparameter import Held, Hyperparameter, bare, extremes
from caviar.study.identity import canonical, differences, identity
from caviar.study.mistakes import mistake, syntax_mistake
from caviar.study.points import check_points
from caviar.study.reading import beside, read_text
from caviar.study.run_tables import (
    BOUNDS,
    UNBOUNDED,
    Budget,
    Goal,
    Panda,
    Resources,
    Search,
    Winner,
)
from caviar.study.searched import first_mistake, space_of, techniques_of, why_unused
from caviar.study.table import Table, broken_rule, plain_table
from caviar.study.tables import Augmentation, Network, Regularization, Training, optimizers_in
from caviar.study.where import check_where
from caviar.study.wording import one_line, show

NAME_PATTERN: Final = "[a-z0-9][a-z0-9_-]{0,63}"
"""Names that become paths."""

ADAMW_DECAY: Final = 0.01
"""The weight decay of trials with AdamW, if the study file gives none."""

_TABLES: Final = ("data", "network", "training", "search")
"""What every caviar wrote into a journal's specification."""

_OPTIONS: Final = {
    "seed": "--seed",
    "search.trials": "--trials",
    "search.max_epochs": "--max-epochs",
}


class StudySpec(Table):
    """One tuning task.

    Attributes:
        name: also the study directory's name; by default that of the data set.
        seed: from which everything random of the study follows.
    """

    name: str = "digits"
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    data: Data = Data()
    network: Network = Network()
    regularization: Regularization = Regularization()
    augmentation: Augmentation = Augmentation()
    training: Training = Training()
    search: Search = Search()
    budget: Budget = Budget()
    panda: Panda = Panda()
    winner: Winner = Winner()
    baseline: dict[str, float | int | str | bool] = Field(default_factory=dict)
    goal: Goal = Goal()
    resources: Resources = Resources()

    _begun_epochs: int | None = PrivateAttr(default=None)
    _begun_trials: int | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _name_after_data(cls, raw: Any) -> Any:
        name = name_after(raw.get("data")) if isinstance(raw, dict) else ""
        # A data set's bad name is told once, at its own key.
        return {"name": name} | raw if re.fullmatch(NAME_PATTERN, name) else raw

    @model_validator(mode="before")
    @classmethod
    def _try_what_the_budget_allows(cls, raw: Any) -> Any:
        """Where a budget bounds the work, the number of trials does not unless it is given."""
        tables = raw if isinstance(raw, dict) else {}
        budget, search = (plain_table(tables.get(name, {})) for name in ("budget", "search"))
        if not isinstance(search, dict) or "trials" in search or not isinstance(budget, dict):
            return raw
        bounded = any(budget.get(key) is not None for key in BOUNDS)
        return raw | {"search": search | {"trials": UNBOUNDED}} if bounded else raw

    @model_validator(mode="before")
    @classmethod
    def _decay_weights_with_adamw(cls, raw: Any) -> Any:
        """AdamW without weight decay would be Adam: its trials have some by default."""
        training = plain_table(raw.get("training")) if isinstance(raw, dict) else None
        optimizers = optimizers_in(training)
        given = plain_table(raw.get("regularization", {})) if "adamw" in optimizers else None
        if not isinstance(given, dict) or "weight_decay" in given:
            return raw
        decay = {"value": ADAMW_DECAY, "when": {"optimizer": "adamw"}}
        only = optimizers == ("adamw",)
        return raw | {"regularization": given | {"weight_decay": ADAMW_DECAY if only else decay}}

    @model_validator(mode="after")
    def _hang_together(self) -> StudySpec:
        """Rules about hyperparameters of several tables."""
        self._check_lists()
        wrong = first_mistake(self._flat)
        if wrong:
            key = key_of(wrong[0])
            layer = wrong[0][len(key) + 1 :]
            rule = f"layer {layer}: {wrong[1]}" if layer else wrong[1]
            raise broken_rule(rule, HYPERPARAMETERS[key], key)
        self.budget.check_target(self.metric)
        self._check_where()
        self._check_points()
        self._check_baseline()
        return self

    def _check_baseline(self) -> None:
        if self.baseline:
            try:
                check_points([self.baseline], self._flat)
            except StudyError as error:
                raise broken_rule(str(error).removeprefix("row 1: "), "baseline") from None

    def _check_points(self) -> None:
        try:
            check_points(self.search.points, self._flat)
        except StudyError as error:
            raise broken_rule(str(error), "search", "points") from None

    def _check_where(self) -> None:
        if self.search.where:
            try:
                check_where(self.search.where, self._flat)
            except StudyError as error:
                raise broken_rule(str(error), "search", "where") from None

    def _check_lists(self) -> None:
        most = int(extremes(self.network.layers)[1])
        for key, held in (
            ("units", self.network.units),
            ("keep_prob", self.regularization.keep_prob),
        ):
            if isinstance(held, tuple) and len(held) != most:
                rule = f"must list one a layer, and network.layers is up to {most}, got {len(held)}"
                raise broken_rule(rule, HYPERPARAMETERS[key], key)

    @field_validator("name")
    @classmethod
    def _fit_for_a_path(cls, name: str) -> str:
        if not re.fullmatch(NAME_PATTERN, name):
            raise broken_rule(f"must match {NAME_PATTERN}, got {show(name)}")
        return name

    @classmethod
    def default(cls) -> StudySpec:
        """The study that runs without a file."""
        return cls()

    @classmethod
    def load(cls, path: Path | str) -> StudySpec:
        """Reads a study file; a relative `data.path` begins at the file's folder.

        Raises:
            StudyError: if it cannot be read, is no TOML, or breaks a rule.
        """
        spec = cls.parse(read_text(path), one_line(str(path)))
        if spec.data.path is None:
            return spec
        data = spec.data.model_copy(update={"path": beside(spec.data.path, path)})
        return spec.model_copy(update={"data": data})

    @classmethod
    def parse(cls, text: str, source: str = "study.toml") -> StudySpec:
        """Reads a study file's text; `source` names it in errors.

        Raises:
            StudyError: if it is no TOML or breaks a rule.
        """
        try:
            raw = tomllib.loads(text)
        except ValueError as error:
            raise syntax_mistake(error, text, source) from None
        except RecursionError:
            raise StudyError(f"{source}: is nested too deeply to be a study file") from None
        return cls._check(raw, source)

    @classmethod
    def from_json(cls, text: str, source: str = "journal") -> StudySpec:
        """The inverse of `to_json`.

        Raises:
            StudyError: if the text was not written by `to_json`.
        """
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError):
            raise StudyError(f"{source}: the study's specification is not valid JSON") from None
        return cls._check(raw, source)

    @classmethod
    def from_journal(cls, text: str, source: str) -> StudySpec:
        """The same of a text that says which study a journal is of, and so has its tables.

        Raises:
            StudyError: it lacks them, or was not written by `to_json`.
        """
        spec = cls.from_json(text, source)
        missing = [name for name in _TABLES if name not in json.loads(text)]
        if missing:
            raise StudyError(f"{source}: the study's specification lacks [{missing[0]}]")
        return spec

    def to_json(self) -> str:
        """The specification as canonical JSON: every key, sorted, without spaces."""
        return canonical(self.model_dump(mode="json"))

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of what makes it this study; see `identity`."""
        return hashlib.sha256(
            canonical(identity(self.model_dump(mode="json"))).encode()
        ).hexdigest()

    def difference(self, other: StudySpec) -> list[str]:
        """What would make `other` another study, as `search.trials: 64 -> 128`; [] if nothing."""
        return differences(*(identity(spec.model_dump(mode="json")) for spec in (self, other)))

    def override(
        self,
        *,
        trials: int | None = None,
        max_epochs: int | None = None,
        seed: int | None = None,
    ) -> StudySpec:
        """The study with what the command line changed; None leaves a value alone.

        Raises:
            StudyError: naming the option, as `--trials: must be >= 1, got 0`.
        """
        raw = self.model_dump(mode="json")
        changes = {"trials": trials, "max_epochs": max_epochs}
        raw["search"] |= {key: value for key, value in changes.items() if value is not None}
        if "searcher" not in self.search.model_fields_set:
            del raw["search"]["searcher"]  # what the file left open, a begun study has settled
        raw["seed"] = self.seed if seed is None else seed
        return self._check(raw, "study", _OPTIONS)

    def grown(self, budget: Budget, days: int | None = None, **searched: int) -> StudySpec:
        """The study with more of these, and the space it had; see `caviar.study.growth`.

        Args:
            budget: what it is now.
            days: of each panda; None: as many as it has.
            searched: `trials` and `max_epochs`, where they are others.
        """
        search = self.search.model_copy(update=searched)
        panda = self.panda.model_copy(update={"days": self.panda.days if days is None else days})
        grown = self.model_copy(update={"search": search, "panda": panda, "budget": budget})
        grown._begun_epochs = self.longest
        grown._begun_trials = self.begun_trials
        return grown

    @cached_property
    def space(self) -> SearchSpace:
        """What is searched and what is fixed, by flat names: layers, units, learning_rate, ...

        What no trial of the study uses is in neither. Its constraints are `search.where`.
        """
        return space_of(self._flat, tuple(map(Expression.parse, self.search.where)))

    @property
    def home(self) -> tuple[tuple[float, float], ...]:
        """`[d]` pairs low, high in the unit cube: the bounds as the file gives them.

        All of the axis but for domains with `expand = true`.
        """
        return self.space.home

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """The flat names of this study's hyperparameters, in the order of the coordinates."""
        return tuple(self._flat)

    def hyperparameter(self, name: str) -> Hyperparameter | Following:
        """A hyperparameter's domain or value, by its flat name; its conditions are the space's."""
        held = self._flat[name]
        return held if isinstance(held, Following) else bare(held)

    @property
    def techniques(self) -> tuple[str, ...]:
        """The techniques that some trial may use, sorted; each is compiled into every step."""
        return techniques_of(self.space)

    @property
    def unused(self) -> dict[str, str]:
        """By flat name, why no trial of the study has a hyperparameter; see `why_unused`."""
        return why_unused(self._flat)

    @cached_property
    def _flat(self) -> dict[str, Held | Following]:
        tables = {name: getattr(self, name) for name in set(HYPERPARAMETERS.values())}
        return flatten(tables, self.longest)

    @property
    def is_raised(self) -> bool:
        """Whether pandas are raised for sure; the strategy "auto" may come to that too."""
        return self.search.strategy in {"panda", "population"}

    @property
    def begun_trials(self) -> int:
        """`search.trials` when the study was begun: a grid stays the one it was."""
        return self.search.trials if self._begun_trials is None else self._begun_trials

    @property
    def longest(self) -> int:
        """Epochs of the longest training as it was begun: `max_epochs`, or all a panda's days."""
        if self._begun_epochs is not None:
            return self._begun_epochs
        days = self.panda.days * self.panda.day_epochs
        return days if self.is_raised else self.search.max_epochs

    @property
    def metric(self) -> str:
        """The measurement by which trials are compared."""
        return self.search.metric

    @property
    def lower_is_better(self) -> bool:
        """Which way the metric improves."""
        return self.metric.endswith("_loss")

    def rungs(self) -> tuple[int, ...]:
        """Epochs at which trials are compared: grace, times eta each, and last `max_epochs`."""
        return self.search.rungs()

    @classmethod
    def _check(
        cls, raw: object, source: str, options: Mapping[str, str] | None = None
    ) -> StudySpec:
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise mistake(error, cls, source, options) from None


def init_text() -> str:
    """A commented study file to start from; it says what the defaults say."""
    return resources.files("caviar.study").joinpath("default.toml").read_text("utf-8")
