"""The sections of the page, each made of what the study has; one without anything says why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from caviar.report.page.advice import advice_parts
from caviar.report.page.axis_plots import axis_plots, isolation_plots
from caviar.report.page.boxes import boxes, rounds_table
from caviar.report.page.card import card_part
from caviar.report.page.confusion import confusion_part, worst_part
from caviar.report.page.curves_plot import learning_curves
from caviar.report.page.figure import Figure, switch
from caviar.report.page.guests import guest
from caviar.report.page.headline import headline
from caviar.report.page.importance_plot import importance_plot, interactions
from caviar.report.page.markup import Html, clipped, join, tag
from caviar.report.page.parallel import parallel_coordinates
from caviar.report.page.scores import Scores
from caviar.report.page.tables import diary_table, rung_table, table, trial_table
from caviar.report.page.timeline import timeline


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        identity: where links lead.
        title: its heading; "" of the result, which brings its own.
        content: what it shows.
    """

    identity: str
    title: str
    content: Html

    def html(self) -> Html:
        """Its element."""
        if not self.title:
            return self.content
        head = tag("h2", self.title, id=f"{self.identity}-title")
        return tag(
            "section",
            head,
            self.content,
            id=self.identity,
            aria_labelledby=f"{self.identity}-title",
        )


def sections(scores: Scores) -> list[Section]:
    """All sections, the result first."""
    parts: list[tuple[str, str, Callable[[Scores], Html | None]]] = [
        ("advice", "Diagnosis and what to do next", advice_parts),
        ("curves", "Learning curves", _curves),
        ("values", "What worked where", _values),
        ("parallel", "All hyperparameters at once", lambda s: _one(parallel_coordinates(s))),
        ("importance", "What mattered", _importance),
        ("isolation", "The best of each stretch", lambda s: _grid(isolation_plots(s))),
        ("rounds", "How the search narrowed", _rounds),
        ("diary", "The panda's diary", _diary),
        ("rungs", "Rungs", lambda s: rung_table(s) if s.evidence.account["rungs"] else None),
        ("timeline", "What ran where", lambda s: _one(timeline(s.evidence))),
        ("confusion", "The winner on dev", lambda s: confusion_part(s.evidence)),
        ("worst", "What it is most wrong about", lambda s: worst_part(s.evidence)),
        ("trials", "Trials", _trials),
        ("card", "Run card", lambda s: card_part(s.evidence)),
    ]
    found = [Section("result", "", headline(scores))]
    for identity, title, make in parts:
        content = make(scores)
        if content is not None:
            found.append(Section(identity, title, content))
    return found


def figures_of(scores: Scores) -> list[Figure]:
    """The main plots, in the page's order."""
    found: list[Figure | None] = [learning_curves(scores)] if scores.evidence.curves else []
    told = guest("importance", "importance", scores.evidence).told
    found += [*axis_plots(scores), parallel_coordinates(scores)]
    found += [importance_plot(told) if told else None, *isolation_plots(scores), *boxes(scores)]
    found.append(timeline(scores.evidence))
    return [figure for figure in found if figure is not None]


def _one(figure: Figure | None) -> Html | None:
    return figure.html() if figure is not None else None


def _grid(figures: Sequence[Figure]) -> Html | None:
    """Small plots side by side; the buttons of their group stand above them, once."""
    if not figures:
        return None
    shown = switch(figures[0].group or figures[0].identity, figures[0].views)
    return join([shown, tag("div", *(f.html(buttons=False) for f in figures), class_="grid")])


def _curves(scores: Scores) -> Html | None:
    if not scores.evidence.curves:
        return tag("p", "No trial has a measurement yet.")
    return learning_curves(scores).html()


def _values(scores: Scores) -> Html | None:
    grid = _grid(axis_plots(scores))
    if grid is None:
        return None
    told = "A dot is a trial, stronger the further it was trained; the axis is the scale that was"
    told += " searched on."
    if scores.lost:
        told += f" Crosses along the edge are the {len(scores.lost)} trials that diverged there."
    return join([tag("p", told, class_="hint"), grid])


def _importance(scores: Scores) -> Html | None:
    if not scores.axes:
        return None
    found = guest("importance", "importance", scores.evidence)
    if not found.told:
        return tag("p", clipped(found.why_not, 400))
    plot = importance_plot(found.told)
    lines = _list(found.told["lines"])
    if plot is None:
        whys = [f"After {r['epoch']} epochs: {r['why_not']}." for r in found.told["rungs"][:1]]
        return join([lines, *(tag("p", why) for why in whys if not found.told["lines"])])
    pairs = interactions(found.told)
    together = table(("together", "share", "90 % of resamples"), pairs, "Interactions")
    return join([lines, plot.html(), together if pairs else ""])


def _rounds(scores: Scores) -> Html | None:
    grid = _grid(boxes(scores))
    if grid is None:
        return None
    told = "Bars are the stretch that each round drew from, dots its trials; hollow dots are"
    told += " controls, drawn outside on purpose."
    more = tag("details", tag("summary", "Every round and its reason"), rounds_table(scores))
    return join([tag("p", told, class_="hint"), grid, more])


def _diary(scores: Scores) -> Html | None:
    diary = scores.evidence.account["diary"]
    return diary_table(diary) if diary else None


def _trials(scores: Scores) -> Html | None:
    if not scores.evidence.trials:
        return None
    return tag("details", tag("summary", "All values as a table"), trial_table(scores))


def _list(lines: Iterable[object]) -> Html:
    items = [tag("li", clipped(line, 600)) for line in lines]
    return tag("ul", *items, class_="lines") if items else Html("")
