"""How a hyperparameter stands in a study file: a value fixes it, a table searches it.

`0.01` is a fixed value, `{ low = 1e-4, high = 1.0, scale = "log" }` a range and
`{ choices = [32, 64] }` a list to choose from. A `Rule` reads one of them for one key of the file
and says in a line what is wrong with it; pydantic calls it for every field annotated with it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from caviar.errors import StudyError
from caviar.space.domain import Choice, Domain, Float, Integer, Value
from caviar.space.scale import LINEAR, SCALES, Scale
from caviar.study.wording import nearest, show

Hyperparameter = Float | Integer | Choice | float | int | str
"""A domain to search, or the value that every trial shares."""

RANGE_KEYS: Final = ("low", "high", "scale", "step")
MOST_CHOICES: Final = 1000
MOST_WHOLE: Final = 1e15
MOST_REAL: Final = 1e300


def as_domain(hyperparameter: Hyperparameter) -> Domain | None:
    """What is searched, or None for a fixed value."""
    return hyperparameter if isinstance(hyperparameter, Float | Integer | Choice) else None


def extremes(hyperparameter: Hyperparameter) -> tuple[float, float]:
    """The smallest and the largest number it can be."""
    if isinstance(hyperparameter, Choice):
        numbers = [float(choice) for choice in hyperparameter.choices]
        return min(numbers), max(numbers)
    if isinstance(hyperparameter, Float | Integer):
        return hyperparameter.low, hyperparameter.high
    return float(hyperparameter), float(hyperparameter)


def to_plain(hyperparameter: Hyperparameter) -> Value | dict[str, Any]:
    """As it stands in a study file; the inverse of `Rule.read`."""
    if isinstance(hyperparameter, Choice):
        return {"choices": list(hyperparameter.choices)}
    if not isinstance(hyperparameter, Float | Integer):
        return hyperparameter
    plain: dict[str, Any] = {"low": hyperparameter.low, "high": hyperparameter.high}
    plain["scale"] = hyperparameter.scale_name
    default_step = 1 if isinstance(hyperparameter, Integer) else None
    if hyperparameter.step != default_step:
        plain["step"] = hyperparameter.step
    return plain


@dataclass(frozen=True)
class Rule:
    """What one hyperparameter may be; an annotation that pydantic reads the study file by.

    Attributes:
        whole: whether it is a whole number.
        above: it must be > this.
        at_least: it must be >= this.
        below: it must be < this.
        at_most: it must be <= this.
        names: if given, it is no number but one of these.
    """

    whole: bool = False
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    names: tuple[str, ...] = ()

    def read(self, raw: object) -> Hyperparameter:
        """A value or a table of a study file as a value or a domain.

        Raises:
            StudyError: with rule and value; whoever asks adds the place.
        """
        if isinstance(raw, Float | Integer | Choice):
            raw = to_plain(raw)
        if isinstance(raw, Mapping):
            return self._read_choices(raw) if "choices" in raw else self._read_range(raw)
        if isinstance(raw, list | tuple):
            raise StudyError(
                f"must be one value or a table (to search among values: {{ choices = [...] }}), "
                f"got {show(raw)}"
            )
        return self._read_value("", raw)

    def _read_choices(self, table: Mapping[str, object]) -> Choice:
        _refuse_other_keys(table, ("choices",))
        raw = table["choices"]
        if not isinstance(raw, list | tuple):
            raise StudyError(f"choices must be a list, got {show(raw)}")
        if len(raw) > MOST_CHOICES:
            raise StudyError(f"choices must be at most {MOST_CHOICES}, got {len(raw)}")
        values = tuple(self._read_value("choices ", value) for value in raw)
        numbers = [value for value in values if not isinstance(value, str)]
        rising = all(a < b for a, b in itertools.pairwise(numbers))
        return Choice(values, ordered=rising and not self.names)

    def _read_range(self, table: Mapping[str, object]) -> Float | Integer:
        if self.names:
            raise StudyError(f"must be a name or {{ choices = [...] }}, got {show(table)}")
        _refuse_other_keys(table, (*RANGE_KEYS, "choices"))
        for key in ("low", "high"):
            if key not in table:
                raise StudyError(f"{key} is missing: a range needs low and high")
        low, high = (self._read_number(f"{key} ", table[key]) for key in ("low", "high"))
        scale = _read_scale(table)
        step = self._read_number("step ", table["step"]) if "step" in table else None
        # The scale's own rule first: it says more than the hyperparameter's.
        domain = (
            Integer(int(low), int(high), 1 if step is None else int(step), scale)
            if self.whole
            else Float(low, high, scale, step)
        )
        for key in ("low", "high"):
            self._check_limits(f"{key} ", getattr(domain, key))
        return domain

    def _read_value(self, label: str, raw: object) -> float | int | str:
        if self.names:
            if raw not in self.names:
                known = ", ".join(f'"{name}"' for name in self.names)
                raise StudyError(f"{label}must be one of {known}, got {show(raw)}")
            return str(raw)
        return self.read_number(raw, label)

    def read_number(self, raw: object, label: str = "") -> float | int:
        """A number within the limits; `label` stands before the rule it breaks.

        Raises:
            StudyError: with rule and value.
        """
        number = self._read_number(label, raw)
        self._check_limits(label, number)
        return number

    def _read_number(self, label: str, raw: object) -> float | int:
        if isinstance(raw, bool) or not isinstance(raw, int if self.whole else int | float):
            kind = "a whole number" if self.whole else "a number"
            raise StudyError(f"{label}must be {kind}, got {show(raw)}")
        # The comparison also refuses NaN, and whole numbers that no float can hold.
        most = MOST_WHOLE if self.whole else MOST_REAL
        if not -most < raw < most:
            raise StudyError(f"{label}must be a finite number below {most:g}, got {show(raw)}")
        return raw if self.whole else float(raw)

    def _check_limits(self, label: str, number: float) -> None:
        if self.above is not None and not number > self.above:
            raise StudyError(f"{label}must be > {self.above:g}, got {number!r}")
        if self.at_least is not None and not number >= self.at_least:
            raise StudyError(f"{label}must be >= {self.at_least:g}, got {number!r}")
        if self.below is not None and not number < self.below:
            raise StudyError(f"{label}must be < {self.below:g}, got {number!r}")
        if self.at_most is not None and not number <= self.at_most:
            raise StudyError(f"{label}must be <= {self.at_most:g}, got {number!r}")

    def _read_for_pydantic(self, raw: object) -> Hyperparameter:
        try:
            return self.read(raw)
        except StudyError as error:
            raise PydanticCustomError("study", "{line}", {"line": str(error)}) from None

    def __get_pydantic_core_schema__(self, _: object, __: GetCoreSchemaHandler) -> CoreSchema:
        """Makes pydantic read by `read` and write by `to_plain`."""
        return core_schema.no_info_plain_validator_function(
            self._read_for_pydantic,
            serialization=core_schema.plain_serializer_function_ser_schema(to_plain),
        )


def _refuse_other_keys(table: Mapping[str, object], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise StudyError(f"unknown key {show(key)}, {nearest(key, known)}")


def _read_scale(table: Mapping[str, object]) -> Scale:
    name = table.get("scale", LINEAR.name)
    if not isinstance(name, str) or name not in SCALES:
        known = ", ".join(f'"{scale}"' for scale in SCALES)
        raise StudyError(f"scale must be one of {known}, got {show(name)}")
    return SCALES[name]
