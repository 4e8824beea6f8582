"""What the command line says of words it does not take: one line, as of any other mistake."""

from __future__ import annotations

from typing import Any, Final

import typer

_KINDS: Final = {"int_parsing": "must be an integer", "float_parsing": "must be a number"}
"""Rules by what pydantic, which reads the words for typer, calls breaking them."""


def line_of(error: typer.TyperException) -> str | None:
    """The line that tells a mistake: place, rule and value.

    Returns:
        None of the bare `caviar`, which is answered with its help.
    """
    from caviar.study.wording import one_line

    if type(error).__name__ == "NoArgsIsHelpError":
        return None
    context = getattr(error, "ctx", None)
    command = (context.info_name or "") if context is not None and context.parent else ""
    place = f"{command}: " if command else ""
    asked = " ".join(["caviar", *command.split(), "--help"])
    return one_line(f"{place}{_rule(error)}{_meant(error)}; see: {asked}")


def _rule(error: typer.TyperException) -> str:
    """What is wrong, in the house's words where typer's are not."""
    if isinstance(error, typer.BadParameter):
        name = error.param.get_error_hint() if error.param is not None else error.param_hint
        shown = str(name or "").replace("'", "")
        return f"{shown}: {_broken(error)}" if error.message else f"{shown} is missing"
    told = error.format_message().partition(" (Possible options")[0].rstrip(".")
    told = told.replace(". Did you mean", ", did you mean")
    return told[:1].lower() + told[1:]


def _broken(error: typer.BadParameter) -> str:
    """The rule that a value breaks, and the value."""
    found = _first(error.__cause__)
    told = error.message.removeprefix("Value error, ").rstrip(".")
    if found.get("type") not in _KINDS:
        return told[:1].lower() + told[1:]
    return f"{_KINDS[found['type']]}, got {found['input']}"


def _first(cause: Any) -> dict[str, Any]:
    """What pydantic found, if it was pydantic."""
    errors = cause.errors() if hasattr(cause, "errors") else []
    return dict(errors[0]) if errors else {}


def _meant(error: typer.TyperException) -> str:
    """The nearest option, where there is one."""
    near = list(getattr(error, "possibilities", None) or ())
    return f', did you mean "{near[0]}"?' if near else ""
