"""What the web service answers about studies of this machine, and what it makes of changes."""

import re
import threading
import time

import pytest
from web_client import TOKEN, Client
from web_studies import Driver

from caviar.errors import StudyError
from caviar.service.web import watched
from caviar.service.web.app import create_app
from caviar.service.web.folders import Folders
from caviar.service.web.glances import Glances
from caviar.study.journal import Journal
from caviar.study.opening import FILE


@pytest.fixture
def driver(tmp_path):
    made = Driver(tmp_path / "studies" / "digits")
    made.round(1)
    made.train(range(6))
    yield made
    made.journal.close()


@pytest.fixture
def now(monkeypatch):
    """A clock by which readings become due; set it forward."""
    found = [0.0]
    made = watched.WatchedStudy.__init__
    monkeypatch.setattr(
        watched.WatchedStudy,
        "__init__",
        lambda self, *a, **k: made(self, *a, clock=lambda: found[0], **k),
    )
    return found


@pytest.fixture
def ask(driver, now):
    return Client(create_app(Folders([driver.directory.parent]), TOKEN))


def test_a_study_in_the_list_and_by_itself(ask, driver) -> None:
    (glance,) = ask.get("/api/v1/studies").json["studies"]
    assert (glance["name"], glance["status"]) == ("digits", "running")
    told = ask.get("/api/v1/studies/digits").json
    assert told["counts"]["paused"] == 6
    assert told["rungs"][0] == [1, 6, 0]
    assert told["best"]["trial"] == 5
    assert [row["trial"] for row in told["leaders"]] == [5, 4, 3, 2, 1, 0]
    assert told["leaders"][0]["best_value"] == pytest.approx(0.551)
    assert told["curves"]["5"] == [[1, pytest.approx(0.551)]]
    assert told["slices"] == {}


def test_news_is_read_when_it_is_due_and_nothing_otherwise(ask, driver, now, monkeypatch) -> None:
    reads = []
    opened = Journal.open
    monkeypatch.setattr(Journal, "open", lambda *a, **k: reads.append(a) or opened(*a, **k))
    status = "/api/v1/studies/digits"
    for _ in range(5):
        ask.get(status)
        now[0] += 100
    assert len(reads) == 1
    driver.begin([4, 5], 1, 3)
    told = ask.get(status).json
    assert len(reads) == 2
    assert told["slices"] == {"study:slice-0": "2 trials (4, 5) to epoch 3"}
    driver.journal.record("something")
    assert ask.get(status).json["at"] == told["at"]  # not due yet
    now[0] += told["every_s"] + 0.1
    assert ask.get(status).json["at"] >= told["at"]  # told in tenths of a second
    assert len(reads) == 3


def test_readings_take_their_share_of_a_core_and_no_more(ask, monkeypatch) -> None:
    spent = iter([10.0, 10.8])
    monkeypatch.setattr(watched.time, "thread_time", lambda: next(spent))
    assert ask.get("/api/v1/studies/digits").json["every_s"] == 40.0


def test_a_driver_that_died_without_a_word_is_seen(ask, now, monkeypatch) -> None:
    assert ask.get("/api/v1/studies/digits").json["status"] == "running"
    monkeypatch.setattr("caviar.study.lease.LeaseHolder.alive", lambda self: False)
    now[0] += 100
    assert ask.get("/api/v1/studies/digits").json["status"] == "interrupted"


def test_trials_by_page_and_by_rank(ask) -> None:
    path = "/api/v1/studies/digits/trials"
    page = ask.get(f"{path}?offset=2&limit=3").json
    assert (page["total"], [row["trial"] for row in page["trials"]]) == (6, [2, 3, 4])
    page = ask.get(f"{path}?order=best&limit=2").json
    assert [row["trial"] for row in page["trials"]] == [5, 4]
    told = ask.get(f"{path}/3").json
    assert [epoch["epoch"] for epoch in told["curve"]] == [1]
    assert told["best_value"] == pytest.approx(0.531)
    missing = ask.get(f"{path}/6")
    assert (missing.status, missing.json["error"]) == (404, "trial 6: the study has trials 0 to 5")


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("limit=501", "limit: must be <= 500, got '501'"),
        ("offset=-1", "offset: must be >= 0, got '-1'"),
        ("offset=x", "offset: must be a whole number, got 'x'"),
        ("order=worst", "order: must match ^(trial|best)$, got 'worst'"),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_line(ask, query, line) -> None:
    answer = ask.get(f"/api/v1/studies/digits/trials?{query}")
    assert answer.status == 422
    assert answer.json["error"].replace('"', "'") == line


