"""The run card: what was asked, on what data, with which packages, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from caviar.report.evidence import Evidence
from caviar.report.page.headline import SENTENCES
from caviar.report.page.markup import NONE, Html, clipped, join, tag, value_text
from caviar.report.page.tables import table
from caviar.space.condition import Following
from caviar.study.metric_words import metric_name, metric_value, percent, span


def card_part(evidence: Evidence) -> Html:
    """Every part that is known, folded but for the candidates."""
    card = evidence.card or {}
    parts = [_candidates(card), _classes(card), _space(evidence), _facts("Data", evidence.data)]
    test = card.get("test")
    if test:
        read = {k: test[k] for k in ("examples", "read_at", "by", "readings") if k in test}
        parts.insert(1, _facts("The reading of the test set", read))
    parts += [
        _facts(name.capitalize(), card.get(name)) for name in ("hardware", "seeds", "exported")
    ]
    packages = card.get("packages") or _versions(evidence)
    git = {"git": card["git"]} if card.get("git") else {}
    parts.append(_facts("Packages", {**packages, **git}))
    if card:
        said = [tag("p", clipped(one, 600)) for one in card.get("sentences", ())[SENTENCES:]]
        parts.insert(0, join(said))
        use = clipped(card.get("intended_use") or "not written yet: edit card.json", 600)
        parts.append(tag("p", f"Intended use: {use}"))
    return join(part for part in parts if part)


def _candidates(card: Mapping[str, Any]) -> Html | str:
    """Who was retrained, with every run."""
    found = card.get("candidates") or []
    if not found:
        return ""
    metric = card.get("metric", "dev_accuracy")

    def told(value: float | None) -> str:
        return NONE if value is None else metric_value(metric, value)

    rows = []
    for one in found:
        runs = ", ".join(told(run.get("value")) for run in one.get("runs", ()))
        means = told(one.get("mean")), span(metric, one) or NONE
        rows.append((one["name"], *means, told(one.get("search_value")), runs))
    heads = ("candidate", f"mean {metric_name(metric)}", "interval", "in the search", "runs")
    return table(heads, rows, "Candidates, retrained over several seeds", class_="wordy stacked")


def _classes(card: Mapping[str, Any]) -> Html | str:
    """Class by class, on test if it was read, else on dev."""
    part = "test" if card.get("test") else "dev"
    found = (card.get(part) or {}).get("per_class") or []
    rows = [
        (r["class"], r["examples"], percent(r.get("recall")), percent(r.get("precision")))
        for r in found
    ]
    told = table(("class", "examples", "recall", "precision"), rows, f"Class by class, on {part}")
    return tag("details", tag("summary", f"Class by class, on {part}"), told) if rows else ""


def _space(evidence: Evidence) -> Html:
    """What was searched and what was held still."""
    rows: list[tuple[object, ...]] = []
    for name, domain in evidence.spec.space.domains.items():
        choices = getattr(domain, "choices", None)
        low, high = getattr(domain, "home", None) or domain.bounds
        told = (
            ", ".join(map(value_text, choices))
            if choices
            else f"{value_text(low)} to {value_text(high)}"
        )
        rows.append((clipped(name), domain.scale_name, clipped(told)))
    for name, value in evidence.spec.space.fixed.items():
        told = clipped(value) if isinstance(value, Following) else value_text(value)
        rows.append((clipped(name), "fixed", told))
    shown = table(("hyperparameter", "scale", "values"), rows, "Space")
    return tag("details", tag("summary", "The space"), shown)


def _facts(title: str, found: Mapping[str, Any] | None) -> Html | str:
    rows = [(clipped(key), _told(value)) for key, value in (found or {}).items()]
    if not rows:
        return ""
    return tag("details", tag("summary", title), table(("", ""), rows, title, class_="wordy"))


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return clipped("; ".join(f"{key}: {part}" for key, part in value.items()), 400)
    if isinstance(value, list | tuple):
        return clipped(", ".join(map(str, value)), 400)
    return clipped(NONE if value is None else value, 400)


def _versions(evidence: Evidence) -> Mapping[str, Any]:
    found = [e.detail.get("versions") for e in evidence.events if e.kind == "driver_started"]
    return (found[-1] if found else None) or {}
