"""Text from anywhere made safe: for HTML, for JSON within HTML, and for what Plotly interprets.

Study, data set, class and hyperparameter names, reasons and errors are other people's words. Each
goes through exactly one of the functions here, by where it will stand.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from caviar.study.records import Value
from caviar.study.wording import number, one_line

LONGEST: Final = 200
"""Characters of a name, or a value, that are shown."""
NONE: Final = "\u2013"
"""What stands where there is no value."""
_VOID: Final = frozenset({"br", "img", "input", "meta", "col"})


class Html(str):
    """Markup that is safe as it stands; any other string is escaped where it is put in one."""

    __slots__ = ()


def safe(content: object) -> Html:
    """As it shows in HTML, also between quotes; control and direction characters are spelt out."""
    if isinstance(content, Html):
        return content
    return Html(html.escape(one_line(str(content)), quote=True))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Parts one after the other."""
    return Html(between.join(map(safe, parts)))


def tag(name: str, /, *content: object, **attributes: object) -> Html:
    """An element; `class_` stands for `class`, `aria_label` for `aria-label`.

    An attribute that is True stands alone, one that is None or False is left out.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(content)}</{name}>")


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    key = key.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{safe(value)}"'


def json_text(data: object) -> str:
    """JSON that may stand in a script element; numbers that are not finite become null."""
    text = json.dumps(finite(data), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    # Of these, "</script>" and "<!--" would end or change how the element is read.
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def json_block(identity: str, data: object) -> Html:
    """An element that holds data for the page's script; no browser runs it."""
    text = Html(json_text(data))
    return tag("script", text, type="application/json", id=identity)


def plotly(text: object) -> str:
    """As it shows where Plotly reads a little HTML of its own: titles, ticks, names, labels."""
    shown = clipped(text)
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return shown.replace("$", "&#36;")  # between two of them it would look for mathematics


def clipped(text: object, longest: int = LONGEST) -> str:
    """On one line and not too long."""
    shown = one_line(str(text))
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."


def value_text(value: Value | None) -> str:
    """A hyperparameter's value; one that a trial does not have is a dash."""
    if value is None:
        return NONE
    if isinstance(value, float) and 0.9 <= value < 1 and value != round(value, 3):
        return f"{value:.5f}".rstrip("0") if 1 - value > 1e-5 else f"{value:.8g}"
    return clipped(number(value))


def finite(data: Any) -> Any:
    """The same data with None for every number that is not finite."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    return data


def figures(value: float | None, digits: int = 4) -> float | None:
    """A number with so many significant digits, to keep the page small."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