def test_the_boxes_come_with_their_places(ask, driver) -> None:
    (one,) = ask.get("/api/v1/studies/digits/rounds").json["rounds"]
    assert one["why"] == "because"
    assert {tuple(map(tuple, axis["places"])) for axis in one["axes"]} == {((0.2, 0.8),)}
    assert [axis["name"] for axis in one["axes"]] == list(driver.spec.space.domains)


def test_the_report_is_made_once_for_a_state(ask, driver, monkeypatch) -> None:
    made = []
    monkeypatch.setattr(
        "caviar.report.page.document.document", lambda found: made.append(1) or "<p>all of it"
    )
    path = "/api/v1/studies/digits/report"
    first = ask.get(path)
    assert first.text == "<p>all of it"
    assert first.headers["content-type"].startswith("text/html")
    assert ask.get(path, **{"if-none-match": first.headers["etag"]}).status == 304
    assert len(made) == 1
    driver.journal.record("something")
    assert ask.get(path, **{"if-none-match": first.headers["etag"]}).status == 200
    assert len(made) == 2


@pytest.mark.parametrize(
    "name", ["nope", "..", "%2e%2e", "..%2fdigits", "%2fetc", "digits%00", "digits/../digits"]
)
def test_names_are_looked_up_and_never_paths(ask, name) -> None:
    for rest in ("", "/trials", "/report", "/events", "/rounds"):
        assert ask.get(f"/api/v1/studies/{name}{rest}").status == 404


def test_studies_that_appear_and_go(ask, driver) -> None:
    other = driver.directory.parent / "Mine & yours"
    Driver(other, name="mine").end()
    assert [one["name"] for one in ask.get("/api/v1/studies").json["studies"]] == [
        "digits", "mine-yours"
    ]  # fmt: skip
    assert ask.get("/api/v1/studies/mine-yours").json["status"] == "finished"
    (other / FILE).unlink()
    assert ask.get("/api/v1/studies/mine-yours").status == 404
    assert len(ask.get("/api/v1/studies").json["studies"]) == 1


def test_a_damaged_study_hides_no_other(ask, driver) -> None:
    folder = driver.directory.parent / "broken"
    folder.mkdir()
    (folder / FILE).write_bytes(b"no journal at all" * 100)
    broken, whole = ask.get("/api/v1/studies").json["studies"]
    assert "not a journal of caviar's" in broken["error"]
    assert whole["status"] == "running"
    assert ask.get("/api/v1/studies/broken").status == 503


def changed(ask, driver, wish):
    driver.end(finished=False)
    return ask.post("/api/v1/studies/digits/changes", wish, **{"content-type": "application/json"})


@pytest.mark.parametrize(
    ("wish", "kinds"),
    [
        ({"kind": "add", "trials": 3}, ["add_trials"]),
        (
            {"kind": "add", "trials": 1, "points": ["learning_rate=0.01,batch_size=64"]},
            ["add_point", "add_trials"],
        ),
        ({"kind": "stop"}, ["stop"]),
        ({"kind": "stop", "trial": 2}, ["stop_trial"]),
        ({"kind": "pause"}, ["pause"]),
        ({"kind": "narrow", "to": ["learning_rate=1e-3..1e-2"]}, ["narrow"]),
    ],
)
def test_changes_are_asked_for_as_the_commands_do(ask, driver, wish, kinds) -> None:
    answer = changed(ask, driver, wish)
    assert answer.status == 202
    assert all(one["line"].startswith("asked: ") for one in answer.json["changes"])
    assert not any(one["taken"] for one in answer.json["changes"])
    with Journal.open(driver.directory) as journal:
        assert [str(one.change.kind) for one in journal.requests(unanswered=True)] == kinds
    assert ask.get("/api/v1/studies/digits").json["asked"]


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        ({"kind": "add"}, "add: give trials or points"),
        ({"kind": "add", "trials": 0}, "trials: must be >= 1, got 0"),
        ({"kind": "add", "trials": True}, "trials: must be a whole number, got true"),
        ({"kind": "add", "trails": 3}, 'trails: unknown key, did you mean "trials"?'),
        ({"kind": "ad"}, "kind: unknown 'ad', did you mean \"add\"?"),
        ({}, "kind: is missing, known are add, stop, pause, continue, narrow"),
        ([], "body: must be a JSON object"),
        (b"{", "body: must be JSON"),
        ({"kind": "add", "points": ["units"]}, "points: must be as "),
        (
            {"kind": "add", "points": ["learning_rat=1"]},
            'points: unknown hyperparameter "learning_rat", did you mean "learning_rate"?',
        ),
        ({"kind": "narrow", "to": []}, "to: must have at least 1 parts"),
        ({"kind": "narrow", "to": ["units=9..1"]}, "narrow: units: "),
        ({"kind": "stop", "trial": 99}, "trial 99: the study has trials 0 to 5"),
        ({"kind": "continue"}, ""),
    ],
)
def test_what_cannot_be_changed_is_told_in_a_line(ask, driver, wish, line) -> None:
    answer = changed(ask, driver, wish)
    assert answer.status == 422
    assert answer.json["error"].startswith(line)
    assert "\n" not in answer.json["error"]
    with Journal.open(driver.directory) as journal:
        assert journal.requests() == ()


