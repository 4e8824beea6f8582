"""What all tables of a study file share: strictness, and errors in our words."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Table(BaseModel):
    """A table of the study file: frozen, strict about types and about unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def broken_rule(line: str, *keys: str) -> PydanticCustomError:
    """An error in our words; `keys` lead to the field when a rule is checked on a whole table."""
    return PydanticCustomError("study", "{line}", {"line": line, "keys": keys})


def plain_table(table: Any) -> Any:
    """A table as it would stand in a file; whatever is none of ours as it is."""
    is_table = isinstance(table, Table)
    return table.model_dump(mode="json", exclude_unset=True) if is_table else table
