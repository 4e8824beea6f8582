"""The page as one file: sections in the order a person needs them, style, script, Plotly.

Nothing in it comes from elsewhere and nothing leaves it: the content security policy allows the
two scripts and the style sheet by their hashes, pictures within the page, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Sequence
from importlib import resources
from importlib.metadata import version
from typing import Final

from caviar.report.evidence import Evidence
from caviar.report.page.headline import status_line
from caviar.report.page.markup import Html, clipped, join, json_block, tag, value_text
from caviar.report.page.palette import DARK, LIGHT, variables
from caviar.report.page.scores import Scores
from caviar.report.page.sections import Section, sections
from caviar.report.page.tables import varied

_EMPTY: Final = ""
"""Plotly makes a style element without text and fills it by script."""
_MAP_STYLES: Final = re.compile(r'getElementById\("([0-9a-f]{64})"\)')
"""Where Plotly looks whether the style of its maps is there already; an empty one will do."""


def document(evidence: Evidence, now: float | None = None) -> str:
    """The whole page.

    Args:
        evidence: of the study.
        now: seconds since 1970 that it says it was made at; by default the clock's.
    """
    scores = Scores(evidence)
    style, script, plotly_js = style_sheet(), _resource("report.js"), _plotly_js()
    name = clipped(evidence.spec.name)
    head = join(
        [
            tag("meta", charset="utf-8"),
            tag(
                "meta",
                http_equiv="Content-Security-Policy",
                content=_policy(style, script, plotly_js),
            ),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("title", f"{name} · caviar"),
            tag("style", Html(style)),
            *(tag("style", id=found) for found in _MAP_STYLES.findall(plotly_js)),
        ]
    )
    parts = sections(scores)
    body = join(
        [
            tag("a", "Skip to the result", href="#main", class_="skip"),
            _header(scores, now),
            _navigation(parts),
            tag("main", *(part.html() for part in parts), id="main", tabindex="-1"),
            _footer(),
            tag("div", id="tip", role="status", aria_live="polite", hidden=True),
            json_block("told-of-trials", _trials(scores)),
            tag("script", Html(plotly_js)),
            tag("script", Html(script)),
        ]
    )
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def style_sheet() -> str:
    """The page's style, the palette's colours first."""
    # A page that is printed, and says so, is light: paper is.
    dark = f"@media (prefers-color-scheme: dark){{:root:not(.paper){{{variables(DARK)}}}}}"
    return f":root{{{variables(LIGHT)}}}{dark}\n{_resource('report.css')}"


def _header(scores: Scores, now: float | None) -> Html:
    evidence = scores.evidence
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(now))
    data = clipped(evidence.data.get("name") or evidence.spec.data.name or "data of your own", 80)
    told = f"on {data} · as of {made}"
    if evidence.account["status"] == "running":
        told += " · it goes on: make the report again for what came since"
    return tag(
        "header", tag("p", "caviar report", class_="kicker"), tag("h1", evidence.spec.name),
        tag("p", status_line(scores), class_="status"), tag("p", told, class_="made"),
    )  # fmt: skip


def _navigation(parts: Sequence[Section]) -> Html:
    links = [tag("li", tag("a", part.short, href=f"#{part.identity}")) for part in parts[1:]]
    return tag("nav", tag("ul", *links), aria_label="Sections")


def _footer() -> Html:
    told = (
        f"Made by caviar {version('caviar')}. "
        "This file holds all it shows and asks nothing of a network."
    )
    return tag("footer", tag("p", told))


def _trials(scores: Scores) -> dict[str, object]:
    """What the page tells of a trial that is pointed at."""
    names = varied(scores)
    rows = [
        [
            row["state"], row["epochs"], scores.told(scores.best.get(row["trial"])),
            clipped(row["reason"], 120),
            *(value_text(row["hyperparameters"].get(name)) for name in names),
        ]
        for row in scores.evidence.account["trials"]
    ]  # fmt: skip
    names = [clipped(name, 60) for name in names]
    return {"metric": clipped(scores.name), "names": names, "rows": rows}


def _policy(style: str, *scripts: str) -> str:
    allowed = " ".join(map(_hash, scripts))
    styles = f"{_hash(style)} {_hash(_EMPTY)}"
    rules = (
        "default-src 'none'", f"script-src {allowed}", f"style-src {styles}",
        "img-src data: blob:", "base-uri 'none'", "form-action 'none'",
    )  # fmt: skip
    return "; ".join(rules)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _resource(name: str) -> str:
    return resources.files("caviar.report.page").joinpath(name).read_text("utf-8")


def _plotly_js() -> str:
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    return str(get_plotlyjs())
