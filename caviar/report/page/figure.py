"""A plot on the page: data for Plotly in one or more views, a caption, and how it is announced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from caviar.report.page.markup import Html, json_block, tag

Trace = dict[str, Any]
Layout = dict[str, Any]


@dataclass(frozen=True)
class View:
    """One way to look at a figure.

    Attributes:
        label: on its button.
        data: Plotly traces. A point's `customdata` is a trial's index, of which the page tells
            all, or a text of lines; Plotly's own hover texts are off.
        layout: Plotly's, without what the theme gives; colours are "@name" of the palette.
    """

    label: str
    data: Sequence[Trace]
    layout: Layout


@dataclass(frozen=True)
class Figure:
    """A plot.

    Attributes:
        identity: its name in the page, a fixed word or with a number.
        title: a few words.
        spoken: what a person who does not see it is told.
        views: at least one.
        height: in pixels.
        group: figures of one group change their views together; the first has the buttons.
        caption: what to look for, or what was left out.
        table: the same as a table, or None if the page has one elsewhere.
    """

    identity: str
    title: str
    spoken: str
    views: Sequence[View]
    height: int = 360
    group: str = ""
    caption: str | Html = ""
    table: Html | None = None
    wide: bool = field(default=False, kw_only=True)

    def html(self, buttons: bool = True) -> Html:
        """Its place in the page, with its data beside it."""
        views = [{"data": view.data, "layout": view.layout} for view in self.views]
        block = json_block(f"data-{self.identity}", {"height": self.height, "views": views})
        plot = tag(
            "div",
            tag("p", "This plot needs the page's script.", class_="waiting"),
            class_="plot",
            id=f"plot-{self.identity}",
            role="img",
            aria_label=f"{self.title}. {self.spoken}",
            data_height=self.height,
            data_group=self.group or self.identity,
        )
        head = tag("h3", self.title) if self.title else ""
        caption = tag("figcaption", self.caption) if self.caption else ""
        table = ""
        if self.table is not None:
            table = tag("details", tag("summary", "The same as a table"), self.table)
        shown = switch(self.group or self.identity, self.views) if buttons else ""
        class_ = "figure wide" if self.wide else "figure"
        return tag("figure", head, shown, plot, caption, table, block, class_=class_)


def switch(group: str, views: Sequence[View]) -> Html | str:
    """Buttons for the views of a group of figures; nothing if there is only one."""
    if len(views) < 2:
        return ""
    buttons = [
        tag(
            "label",
            tag("input", type="radio", name=f"view-{group}", value=k, checked=k == 0),
            tag("span", view.label),
        )
        for k, view in enumerate(views)
    ]
    legend = tag("legend", "Show", class_="unseen")
    return tag("fieldset", legend, *buttons, class_="switch", data_group=group)


def lines(x: Sequence[Any], y: Sequence[Any], colour: str, **more: Any) -> Trace:
    """A line that says nothing when pointed at, unless it is told what."""
    line = {"color": colour, "width": 1.5} | dict(more.pop("line", {}))
    return {
        "type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "line": line,
        "hoverinfo": "none" if "customdata" in more else "skip", "showlegend": False, **more,
    }  # fmt: skip


def dots(
    x: Sequence[Any],
    y: Sequence[Any],
    told: Sequence[int | str],
    marker: Mapping[str, Any],
    **more: Any,
) -> Trace:
    """Points, each with a trial's index or a text."""
    return {
        "type": "scatter", "mode": "markers", "x": list(x), "y": list(y), "customdata": list(told),
        "hoverinfo": "none", "marker": {"size": 7, **marker}, "showlegend": False, **more,
    }  # fmt: skip


def bars(
    x: Sequence[Any], y: Sequence[Any], told: Sequence[int | str], colour: Any, **more: Any
) -> Trace:
    """Bars, each with a text."""
    return {
        "type": "bar", "x": list(x), "y": list(y), "customdata": list(told), "hoverinfo": "none",
        "marker": {"color": colour}, "showlegend": False, **more,
    }  # fmt: skip


def axis(title: str, **more: Any) -> Layout:
    """An axis with a title, which is already safe."""
    return {"title": {"text": title}, **more}