def test_the_document_describes_every_route_with_examples(ask) -> None:
    told = ask.get("/api/v1/openapi.json").json
    assert len(told["paths"]) == 9
    for path, methods in told["paths"].items():
        for method, about in methods.items():
            assert about["summary"], (method, path)
            assert about["description"], (method, path)
            if path != "/healthz":
                assert {"200", "401", "404"} <= set(about["responses"])
    examples = told["paths"]["/api/v1/studies/{name}/changes"]["post"]["requestBody"]["content"][
        "application/json"
    ]["examples"]
    assert {one["value"]["kind"] for one in examples.values()} == {
        "add", "stop", "pause", "continue", "narrow"
    }  # fmt: skip


def test_pages_hold_no_script_and_nothing_of_a_study(ask) -> None:
    for path in ("/", "/studies/digits", "/studies/%3Cscript%3E"):
        page = ask.get(path)
        assert page.status == 200
        assert re.findall(r"<script[^>]*>([^<]*)", page.text) == [""]
        assert "<script>" not in page.text
        assert not re.search(r"(src|href)=\"(https?:)?//", page.text)
    assert ask.get("/assets/web.js").headers["content-type"].startswith("text/javascript")


def test_ten_thousand_trials_are_told_in_a_second(tmp_path, now) -> None:
    driver = Driver(tmp_path / "many", 10_000)
    for first in range(0, 10_000, 500):
        driver.train(range(first, first + 500))
    driver.end()
    ask = Client(create_app(Folders([tmp_path]), TOKEN))
    ask.get("/api/v1/studies/many")
    began = time.process_time()
    for path in ("", "/trials?limit=500&offset=9000", "/rounds"):
        assert ask.get(f"/api/v1/studies/many{path}").status == 200
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("place", ["none", "other"])
def test_a_place_without_studies_is_refused(tmp_path, place) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("")
    with pytest.raises(StudyError, match=r"No such file|neither a study directory nor a folder"):
        Folders([tmp_path / place])


def test_running_studies_share_what_reading_may_take(tmp_path):
    took = []
    for running in (1, 5, 20):
        study = Driver(tmp_path / f"s{running}", 3)
        found = watched.WatchedStudy("s", study.directory, running=lambda n=running: n)
        found._read()
        with pytest.MonkeyPatch.context() as patch:
            times = iter([0.0, 1.0])
            patch.setattr(watched.time, "thread_time", lambda times=times: next(times))
            took.append(found._read().status["every_s"])
        study.journal.close()
    assert took == [50.0, 50.0, 200.0]


def test_a_study_at_rest_is_read_once(tmp_path, now):
    study = Driver(tmp_path / "s", 3)
    study.train(range(3))
    study.end()
    found = watched.WatchedStudy("s", study.directory)
    first = found.reading()
    now[0] += 1000
    assert found.reading() is first
    assert len(found.reading().packed) < 2000
    assert [row["trial"] for row in first.trials] == [0, 1, 2]


def test_a_list_does_not_wait_for_the_slowest(tmp_path):
    over = threading.Event()

    class Slow:
        def names(self):
            return ["broken", "quick", "slow"]

        def status(self, name):
            if name == "broken":
                raise StudyError("it is damaged")
            if name == "slow":
                assert over.wait(20)
            return {"name": name, "status": "running", "leaders": []}

    glances = Glances(Slow(), patience_s=0.2)
    told = glances.all()
    assert told[0] == {"name": "broken", "error": "it is damaged"}
    assert told[1:] == [{"name": "quick", "status": "running"}, {"name": "slow", "reading": True}]
    over.set()
    glances._patience_s = 20
    assert glances.all()[2] == {"name": "slow", "status": "running"}
