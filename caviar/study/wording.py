"""How a mistake is worded: values as a person wrote them, and the key that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping


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
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else repr(value)
