"""The report in headless Chromium: no error, no request, no name that runs, nothing too wide."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hostile import hostile
from page_studies import card_of, journalled, planted, write_winner
from test_page_document import hostile_study

from caviar.errors import StudyError
from caviar.report.page.document import document

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]
DRAW_ALL = "dispatchEvent(new Event('beforeprint'))"
PLOTS = "['.plot', '.plot.js-plotly-plot'].map(each => document.querySelectorAll(each).length)"


class Watched:
    """A page, and what it said and asked for."""

    def __init__(self, page) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda m: self.said.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: self.asked.append(request.url))

    @property
    def left(self) -> list[str]:
        return [u for u in self.asked if not u.startswith(("file:", "data:", "blob:"))]

    def draw_all(self) -> None:
        self.page.evaluate(DRAW_ALL)
        self.until(
            "[...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))"
        )

    def until(self, expression: str) -> None:
        """Waits; the policy forbids the tool's own way, which is to evaluate text in the page."""
        deadline = time.monotonic() + 20
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"never came: {expression}"
            self.page.wait_for_timeout(50)


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with sync_api.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _no_forests(monkeypatch) -> None:
    monkeypatch.setattr("caviar.report.importance.importance", _nothing)


def _nothing(_):
    raise StudyError("too few trials to tell")


@contextmanager
def opened(chromium, path, width=1280, scheme="light") -> Iterator[Watched]:
    context = chromium.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        has_touch=width < 600,
        reduced_motion="reduce",  # a page that still scrolls is not where the mouse thinks
    )
    watched = Watched(context.new_page())
    watched.page.goto(path.as_uri())
    yield watched
    context.close()


@pytest.fixture(scope="module")
def winner(tmp_path_factory):
    """A page with every section that a search can have."""
    study = tmp_path_factory.mktemp("winner") / "study"
    journalled(study, 16)
    names = [f"class {k}" for k in range(10)]
    write_winner(study, card_of(names, {"learning_rate": 0.01}), (8, 8), 10)
    from caviar.report.evidence import evidence

    path = study / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("caviar.report.importance.importance", _nothing)
        path.write_text(document(evidence(study)), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_plot_is_drawn_without_an_error_or_a_request(chromium, winner, width, scheme) -> None:
    with opened(chromium, winner, width, scheme) as watched:
        watched.draw_all()
        plots, drawn = watched.page.evaluate(PLOTS)
        assert plots == drawn > 20
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
        ink = watched.page.evaluate(
            "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
        )
        assert watched.said == []
        assert watched.left == []
    assert ink == ("rgb(91, 101, 109)" if scheme == "light" else "rgb(163, 174, 182)")


def test_plots_are_drawn_only_when_they_come_into_view(chromium, winner) -> None:
    with opened(chromium, winner) as watched:
        watched.page.wait_for_timeout(300)
        plots, drawn = watched.page.evaluate(PLOTS)
        assert drawn < plots
        watched.page.locator("#timeline").scroll_into_view_if_needed()
        watched.page.wait_for_selector("#plot-timeline .main-svg")


def test_views_change_by_keyboard_and_with_the_theme(chromium, winner) -> None:
    with opened(chromium, winner) as watched:
        watched.draw_all()
        title = "document.querySelector('#plot-curves .ytitle').textContent"
        assert watched.page.evaluate(title) == "dev accuracy"
        radio = watched.page.locator("#curves input[type=radio]")
        radio.first.focus()
        for _ in range(3):
            watched.page.keyboard.press("ArrowRight")
        watched.until(f"{title} === 'dev loss'")
        before = watched.page.evaluate("document.querySelector('#plot-curves text').style.fill")
        watched.page.emulate_media(color_scheme="dark")
        watched.until(f"document.querySelector('#plot-curves text').style.fill !== '{before}'")
        assert watched.said == []


def test_pointing_at_a_trial_tells_its_hyperparameters(chromium, winner) -> None:
    with opened(chromium, winner) as watched:
        watched.draw_all()
        point = watched.page.locator("#plot-axis-2 .points path").first
        point.evaluate("path => path.scrollIntoView({block: 'center'})")
        point.hover(force=True)
        watched.page.wait_for_selector("#tip:not([hidden])")
        told = watched.page.locator("#tip").inner_text()
        assert told.startswith("trial ")
        assert "learning_rate: " in told
        watched.page.keyboard.press("Escape")
        assert not watched.page.locator("#tip").is_visible()


def test_a_stretch_of_an_axis_keeps_the_trials_that_pass(chromium, winner) -> None:
    shown = """document.querySelector('#plot-parallel').data.flatMap(
        trace => trace.customdata.filter((t, k) => t !== null && trace.y[k] !== null)).length"""
    with opened(chromium, winner) as watched:
        watched.draw_all()
        plot = watched.page.locator("#plot-parallel")
        plot.evaluate("plot => plot.scrollIntoView({block: 'center'})")
        box = watched.page.locator("#plot-parallel .nsewdrag").bounding_box()
        place = watched.page.evaluate(
            "[0, 0.5, 1].map(document.querySelector('#plot-parallel')._fullLayout.yaxis.l2p)"
        )
        x = watched.page.evaluate(
            "document.querySelector('#plot-parallel')._fullLayout.xaxis.l2p(0)"
        )
        before = watched.page.evaluate(shown)
        watched.page.mouse.move(box["x"] + x, box["y"] + place[2])
        watched.page.mouse.down()
        watched.page.mouse.move(box["x"] + x, box["y"] + place[1], steps=4)
        watched.page.mouse.up()
        watched.until(f"{shown} < {before}")
        assert 0 < watched.page.evaluate(shown) < before
        watched.page.mouse.dblclick(box["x"] + x, box["y"] + place[1])
        watched.until(f"{shown} === {before}")
        assert watched.said == []


def test_three_hundred_hostile_names_do_nothing(chromium, tmp_path) -> None:
    names = hostile()
    for begin in range(0, 300, 60):
        path = tmp_path / f"hostile-{begin}.html"
        path.write_text(document(hostile_study(names[begin : begin + 60])), encoding="utf-8")
        with opened(chromium, path) as watched:
            watched.draw_all()
            page = watched.page
            point = page.locator("#plot-axis-0 .points path").first
            point.evaluate("path => path.scrollIntoView({block: 'center'})")
            point.hover(force=True)
            page.wait_for_selector("#tip:not([hidden])")
            assert page.evaluate("window.hits") is None
            assert page.evaluate("[...document.querySelectorAll('svg a, .plot a')].length") == 0
            assert page.evaluate("[...document.scripts].filter(s => !s.type).length") == 2
            assert (
                page.evaluate("document.querySelectorAll('iframe,object,embed,form').length") == 0
            )
            assert page.url == path.as_uri()
            assert watched.said == []
            assert watched.left == []


def test_a_script_that_got_in_would_not_run(chromium, tmp_path) -> None:
    """The second line of defence: the policy, should an escape ever be forgotten."""
    path = tmp_path / "broken.html"
    text = document(planted(4)).replace(
        "<main", "<script>window.hits=1</script><img src=x onerror='window.hits=2'><main"
    )
    path.write_text(text, encoding="utf-8")
    with opened(chromium, path) as watched:
        watched.page.wait_for_selector(".main-svg")
        assert watched.page.evaluate("window.hits") is None
        assert any("Content Security Policy" in line for line in watched.said)
