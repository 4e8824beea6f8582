"""Mistakes in a study file, each told in one line: file, key, rule and value."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from caviar.errors import StudyError
from caviar.study.wording import nearest, one_line, show

_RULES: Final = {
    "bool_type": "must be true or false",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "greater_than": "must be > {gt:.12g}",
    "greater_than_equal": "must be >= {ge:.12g}",
    "int_type": "must be a whole number",
    "less_than": "must be < {lt:.12g}",
    "less_than_equal": "must be <= {le:.12g}",
    "literal_error": "must be {expected}",
    "model_type": "must be a table",
    "string_pattern_mismatch": "must match {pattern}",
    "string_type": "must be text",
}
"""Pydantic's kinds of error in our words; others keep pydantic's."""

_CLASSIFIES: Final = "caviar classifies only: it has no task or loss to choose, and no regression"
_ADVICE: Final = {
    "task": _CLASSIFIES,
    "loss": _CLASSIFIES,
    "regression": _CLASSIFIES,
    "objective": _CLASSIFIES,
    "dropout": "dropout is said as keep_prob in [regularization]: 1 - the share dropped",
    "target": 'the column of the class is "label"',
    "lr": "it is learning_rate in [training]",
    "alpha": "it is learning_rate in [training]",
    "epochs": "it is max_epochs in [search]",
}
"""What to say of keys that other tools have."""


def mistake(
    error: ValidationError,
    model: type[BaseModel],
    source: str,
    options: Mapping[str, str] | None = None,
) -> StudyError:
    """The first of pydantic's errors as one line, with the number of the others.

    Args:
        error: what pydantic found; its unknown keys come first, since they often cause the rest.
        model: of the whole file.
        source: the file's name.
        options: command line options by the key they set; they take the place of file and key.
    """
    details = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
    first, others = details[0], len(details) - 1
    key = ".".join(_key(part) for part in _location(first))
    place = (options or {}).get(key, f"{source}: {key}" if key else source)
    more = f" (and {others} more)" if others else ""
    return StudyError(one_line(f"{place}: {_rule(first, model)}{more}"))


def syntax_mistake(error: ValueError, text: str, source: str) -> StudyError:
    """What the TOML parser found, with its line."""
    if not isinstance(error, tomllib.TOMLDecodeError):
        # Python's own limit on digits; its message would advise to raise it.
        return StudyError(f"{source}: holds a number too long to read")
    message = str(error)
    found = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if found:
        rule, line = message[: found.start()], int(found[1])
    else:
        rule, line = message.removesuffix(" (at end of document)"), text.count("\n") + 1
    return StudyError(one_line(f"{source}: line {line}: not valid TOML: {rule}"))


def _location(detail: ErrorDetails) -> tuple[str | int, ...]:
    """Where the error is; a rule about a whole table names the key it is about."""
    return (*detail["loc"], *detail.get("ctx", {}).get("keys", ()))


def _rule(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "study":
        return str(context["line"])
    if kind == "extra_forbidden":
        return f"unknown key, {_advice(detail['loc'], model)}"
    if kind == "missing":
        return "is missing"
    rule = _RULES[kind].format(**context) if kind in _RULES else detail["msg"]
    return f"{rule}, got {show(detail['input'])}"


def _advice(location: tuple[str | int, ...], model: type[BaseModel]) -> str:
    key = str(location[-1])
    if key in _ADVICE:
        return _ADVICE[key]
    table = model
    for part in location[:-1]:
        table = _table(table, str(part)) or table
    known = list(table.model_fields)
    for name in model.model_fields:
        elsewhere = _table(model, name)
        if elsewhere not in {None, table} and key in elsewhere.model_fields:
            return f"it belongs in [{name}]"
    if table is not model and key in model.model_fields:
        return "it belongs above the first table"
    return nearest(key, known)


def _table(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The table that a model's field holds, if it holds one."""
    annotation: Any = model.model_fields[name].annotation if name in model.model_fields else None
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _key(part: str | int) -> str:
    """A key as TOML writes it: quoted unless it is a bare one."""
    text = str(part)
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else show(text)
