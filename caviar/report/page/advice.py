"""Diagnosis and playbook checks as the page shows them: short lines, each with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from caviar.report.page.guests import Guest, guest
from caviar.report.page.markup import Html, clipped, join, tag
from caviar.report.page.scores import Scores


def advice_parts(scores: Scores) -> Html:
    """Both, and the edges that the search found."""
    diagnosis = guest("diagnosis", "diagnose", scores.evidence)
    checks = guest("checks", "checks", scores.evidence)
    parts = [tag("h3", "Diagnosis"), _diagnosis(diagnosis), tag("h3", "Checks"), _checks(checks)]
    edges = [tag("li", clipped(edge["line"], 400)) for edge in scores.evidence.account["edges"]]
    if edges and not checks.told:
        parts.append(tag("ul", *edges, class_="lines"))
    return tag("div", *parts, class_="advice")


def _diagnosis(found: Guest) -> Html:
    if not found.told:
        return tag("p", clipped(found.why_not, 400))
    return _sentences(found.told)


def _checks(found: Guest) -> Html:
    if not found.told:
        return tag("p", clipped(found.why_not, 400))
    return _sentences(found.told)


def _sentences(told: Mapping[str, Any]) -> Html:
    lines = [line for key in ("lines", "sentences") for line in told.get(key) or ()]
    return join([tag("ul", *(tag("li", clipped(line, 600)) for line in lines), class_="lines")])
