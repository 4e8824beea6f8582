"""How things are worded for a person: values, durations, and the key that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from caviar.study.records import Value

_STATES = ("running", "paused", "waiting", "completed", "stopped", "diverged", "failed")
"""In the order a person asks for them."""


def show(value: object) -> str:
    """A value as it stands in a study file, on one line and not too long."""
    text = one_line(_toml(value))
    return text if len(text) <= 80 else text[:77] + "..."


def nearest(key: str, known: Collection[str]) -> str:
    """What to say after "unknown key": the nearest known one, else all of them."""
    close = difflib.get_close_matches(key, list(known), n=1)
    return f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"


def one_line(text: str) -> str:
    """The text with control characters escaped, so that no file can write over a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _toml(value: object) -> str:
    if isinstance(value, Mapping) and value:
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else repr(value)


def number(value: Value) -> str:
    """A hyperparameter's value as a person reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def configuration(hyperparameters: Mapping[str, Value]) -> str:
    """Hyperparameters in one line."""
    return " ".join(f"{name}={number(value)}" for name, value in hyperparameters.items())


def states(counts: Mapping[str, int]) -> str:
    """Trials by state in one line, the empty states left out."""
    found = [(counts.get(name, 0), name) for name in _STATES]
    return ", ".join(f"{count} {name}" for count, name in found if count)


def duration(seconds: float) -> str:
    """Seconds as `12 s`, `3 min 05 s` or `2 h 07 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
