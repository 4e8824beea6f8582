"""Diagnosis and playbook checks as the page shows them: short lines, each with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

from caviar.report.causes import NAMES
from caviar.report.evidence import Evidence
from caviar.report.page.figure import Figure, View, axis
from caviar.report.page.figure import lines as lines_of
from caviar.report.page.guests import guest
from caviar.report.page.markup import Html, clipped, figures, join, safe, tag
from caviar.report.page.tables import table
from caviar.report.points import Points

LONGEST: Final = 800
"""Characters of a sentence."""
_SIGNS: Final = {"fine": "✓", "look": "○", "act": "→", "unknown": "?", "inapplicable": "-"}
_VERDICTS: Final = {
    "fine": "fine",
    "look": "look at it",
    "act": "act",
    "unknown": "not known yet",
    "inapplicable": "does not apply",
}


def advice_part(evidence: Evidence) -> Html:
    """Both, the diagnosis first."""
    parts = [tag("h3", "Bias or variance?"), diagnosis_part(evidence)]
    sizes = sizes_part(evidence)
    if sizes is not None:
        parts += [tag("h3", "Would more data pay?"), sizes]
    parts += [tag("h3", "The playbook's checks"), checks_part(evidence)]
    return tag("div", *parts, class_="advice")


def diagnosis_part(evidence: Evidence) -> Html:
    """The verdict, the errors behind it, and what to try."""
    found = guest("diagnosis", "diagnose_for_keeping", evidence)
    if not found.told:
        return tag("p", clipped(found.why_not, LONGEST))
    told = found.told
    parts = [
        tag("p", tag("b", _sentence(told["verdict"])), " ", tag("span", _about(told))),
        _errors(told),
        lines([each["line"] for each in told["shapes"]]),
        _steps(told["recipe"]),
    ]
    if told["remarks"]:
        kept = lines(told["remarks"])
        parts.append(tag("details", tag("summary", "What to bear in mind"), kept))
    return join(parts)


def sizes_part(evidence: Evidence) -> Html | None:
    """The learning curve over sizes of the training part; None if it was not trained."""
    told = guest("size_curve", "size_verdict", evidence.directory).told
    if not told:
        return None
    points = told["points"]
    x = [point["examples"] for point in points]
    data = []
    for key, name, colour in (("dev_error", "dev", "@c0"), ("train_error", "train", "@c1")):
        y = [figures(100 * point[key]) for point in points]
        texts = [f"{n} examples\n{name} error {e} %" for n, e in zip(x, y, strict=True)]
        more = {"name": name, "showlegend": True, "mode": "lines+markers", "customdata": texts}
        data.append(lines_of(x, y, colour, marker={"size": 7}, **more))
    ticks = {"type": "log", "tickmode": "array", "tickvals": x, "ticktext": [str(n) for n in x]}
    layout = {"xaxis": axis("examples trained on", **ticks), "yaxis": axis("error, %")}
    rows = [
        (p["examples"], f"{100 * p['train_error']:.2f} %", f"{100 * p['dev_error']:.2f} %")
        for p in points
    ]
    shown = table(("examples", "train error", "dev error"), rows, "Sizes")
    line = clipped(told["line"], LONGEST)
    view = View("error", data, {**layout, "hovermode": "closest"})
    figure = Figure("sizes", "", line, [view], 260, table=shown)
    return join([tag("p", line), figure.html()])


def checks_part(evidence: Evidence) -> Html:
    """A line each, with its verdict and the command to type next."""
    found = guest("checks", "checks_for_keeping", evidence)
    if not found.told:
        return tag("p", clipped(found.why_not, LONGEST))
    name = tag("code", clipped(evidence.directory.resolve().name, 200))
    where = tag("p", "Commands are for the folder that ", name, " lies in.", class_="hint")
    return join([tag("ul", *map(_check, found.told["rows"]), class_="checks"), where])


def lines(found: Any) -> Html:
    """Sentences as a list."""
    items = [tag("li", clipped(line, LONGEST)) for line in found]
    return tag("ul", *items, class_="lines") if items else Html("")


def _check(row: Mapping[str, Any]) -> Html:
    verdict = row["verdict"] if row["verdict"] in _SIGNS else "unknown"
    sign = tag("span", _SIGNS[verdict], class_="sign", aria_hidden="true")
    name = tag("b", clipped(row["name"], 60).replace("_", " "))
    parts = [sign, name, tag("span", f" ({_VERDICTS[verdict]}): ", class_="verdict")]
    command = clipped(row.get("command") or "", LONGEST)
    shown = tag("code", command) if command and verdict != "fine" else ""
    told = tag("span", clipped(row["line"], LONGEST))
    return tag("li", *parts, told, *([tag("br"), shown] if shown else []), class_=verdict)


def _about(told: Mapping[str, Any]) -> str:
    return f"({clipped(told['about'], 120)})"


def _errors(told: Mapping[str, Any]) -> Html:
    """Target, train and dev error, and what lies between them."""
    assumed = "" if told["target_given"] else " (assumed)"
    bias, variance = Points(**told["bias"]), Points(**told["variance"])
    rows = (
        (f"target{assumed}", f"{100 * told['target_error']:.2f} %", ""),
        ("train", f"{100 * told['train_error']:.2f} %", f"avoidable bias {bias}"),
        ("dev", f"{100 * told['dev_error']:.2f} %", f"variance {variance}"),
    )
    return table(("error", "", "above the one before"), rows, "Errors", class_="wordy")


def _steps(recipe: Iterable[Mapping[str, Any]]) -> Html:
    """What to try, by cause and in the lectures' order."""
    parts = []
    for cause, steps in groupby(recipe, lambda step: step["against"]):
        title = f"What to try against {NAMES[cause]}, the first thing first"
        parts += [tag("h4", title), _ordered(steps)]
    return join(parts)


def _ordered(recipe: Iterable[Mapping[str, Any]]) -> Html:
    items = []
    for each in recipe:
        told = [tag("b", clipped(each["title"], 200)), ": ", clipped(each["why"], LONGEST)]
        places = ", ".join(clipped(knob["place"], 80) for knob in each["knobs"])
        if places:
            told.append(tag("div", f"In the study file: {places}", class_="hint"))
        if each["command"]:
            told.append(tag("div", tag("code", clipped(each["command"], LONGEST))))
        if each.get("refused"):
            told.append(tag("div", clipped(each["refused"], LONGEST), class_="hint"))
        if each.get("patch"):
            told.append(tag("pre", tag("code", _pasted(each["patch"]))))
        items.append(tag("li", *told))
    return tag("ol", *items, class_="lines")


def _pasted(text: str) -> Html:
    """Lines of a file, which stay lines."""
    return join((safe(line) for line in text.splitlines()), "\n")


def _sentence(text: str) -> str:
    shown = clipped(text, LONGEST)
    return shown[:1].upper() + shown[1:] + ("" if shown.endswith(".") else ".")
