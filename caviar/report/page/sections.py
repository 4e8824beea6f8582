"""The sections of the page, each made of what the study has; one without anything says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from caviar.report.page.advice import advice_part, lines
from caviar.report.page.axis_plots import axis_plots
from caviar.report.page.boxes import boxes, rounds_table
from caviar.report.page.card import card_part
from caviar.report.page.confusion import confusion_part, worst_part
from caviar.report.page.curves_plot import learning_curves
from caviar.report.page.figure import Figure, switch
from caviar.report.page.guests import guest
from caviar.report.page.headline import headline
from caviar.report.page.importance_plot import importance_plot, interactions
from caviar.report.page.isolation import isolation_plots
from caviar.report.page.markup import Html, clipped, join, tag
from caviar.report.page.palette import of_order
from caviar.report.page.parallel import parallel_coordinates
from caviar.report.page.scores import BEST, Scores
from caviar.report.page.tables import diary_table, rung_table, table, trial_table
from caviar.report.page.timeline import timeline


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        identity: where links lead.
        short: what links say.
        title: its heading; "" of the result, which brings its own.
        content: what it shows.
    """

    identity: str
    short: str
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
    parts: list[tuple[str, str, str, Callable[[Scores], Html | None]]] = [
        (
            "advice",
            "Next steps",
            "Diagnosis, and what to do next",
            lambda s: advice_part(s.evidence),
        ),
        ("confusion", "Confusions", "The winner on dev", lambda s: confusion_part(s.evidence)),
        ("worst", "Errors", "What it is most wrong about", lambda s: worst_part(s.evidence)),
        ("curves", "Curves", "Learning curves", _curves),
        ("values", "Values", "What worked where", _values),
        ("parallel", "Parallel", "All hyperparameters at once", _parallel),
        ("importance", "Importance", "What mattered", _importance),
        ("isolation", "Isolation", "The best of each stretch", _isolation),
        ("rounds", "Rounds", "How the search narrowed", _rounds),
        ("diary", "Diary", "The panda's diary", _diary),
        ("rungs", "Rungs", "Rungs", _rungs),
        ("timeline", "Timeline", "What ran where", lambda s: _one(timeline(s.clock))),
        ("trials", "Trials", "Trials", _trials),
        ("card", "Run card", "Run card", lambda s: card_part(s.evidence)),
    ]
    found = [Section("result", "", "", headline(scores))]
    for identity, short, title, make in parts:
        content = make(scores)
        if content is not None:
            found.append(Section(identity, short, title, content))
    return found


def figures_of(scores: Scores) -> list[Figure]:
    """The main plots, in the page's order."""
    found: list[Figure | None] = [learning_curves(scores)] if scores.evidence.curves else []
    told = guest("importance", "importance", scores.evidence).told
    found += [*axis_plots(scores), parallel_coordinates(scores)]
    found += [importance_plot(told) if told else None, *isolation_plots(scores), *boxes(scores)]
    found.append(timeline(scores.clock))
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
    figure = learning_curves(scores)
    if not any(view.data for view in figure.views):
        return tag("p", "Nothing to draw: no trial has a finite measurement.")
    return join([legend(scores), figure.html()])


def _values(scores: Scores) -> Html | None:
    grid = _grid(axis_plots(scores))
    if grid is None:
        return None
    told = "A dot is a trial, stronger the further it was trained; the axis is the scale that was"
    told += f" searched on. {BEST}"
    if scores.lost:
        told += f" Crosses along the edge are the {len(scores.lost)} trials that diverged there."
    return join([tag("p", told, class_="hint"), legend(scores), grid])


def _importance(scores: Scores) -> Html | None:
    if not scores.axes:
        return None
    found = guest("importance", "importance", scores.evidence)
    if not found.told:
        return tag("p", clipped(found.why_not, 400))
    plot = importance_plot(found.told)
    told = lines(found.told["lines"])
    if plot is None:
        whys = [f"After {r['epoch']} epochs: {r['why_not']}." for r in found.told["rungs"][:1]]
        return join([told, *(tag("p", why) for why in whys if not found.told["lines"])])
    pairs = interactions(found.told)
    together = table(("together", "share", "90 % of resamples"), pairs, "Interactions")
    return join([told, plot.html(), together if pairs else ""])


def _parallel(scores: Scores) -> Html | None:
    return _one(parallel_coordinates(scores))


def _isolation(scores: Scores) -> Html | None:
    if not scores.best:
        return None
    grid = _grid(isolation_plots(scores))
    told = "The best trial of each stretch, whatever its other values were; all on one scale. The"
    told += " number above a dot is how many trials it is the best of, and the best of more is"
    told += " better by that alone. The dotted line is the middle one of all trials. A flat row"
    told += " does not matter; a peak at an end asks for wider bounds. A triangle lies further off."
    return join([tag("p", told, class_="hint"), grid]) if grid is not None else None


def _rungs(scores: Scores) -> Html | None:
    return rung_table(scores) if scores.evidence.account["rungs"] else None


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


def legend(scores: Scores) -> Html:
    """Which colour means how far a trial was trained."""
    steps = scores.steps
    items = []
    for place, step in enumerate(steps):
        name = of_order(place, len(steps)).removeprefix("@")
        shown = tag("span", "", class_=f"dot {name}", aria_hidden="true")
        items.append(tag("li", shown, f"{step}+" if place + 1 < len(steps) else step))
    return tag("ul", tag("li", "epochs trained"), *items, class_="legend") if steps else Html("")
