"""How a hyperparameter is read from a study file: a value fixes it, a table searches it.

`0.01` is a fixed value, `{ low = 1e-4, high = 1.0, scale = "log" }` a range,
`{ choices = [32, 64] }` a list to choose from. In a table `expand = true` lets the search move the
bounds, `when = { optimizer = "adam" }` says where it is active, and `{ value = 0.01, when = ... }`
does so for a fixed value. A `Rule` reads one of them for one key of the file and says in a line
what is wrong with it; pydantic calls it for every field annotated with it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from caviar.errors import StudyError
from caviar.space.condition import Clause
from caviar.space.domain import Choice, Float, Integer, Value
from caviar.space.home import Limits, enlarged
from caviar.space.scale import LINEAR, SCALES, Scale
from caviar.study.hyperparameter import Conditional, Held, Hyperparameter, to_plain
from caviar.study.wording import nearest, show

RANGE_KEYS: Final = ("low", "high", "scale", "step", "expand")
MOST_CHOICES: Final = 1000
MOST_LAYERS: Final = 64
MOST_WHOLE: Final = 1e15
MOST_REAL: Final = 1e300


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
        flag: whether it is no number but true or false.
        needed: whether every trial needs it, so that it can have no condition.
        per_layer: whether it may be a list, an entry a hidden layer.
        optional: whether nothing may stand for it, as where the default depends on other keys.
        grows: whether the bounds of its range may be let grow.
    """

    whole: bool = False
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    names: tuple[str, ...] = ()
    flag: bool = False
    needed: bool = False
    per_layer: bool = False
    optional: bool = False
    grows: bool = True

    def read(self, raw: object) -> Held | tuple[Held, ...] | None:
        """What stands in a study file as a value, a domain or one of these a layer.

        Raises:
            StudyError: with rule and value; whoever asks adds the place.
        """
        if raw is None and self.optional:
            return None
        if isinstance(raw, list | tuple) and self.per_layer:
            return self._read_layers(raw)
        return self._read_one(raw)

    def _read_layers(self, raw: list[object] | tuple[object, ...]) -> tuple[Held, ...]:
        if not 1 <= len(raw) <= MOST_LAYERS:
            raise StudyError(f"must list one to {MOST_LAYERS} hidden layers, got {len(raw)}")
        layers = []
        for place, one in enumerate(raw, 1):
            try:
                layers.append(self._read_one(one))
            except StudyError as error:
                raise StudyError(f"layer {place}: {error}") from None
        return tuple(layers)

    def _read_one(self, raw: object) -> Held:
        if isinstance(raw, Float | Integer | Choice | Conditional):
            raw = to_plain(raw)
        if isinstance(raw, Mapping):
            return self._read_table(raw)
        if isinstance(raw, list | tuple):
            raise StudyError(
                f"must be one value or a table (to search among values: {{ choices = [...] }}), "
                f"got {show(raw)}"
            )
        return self._read_value("", raw)

    def _read_table(self, table: Mapping[str, object]) -> Held:
        if "expand" in table and ("choices" in table or "value" in table):
            raise StudyError("expand is for a range: only low and high could grow")
        if "choices" in table:
            found: Hyperparameter = self._read_choices(table)
        elif "value" in table:
            _refuse_other_keys(table, ("value", "when"))
            found = self._read_value("value ", table["value"])
        else:
            found = self._read_range(table)
        if "when" not in table:
            return found
        if self.needed:
            raise StudyError("must have no `when`: every trial needs it")
        return Conditional(found, _read_when(table["when"]))

    def _read_choices(self, table: Mapping[str, object]) -> Choice:
        _refuse_other_keys(table, ("choices", "when"))
        raw = table["choices"]
        if not isinstance(raw, list | tuple):
            raise StudyError(f"choices must be a list, got {show(raw)}")
        if len(raw) > MOST_CHOICES:
            raise StudyError(f"choices must be at most {MOST_CHOICES}, got {len(raw)}")
        values = tuple(self._read_value("choices ", value) for value in raw)
        if self.names or self.flag:
            return Choice(values)
        rising = all(float(a) < float(b) for a, b in itertools.pairwise(values))
        return Choice(values, ordered=rising)

    def _read_range(self, table: Mapping[str, object]) -> Float | Integer:
        if self.names or self.flag:
            kind = "true, false" if self.flag else "a name"
            raise StudyError(f"must be {kind} or {{ choices = [...] }}, got {show(table)}")
        _refuse_other_keys(table, (*RANGE_KEYS, "choices", "value", "when"))
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
        return enlarged(domain, self.limits) if self._read_expand(table) else domain

    def _read_expand(self, table: Mapping[str, object]) -> bool:
        """Whether the bounds may grow."""
        expand = table.get("expand", False)
        if not isinstance(expand, bool):
            raise StudyError(f"expand must be true or false, got {show(expand)}")
        if expand and not self.grows:
            raise StudyError("must have no `expand`: its bounds cannot grow during a study")
        return expand

    @property
    def limits(self) -> Limits:
        """Between which a number must lie."""
        above, below = _or(self.above, -math.inf), _or(self.below, math.inf)
        at_least, at_most = _or(self.at_least, -math.inf), _or(self.at_most, math.inf)
        return Limits(
            max(above, at_least), min(below, at_most), above >= at_least, below <= at_most
        )

    def _read_value(self, label: str, raw: object) -> float | int | str | bool:
        if self.flag:
            if not isinstance(raw, bool):
                raise StudyError(f"{label}must be true or false, got {show(raw)}")
            return raw
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

    def _read_for_pydantic(self, raw: object) -> Held | tuple[Held, ...] | None:
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


def _read_when(raw: object) -> tuple[Clause, ...]:
    """The clauses of a condition; whether its names and values exist, the whole study tells."""
    if not isinstance(raw, Mapping) or not raw:
        raise StudyError(f"when must be a table like {{ optimizer = 'adam' }}, got {show(raw)}")
    return tuple((str(name), _read_when_values(name, value)) for name, value in raw.items())


def _read_when_values(name: str, raw: object) -> tuple[Value, ...]:
    values = tuple(raw) if isinstance(raw, list | tuple) else (raw,)
    for value in values:
        if not isinstance(value, str | bool | int | float):
            raise StudyError(f"when: {show(name)} must be a value or values, got {show(raw)}")
    if not values:
        raise StudyError(f"when: {show(name)} must be a value or values, got []")
    return values


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


def _or(bound: float | None, without: float) -> float:
    """A bound, or what stands for none."""
    return without if bound is None else bound
