"""A request that does not fit the OpenAPI document: place, rule and value in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from caviar.service.web.wishes import KINDS
from caviar.study.wording import nearest, one_line, show

LONGEST: Final = 500
_RULES: Final = {
    "greater_than_equal": "must be >= {ge}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "json_invalid": "must be JSON ({error})",
    "less_than_equal": "must be <= {le}",
    "list_type": "must be a list",
    "missing": "is missing",
    "model_attributes_type": "must be a JSON object",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_type": "must be text",
    "too_long": "must have at most {max_length} parts",
    "too_short": "must have at least {min_length} parts",
    "union_tag_not_found": "is missing",
}
"""Pydantic's kinds of error in our words; others keep pydantic's."""
_PLACES: Final = frozenset({"body", "path", "query", *KINDS})
"""Parts of a location that nobody typed."""


def mistake(errors: Sequence[Mapping[str, Any]]) -> str:
    """The first thing wrong; unknown keys come first, since they often cause the rest.

    Args:
        errors: pydantic's.
    """
    first = min(errors, key=lambda error: error["type"] != "extra_forbidden")
    return one_line(_line(first))[:LONGEST]


def _line(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    where = [str(part) for part in error["loc"] if str(part) not in _PLACES]
    if kind == "json_invalid":
        where = []
    place = ".".join(where) or "body"
    if kind == "extra_forbidden":
        model = KINDS.get(str(error["loc"][1])) if len(error["loc"]) > 1 else None
        return f"{place}: unknown key, {nearest(where[-1], _keys(model))}"
    if kind.startswith("union_tag"):
        if kind == "union_tag_not_found":
            return f"kind: is missing, known are {', '.join(KINDS)}"
        return f"kind: unknown {show(context['tag'])}, {nearest(context['tag'], KINDS)}"
    rule = _RULES[kind].format(**context) if kind in _RULES else error["msg"]
    got = error.get("input")
    return f"{place}: {rule}" + (f", got {show(got)}" if isinstance(got, str | int | float) else "")


def _keys(model: type[BaseModel] | None) -> list[str]:
    return list(model.model_fields) if model is not None else []
