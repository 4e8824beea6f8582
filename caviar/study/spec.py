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

from pydantic import Field, ValidationError, field_validator, model_validator

from caviar.errors import StudyError
from caviar.space.domain import Domain, Value
from caviar.space.search_space import SearchSpace
from caviar.study.hyperparameter import Hyperparameter, as_domain
from caviar.study.mistakes import mistake, syntax_mistake
from caviar.study.tables import Data, Network, Resources, Search, Table, Training, broken_rule
from caviar.study.wording import one_line, show

NAME_PATTERN: Final = "[a-z0-9][a-z0-9_-]{0,63}"
"""Names that become paths."""

LONGEST_FILE: Final = 1 << 20
"""Bytes of a study file; anything longer is something else."""

HYPERPARAMETERS: Final = {
    "layers": "network",
    "units": "network",
    "optimizer": "training",
    "learning_rate": "training",
    "beta_1": "training",
    "beta_2": "training",
    "momentum": "training",
    "epsilon": "training",
    "batch_size": "training",
    "learning_rate_decay": "training",
}
"""Every hyperparameter of a trial and the table it stands in; the order of the coordinates."""

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
    training: Training = Training()
    search: Search = Search()
    resources: Resources = Resources()

    @model_validator(mode="before")
    @classmethod
    def _name_after_data(cls, raw: Any) -> Any:
        data = raw.get("data") if isinstance(raw, dict) else None
        given = data.get("name") if isinstance(data, dict) else getattr(data, "name", None)
        name = re.split("[/:]", given)[0][:64] if isinstance(given, str) else ""
        # A data set's bad name is told once, at its own key.
        return {"name": name} | raw if re.fullmatch(NAME_PATTERN, name) else raw

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
        """Reads a study file.

        Raises:
            StudyError: if it cannot be read, is no TOML, or breaks a rule.
        """
        return cls.parse(_read_text(path), one_line(str(path)))

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

    def to_json(self) -> str:
        """The specification as canonical JSON: every key, sorted, without spaces."""
        return _canonical(self.model_dump(mode="json"))

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of what makes it this study: all but `[resources]` and `data_dir`."""
        return hashlib.sha256(_canonical(self._identity()).encode()).hexdigest()

    def difference(self, other: StudySpec) -> list[str]:
        """What would make `other` another study, as `search.trials: 64 -> 128`; [] if nothing."""
        before, after = _flat(self._identity()), _flat(other._identity())
        changed = [key for key in before | after if before.get(key) != after.get(key)]
        return [f"{key}: {show(before.get(key))} -> {show(after.get(key))}" for key in changed]

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
        raw["seed"] = self.seed if seed is None else seed
        return self._check(raw, "study", _OPTIONS)

    @cached_property
    def space(self) -> SearchSpace:
        """What is searched and what is fixed, by flat names: layers, units, learning_rate, ..."""
        domains: dict[str, Domain] = {}
        fixed: dict[str, Value] = {}
        for name in HYPERPARAMETERS:
            hyperparameter = self.hyperparameter(name)
            domain = as_domain(hyperparameter)
            if domain is not None:
                domains[name] = domain
            else:
                fixed[name] = hyperparameter  # type: ignore[assignment]
        return SearchSpace(domains, fixed)

    def hyperparameter(self, name: str) -> Hyperparameter:
        """A hyperparameter's domain or fixed value, by its flat name."""
        hyperparameter: Hyperparameter = getattr(getattr(self, HYPERPARAMETERS[name]), name)
        return hyperparameter

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
        epochs, rungs = self.search.grace_epochs, []
        while epochs < self.search.max_epochs:
            rungs.append(epochs)
            epochs *= self.search.reduction_factor
        return (*rungs, self.search.max_epochs)

    @classmethod
    def _check(
        cls, raw: object, source: str, options: Mapping[str, str] | None = None
    ) -> StudySpec:
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise mistake(error, cls, source, options) from None

    def _identity(self) -> dict[str, Any]:
        # The same study may go on with other resources, and with its data lying elsewhere.
        return self.model_dump(mode="json", exclude={"resources": True, "data": {"data_dir"}})


def init_text() -> str:
    """A commented study file to start from; it says what the defaults say."""
    return resources.files("caviar.study").joinpath("default.toml").read_text("utf-8")


def _read_text(path: Path | str) -> str:
    source = one_line(str(path))
    try:
        with open(path, "rb") as file:
            raw = file.read(LONGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file's name"
        raise StudyError(f"{source}: cannot be read: {reason}") from None
    if len(raw) > LONGEST_FILE:
        raise StudyError(f"{source}: must be at most {LONGEST_FILE} bytes to be a study file")
    try:
        # Some editors begin a file with a byte order mark, which TOML does not know.
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise StudyError(f"{source}: line {line}: must be UTF-8 text") from None


def _canonical(plain: dict[str, Any]) -> str:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _flat(plain: dict[str, Any]) -> dict[str, Any]:
    """Keys with their table, as `search.trials`; a hyperparameter's own table stays whole."""
    flat: dict[str, Any] = {}
    for key, value in plain.items():
        inner = (
            {f"{key}.{name}": part for name, part in value.items()} if type(value) is dict else {}
        )
        flat |= inner or {key: value}
    return flat
