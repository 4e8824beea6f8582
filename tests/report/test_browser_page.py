"""The report in headless Chromium: no error, no request, no name that runs, nothing too wide."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from browser import NEEDED
from hostile import hostile
from page_studies import card_of, journalled, planted, write_winner
from test_page_document import hostile_study

from caviar.errors import StudyError
from caviar.report.page.document import document

pytestmark = [pytest.mark.slow, NEEDED]
PRINT = "dispatchEvent(new Event('beforeprint'))"
"""What a browser says before it prints: all is drawn and unfolded."""
DRAW_ALL = f"{PRINT}; dispatchEvent(new Event('afterprint'))"
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


@pytest.mark.parametrize("raised", [False, True])
def test_a_phone_holds_every_table_also_unfolded(chromium, winner, tmp_path, raised) -> None:
    path = winner
    if raised:
        path = tmp_path / "panda.html"
        path.write_text(document(planted(8, diary=[day(k) for k in range(1, 9)])), "utf-8")
    with opened(chromium, path, 390) as watched:
        watched.draw_all()
        page = watched.page
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        boxes = page.evaluate(
            """[...document.querySelectorAll('.scroll')].map(box => [
                box.scrollWidth > box.clientWidth + 1,
                getComputedStyle(box, '::before').content !== 'none',
                box.querySelector('.stacked') !== null])"""
        )
        assert all(wide == told for wide, told, _ in boxes)
        assert not any(wide for wide, _, stacked in boxes if stacked)
        assert any(stacked for *_, stacked in boxes)
        assert any(wide for wide, *_ in boxes)  # the table of all trials
        assert watched.said == []


def day(number: int) -> dict:
    """A row of a panda's diary."""
    changed = {"learning_rate_decay": (0.009375, 0.0117212)} if number > 1 else {}
    return {
        "panda": 1, "day": number, "from": number - 1, "copied_from": None, "first_epoch": number,
        "last_epoch": number, "train_loss": 0.5, "dev_accuracy": 0.9, "verdict": "better, but less",
        "changed": changed, "why": "exploded: back to the end of day 1, learning_rate down",
    }  # fmt: skip


def test_paper_is_light_and_unfolded_and_the_screen_is_as_before(chromium, winner) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "document.querySelector('#plot-curves .xtick text').style.fill"
    folded = "document.querySelectorAll('details:not([open])').length"
    with opened(chromium, winner, scheme="dark") as watched:
        watched.draw_all()
        before = [watched.page.evaluate(each) for each in (ground, ink, folded)]
        watched.page.evaluate(PRINT)
        watched.until(f"{ink} === 'rgb(91, 101, 109)'")
        assert watched.page.evaluate(ground) == "rgb(251, 250, 248)"
        assert watched.page.evaluate(folded) < before[2]
        watched.page.evaluate("dispatchEvent(new Event('afterprint'))")
        watched.until(f"{ink} === '{before[1]}'")
        assert [watched.page.evaluate(each) for each in (ground, ink, folded)] == before


def test_the_first_tab_skips_to_the_result_and_focus_shows(chromium, winner) -> None:
    with opened(chromium, winner, 390) as watched:
        page = watched.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.locator(".skip").bounding_box()["x"] >= 0
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        for _ in range(30):
            assert page.evaluate(outline) == "solid" or page.evaluate(
                "document.activeElement.type === 'radio'"  # whose label shows it
            )
            page.keyboard.press("Tab")
        page.locator(".skip").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


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


@pytest.mark.timeout(600)  # it opens a large page over and over
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
