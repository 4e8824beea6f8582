"""The service's pages in headless Chromium: they follow a study, change it, and break no policy."""

import threading
import time

import pytest
from browser import NEEDED
from web_client import TOKEN
from web_studies import Driver

from caviar.service.board import Board
from caviar.service.dashboard import Dashboard
from caviar.service.web import cluster
from caviar.service.web.app import create_app
from caviar.service.web.cluster import Cluster
from caviar.service.web.folders import Folders
from caviar.service.web.serving import bind, server_of
from caviar.study.journal import Journal

pytestmark = [pytest.mark.slow, NEEDED]


@pytest.fixture
def driver(tmp_path):
    made = Driver(tmp_path / "studies" / "digits", 12)
    made.round(1)
    yield made
    made.journal.close()


class Service:
    """A service that can be ended and started again at the same port."""

    def __init__(self, app):
        self.app, self.port = app, 0
        self.start()

    def start(self):
        listening = bind("127.0.0.1", self.port)
        self.port = listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.app.state.feed.closing = False
        self.server = server_of(self.app)
        self.server.capture_signals = _nothing
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]})
        self.thread.start()

    def end(self):
        self.app.state.feed.closing = True
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(20)


class _nothing:
    """Signals are the main thread's."""

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None


@pytest.fixture
def source(driver):
    return Folders([driver.directory.parent])


@pytest.fixture
def service(source):
    found = Service(create_app(source, TOKEN))
    yield found
    found.end()


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["wide", "phone"])
def page(chromium, service, request):
    width, scheme = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, has_touch=width < 600,
        reduced_motion="reduce",
    )  # fmt: skip
    page = context.new_page()
    page.goto(service.url)
    page.fill("#token", TOKEN.value)
    page.press("#token", "Enter")
    page.wait_for_selector(".cards a")
    page.said, page.asked = [], []
    page.on("console", lambda m: page.said.append(f"{m.type}: {m.text}"))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    yield page
    context.close()


def shows(page, selector, text):
    page.locator(selector, has_text=text).first.wait_for(timeout=20_000)


def test_a_page_follows_a_study_from_its_first_trial_to_its_end(page, driver, service) -> None:
    page.click(".cards a")
    shows(page, "#state", "running")
    shows(page, "#plot", "No trial was measured yet")
    shows(page, "#boxes figcaption", "why 1")
    driver.train(range(12))
    shows(page, "#board", "trial 11")
    assert page.locator("#plot svg path").count() == 6
    driver.begin([10, 11], 1, 3)
    shows(page, "#work", "2 trials (10, 11) to epoch 3")
    driver.round(2, 0.4, 0.6)
    shows(page, "#boxes figcaption", "why 2")
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    driver.journal.end_running_attempts()
    driver.train([11], 1, 3, best=11)
    shows(page, ".big", "99.90 %")
    driver.end()
    shows(page, "#state", "finished")
    assert page.said == []
    assert {url.startswith(service.url) for url in page.asked} == {True}


def test_changes_are_made_from_the_page(page, driver) -> None:
    driver.train(range(12))
    driver.end(finished=False)
    page.click(".cards a")
    page.fill("#add-trials", "5")
    page.press("#add-trials", "Enter")
    shows(page, "#came", "asked: ")
    shows(page, ".sentences", "Asked for, not taken yet")
    page.fill("#narrow-to", "learning_rat=1..2")
    page.press("#narrow-to", "Enter")
    shows(page, "#came.wrong", 'did you mean "learning_rate"?')
    with Journal.open(driver.directory) as journal:
        assert [str(one.change.kind) for one in journal.requests()] == ["add_trials"]
    assert [line for line in page.said if "422" not in line] == []


def test_a_page_says_when_it_is_stale_and_finds_its_way_back(page, driver, service) -> None:
    page.click(".cards a")
    shows(page, "#news", "it updates by itself")
    service.end()
    shows(page, "#news.stale", "")
    driver.train(range(12))
    service.start()
    shows(page, "#board", "trial 11")
    shows(page, "#news:not(.stale)", "it updates by itself")


def test_the_report_opens_and_the_keyboard_reaches_everything(page, driver) -> None:
    driver.train(range(12))
    page.click(".cards a")
    shows(page, "#board", "trial 11")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.id || document.activeElement.textContent")
        )
    assert {"Pause", "Stop the study", "add-trials", "report", "Log out"} <= reached
    page.click("#report")
    page.wait_for_selector("h1")
    assert "caviar report" in page.inner_text("header").lower()
    assert page.said == []


class TestFromAfar:
    """The same pages where a study is a job, of which only its driver's files are known."""

    @pytest.fixture
    def tell(self, driver, tmp_path, fake):
        """Puts what the driver would write into the logs folder of a pretended node."""
        folder = tmp_path / "board"
        folder.mkdir()
        board = Board(driver.directory, folder)
        fake.add("caviar-digits-1", "digits")

        def write(**told):
            board.tell({"study": "digits", "at": time.time(), **told})
            board._study.ask_again()  # a driver looks again in its own time
            board.look()
            for file in folder.iterdir():
                fake.files[f"caviar/caviar-digits-1/{file.name}"] = file.read_bytes()

        write()
        return write

    @pytest.fixture
    def source(self, tell, fake):
        return Cluster(Dashboard(fake.url))

    def test_a_page_follows_a_job_and_changes_it(self, page, driver, fake, tell, monkeypatch):
        typed = []

        def there(dashboard, job, words):
            typed.append(words)
            return ["taken: 5 more trials, 17 in all"]

        monkeypatch.setattr(cluster, "change_there", there)
        page.click(".cards a")
        shows(page, "#state", "running")
        shows(page, "#boxes figcaption", "why 1")
        driver.train(range(12))
        tell(slices={"digits:slice-0": "2 lanes, epochs 1-3"})
        shows(page, "#board", "trial 11")
        shows(page, "#work", "2 lanes, epochs 1-3")
        assert page.locator("#plot svg path").count() == 6
        shows(page, "#fetch", "caviar fetch caviar-digits-1 DIR")
        assert not page.is_visible("#report")
        width = page.viewport_size["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.fill("#add-trials", "5")
        page.press("#add-trials", "Enter")
        shows(page, "#came", "taken: 5 more trials")
        assert typed == [["add", "--trials", "5"]]
        driver.end()
        tell(finished=True)
        fake.jobs["caviar-digits-1"] |= {"status": "SUCCEEDED"}
        shows(page, "#state", "finished")
        page.wait_for_selector("#changes", state="hidden")
        assert page.said == []
