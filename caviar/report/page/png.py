"""The main plots as PNG files, drawn by matplotlib from the very data that the page shows.

Plotly's own way to a picture needs a browser; matplotlib is an extra that needs none. It draws what
this page's figures are made of: lines, points, bars and their axes.
"""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.report.evidence import evidence
from caviar.report.page.figure import Figure, View
from caviar.report.page.palette import LIGHT, coloured
from caviar.report.page.scores import Scores
from caviar.report.page.sections import figures_of
from caviar.report.page.writing import write_whole

DPI: Final = 144
WIDE, NARROW = 9.0, 4.5
_PIXELS_PER_INCH: Final = 80
_MARKERS: Final = {"x-thin-open": "x", "triangle-down": "v", "triangle-up": "^"}
_DASHES: Final = {"dot": ":", "dash": "--"}


def write_pictures(directory: Path, folder: Path) -> int:
    """Writes a PNG a plot into `folder`, made if need be, and returns how many.

    Raises:
        StudyError: matplotlib is missing, there is no study, or a file cannot be written.
    """
    try:
        import matplotlib.figure as drawing
    except ImportError:
        raise StudyError("--png: needs matplotlib, as pip install 'caviar[png]' brings") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"{folder}: cannot be made: {error.strerror}") from None
    scores = Scores(evidence(directory))
    made = 0
    for figure in figures_of(scores):
        size = (WIDE if figure.wide else NARROW, figure.height / _PIXELS_PER_INCH)
        page = drawing.Figure(figsize=size, dpi=DPI, layout="constrained", facecolor=LIGHT["card"])
        _draw(page.add_subplot(), figure, figure.views[0])
        buffer = io.BytesIO()
        page.savefig(buffer, format="png")
        write_whole(folder / f"{figure.identity}.png", buffer.getvalue())
        made += 1
    return made


def _draw(plot: Any, figure: Figure, view: View) -> None:
    layout = coloured(view.layout, LIGHT)
    for trace in coloured(list(view.data), LIGHT):
        (_bars if trace["type"] == "bar" else _points)(plot, trace)
    _frame(plot, layout)
    title = f"{figure.title} ({view.label})" if len(figure.views) > 1 else figure.title
    plot.set_title(_plain(title), fontsize=10, color=LIGHT["ink"], loc="left")
    if any(trace.get("showlegend") for trace in view.data):
        plot.legend(fontsize=7, frameon=False, ncols=2)


def _points(plot: Any, trace: Mapping[str, Any]) -> None:
    """A trace of lines, of points, or of both."""
    x, y = (_numbers(trace[key]) for key in ("x", "y"))
    line, marker = trace.get("line", {}), trace.get("marker", {})
    if "lines" in trace["mode"]:
        plot.plot(
            x, y, color=line["color"], linewidth=line.get("width", 1.5) * 0.75,
            linestyle=_DASHES.get(line.get("dash", ""), "-"), alpha=trace.get("opacity", 1.0),
            label=_label(trace), zorder=2,
        )  # fmt: skip
    if trace["mode"] == "markers":
        symbol = marker.get("symbol", "circle")
        shape = _MARKERS.get(symbol, "o")
        hollow = symbol == "circle-open"
        colours = marker["color"]
        fill = {"facecolors": "none", "edgecolors": colours} if hollow else {"c": colours}
        size = (0.75 * marker["size"]) ** 2
        plot.scatter(
            x, y, s=size, marker=shape, linewidths=0.9, label=_label(trace), zorder=3, **fill
        )


def _bars(plot: Any, trace: Mapping[str, Any]) -> None:
    lying = trace.get("orientation") == "h"
    places, sizes = (trace["y"], trace["x"]) if lying else (trace["x"], trace["y"])
    draw, start, thick = (plot.barh, "left", "height") if lying else (plot.bar, "bottom", "width")
    spread = trace.get("error_x")
    more: dict[str, Any] = {start: trace.get("base", 0), thick: trace.get("width", 0.8)}
    if spread:
        more["xerr"] = [spread["arrayminus"], spread["array"]]
        more["ecolor"] = spread["color"]
    draw(places, sizes, color=trace["marker"]["color"], label=_label(trace), zorder=1, **more)


def _percent(share: float, _: object) -> str:
    return f"{100 * share:.4g} %"


def _frame(plot: Any, layout: Mapping[str, Any]) -> None:
    """Axes with their ticks, the lines across, and the notes."""
    for name in ("x", "y"):
        axis = layout.get(f"{name}axis", {})
        if axis.get("type") == "log":
            getattr(plot, f"set_{name}scale")("log")
        if axis.get("tickvals"):
            ticks = (axis["tickvals"], [_plain(text) for text in axis["ticktext"]])
            getattr(plot, f"set_{name}ticks")(*ticks)
            getattr(plot, f"{name}axis").minorticks_off()
        if "tickformat" in axis:
            getattr(plot, f"{name}axis").set_major_formatter(_percent)
        if "range" in axis:
            getattr(plot, f"set_{name}lim")(*axis["range"])
        getattr(plot, f"set_{name}label")(_plain(axis.get("title", {}).get("text", "")), fontsize=8)
        if axis.get("visible") is False:
            getattr(plot, f"get_{name}axis")().set_visible(False)
        if axis.get("side") == "top":
            plot.xaxis.tick_top()
    for shape in layout.get("shapes", ()):
        line = shape["line"]
        dash = _DASHES.get(line.get("dash", ""), "-")
        plot.axvline(shape["x0"], color=line["color"], linewidth=line["width"], linestyle=dash)
    for note in layout.get("annotations", ()):
        place = (note["x"], note["y"])
        plot.annotate(
            _plain(note["text"]), place, fontsize=6, color=LIGHT["soft"], xytext=(3, 0),
            textcoords="offset points", va="center",
        )  # fmt: skip
    plot.tick_params(labelsize=7, colors=LIGHT["soft"])
    plot.grid(color=LIGHT["grid"], linewidth=0.6, zorder=0)
    plot.set_axisbelow(True)
    for side in plot.spines.values():
        side.set_visible(False)


def _numbers(values: Sequence[Any]) -> list[float]:
    return [float("nan") if value is None else float(value) for value in values]


def _label(trace: Mapping[str, Any]) -> str | None:
    return _plain(trace["name"]) if trace.get("showlegend") else None


def _plain(text: str) -> str:
    """Without what was done for Plotly, and without what matplotlib reads as mathematics."""
    return html.unescape(text).replace("$", r"\$")
