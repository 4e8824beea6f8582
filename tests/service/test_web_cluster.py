"""The web service over a dashboard that only pretends: what the jobs' drivers told, and no more."""

import json
import time

import pytest
from web_client import TOKEN, Client
from web_studies import Driver

from caviar.errors import StudyError
from caviar.service.board import Board
from caviar.service.dashboard import Dashboard
from caviar.service.web import cluster
from caviar.service.web.app import create_app
from caviar.service.web.cluster import Cluster
from caviar.service.web.folders import Folders

JOB = "caviar-digits-2"
LINE = {
    "study": "digits", "finished": False, "counts": {"running": 2, "waiting": 3}, "trial_epochs": 7,
    "rungs": [[1, 4, 1]], "metric": "dev_accuracy", "slices": {"slice-0": "trial 3"},
    "best": {"trial": 3, "epoch": 1, "dev_accuracy": 0.9, "hyperparameters": {}}, "planned": 2,
}  # fmt: skip
URL = "/api/v1/studies/digits"


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def ask(fake, now):
    fake.add("caviar-digits-1", "digits", "FAILED")
    fake.add(JOB, "digits")
    fake.add("other", None)
    fake.logs[JOB] = f"caviar-status {json.dumps(LINE | {'at': time.time()})}\n"
    fake.logs["caviar-digits-1"] = "it broke\n"
    return Client(create_app(Cluster(Dashboard(fake.url), lambda: now[0]), TOKEN))


@pytest.fixture
def driver(tmp_path):
    made = Driver(tmp_path / "studies" / "digits", 45)
    made.round(1)
    made.train(range(30), last=3, best=22)
    yield made
    made.journal.close()


@pytest.fixture
def shown(driver, tmp_path, fake):
    """Puts what a driver would write into the fake's logs folder; with news of its status."""
    board = Board(driver.directory, tmp_path / "board")
    (tmp_path / "board").mkdir()

    def write(**news):
        board.look()
        board.tell(LINE | {"at": time.time()} | news)
        for file in (tmp_path / "board").iterdir():
            fake.files[f"caviar/{JOB}/{file.name}"] = file.read_bytes()

    return write


def test_the_latest_job_of_a_study_is_its_status(ask) -> None:
    (glance,) = ask.get("/api/v1/studies").json["studies"]
    assert glance["status"] == "running"
    told = ask.get(URL).json
    assert (told["trial_epochs"], told["rungs"], told["trials"]) == (7, [[1, 4, 1]], 2)
    assert told["job"]["id"] == JOB
    assert told["can"] == ["add", "stop", "stop-trial", "pause", "continue", "narrow"]
    assert ask.get("/api/v1/studies/nope").status == 404


def test_a_page_from_afar_is_the_page_of_the_directory(ask, driver, shown) -> None:
    shown(at=1.0)  # the status is older than the page
    here = Client(create_app(Folders([driver.directory]), TOKEN))
    near, far = here.get(URL).json, ask.get(URL).json
    assert far["leaders"][0]["trial"] == 22
    assert [epoch for epoch, _ in far["curves"]["22"]] == [1, 2, 3]
    same = set(near) - {"directory", "at", "every_s", "elapsed_s", "trial_epochs_per_s", "slices"}
    assert {key: far[key] for key in same} == {key: near[key] for key in same}
    for rest in ("trials?limit=500", "trials?order=best", "rounds", "trials/3", "trials/41"):
        assert ask.get(f"{URL}/{rest}").json == here.get(f"{URL}/{rest}").json
    assert ask.get(f"{URL}/trials/45").json == here.get(f"{URL}/trials/45").json
    assert ask.get(f"{URL}/trials/45").status == 404


def test_what_the_status_knows_better_is_told_of_it(ask, shown) -> None:
    shown(trial_epochs=91, at=time.time() + 100)
    told = ask.get(URL).json
    assert (told["trial_epochs"], told["counts"]) == (91, LINE["counts"])
    assert told["best"]["trial"] == 3
    assert (told["slices"], told["planned"]) == (LINE["slices"], 2)
    assert told["elapsed_s"] > 99
    assert len(told["leaders"]) == 10


def test_slices_that_are_not_there_yet_are_told(ask, shown) -> None:
    shown(arrived=1, starting=0, room="the cluster's 2 CPUs are taken", at=time.time() + 100)
    words = "1 of 2 slices waiting for a place: the cluster's 2 CPUs are taken"
    assert ask.get(URL).json["to_come"] == words


def test_in_the_finals_the_search_is_told_of_the_journal(ask, shown) -> None:
    best = LINE["best"] | {"dev_accuracy": 0.1}
    shown(stage="retraining", best=best, trial_epochs=1, at=time.time() + 100)
    told = ask.get(URL).json
    assert (told["stage"], told["trial_epochs"], told["best"]["trial"]) == ("retraining", 90, 22)


def test_when_a_job_is_over_nothing_is_at_work_and_nothing_asked_again(ask, fake, now, shown):
    shown()
    fake.jobs[JOB] |= {"status": "STOPPED"}
    now[0] += 10
    told = ask.get(URL).json
    assert (told["status"], told["slices"], told["can"]) == ("stopped", {}, ["trials"])
    now[0] += 10
    before = len(fake.asked)
    assert ask.get(URL).json == told
    assert fake.asked[before:] == ["GET /api/jobs/"]


def test_the_page_is_asked_for_when_there_is_a_new_one(ask, fake, now, shown) -> None:
    shown()
    ask.get(URL)
    now[0] += 10
    before = len(fake.asked)
    ask.get(URL)
    assert len(fake.asked) == before + 2  # the jobs, and the status


@pytest.mark.parametrize("file", ["page.json", "trials.json", "rounds.json", "trials-0.json"])
@pytest.mark.parametrize("raw", ["", "[1]", '{"at": 1}', '{"at": 1, "trials": [{"trial": "0"}]}'])
def test_a_file_that_is_none_of_caviars_is_said_to_be_so(ask, fake, shown, file, raw) -> None:
    shown()
    fake.files[f"caviar/{JOB}/{file}"] = raw
    told = ask.get(URL)
    assert told.status == 200
    if file == "page.json":
        assert told.json["note"] == f"{JOB}: its page.json is none of caviar's"
        assert (told.json["trial_epochs"], told.json["leaders"]) == (7, [])
    else:
        path = {"trials.json": "trials", "rounds.json": "rounds"}.get(file, "trials/3")
        answer = ask.get(f"{URL}/{path}")
        assert (answer.status, answer.json["error"]) == (
            409,
            f"{JOB}: its {file} is none of caviar's",
        )


def test_a_file_without_end_is_not_read_to_its_end(ask, fake, shown, monkeypatch) -> None:
    shown()
    fake.files[f"caviar/{JOB}/page.json"] = b" " * (2**21 + 1)
    assert "more than 2 MiB came" in ask.get(URL).json["note"]


def test_the_best_of_the_finals_goes_by_its_own_name(ask, fake) -> None:
    best = {"trial": 2, "epoch": 9, "dev_accuracy": 0.9, "hyperparameters": {}}
    line = {"study": "digits", "best": best, "best_name": "trial 20, retraining 2"}
    fake.logs[JOB] = f"caviar-status {json.dumps(line)}\n"
    assert ask.get(URL).json["best"]["name"] == "trial 20, retraining 2"


def test_the_dashboard_is_not_asked_more_than_now_and_then(ask, fake, now) -> None:
    for _ in range(20):
        ask.get(URL)
    assert len(fake.asked) <= 3
    before = len(fake.asked)
    now[0] += 10
    ask.get(URL)
    assert len(fake.asked) > before


def test_what_no_driver_tells_is_said_to_be_elsewhere(ask) -> None:
    for rest in ("trials", "trials/1", "rounds", "report"):
        answer = ask.get(f"{URL}/{rest}")
        assert answer.status == 409
        assert answer.json["error"].endswith(": caviar fetch caviar-digits-2 DIR")


def test_a_job_is_stopped(ask, fake) -> None:
    done = ask.post(f"{URL}/changes", {"kind": "stop"})
    assert (done.status, done.json["changes"][0]["taken"]) == (200, True)
    assert fake.jobs[JOB]["status"] == "STOPPED"
    assert ask.get(URL).json["status"] == "stopped"
    assert ask.post(f"{URL}/changes", {"kind": "stop"}).status == 422


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"kind": "add", "trials": 3}, ["add", "--trials", "3"]),
        ({"kind": "add", "points": ["--x=1"]}, ["add", "--point=--x=1"]),
        ({"kind": "narrow", "to": ["units=5..6"]}, ["narrow", "units=5..6"]),
        ({"kind": "stop", "trial": 7}, ["stop", "--trial", "7"]),
        ({"kind": "pause"}, ["pause"]),
        ({"kind": "continue"}, ["continue"]),
    ],
)
def test_a_change_is_typed_where_the_study_is(ask, monkeypatch, wish, words) -> None:
    typed = []

    def there(dashboard, job, said):
        typed.append((job.id, said))
        return ["taken: it", "asked: it; its driver has not answered yet"]

    monkeypatch.setattr(cluster, "change_there", there)
    done = ask.post(f"{URL}/changes", wish)
    assert typed == [(JOB, words)]
    assert (done.status, [one["taken"] for one in done.json["changes"]]) == (202, [True, False])


@pytest.mark.parametrize("wish", [{"kind": "add"}, {"kind": "narrow", "to": ["--help"]}])
def test_what_is_no_change_is_not_typed(ask, monkeypatch, wish) -> None:
    monkeypatch.setattr(cluster, "change_there", lambda *_: pytest.fail("was typed"))
    assert ask.post(f"{URL}/changes", wish).status == 422


def test_a_change_that_is_refused_there_is_refused_here(ask, monkeypatch) -> None:
    def refused(*_):
        raise StudyError("narrow: unknown hyperparameter")

    monkeypatch.setattr(cluster, "change_there", refused)
    answer = ask.post(f"{URL}/changes", {"kind": "narrow", "to": ["unitz=5..6"]})
    assert (answer.status, answer.json) == (422, {"error": "narrow: unknown hyperparameter"})


def test_a_failed_job_says_why(ask, fake, now) -> None:
    fake.jobs[JOB] |= {"status": "FAILED"}
    fake.logs[JOB] = "one\nit broke\n"
    now[0] += 10
    told = ask.get(URL).json
    assert (told["status"], told["ending"]) == ("failed", "it broke")


def test_a_dashboard_that_is_gone_is_one_line(ask, fake, now, monkeypatch) -> None:
    gone = StudyError("no Ray dashboard answers there")
    monkeypatch.setattr(Dashboard, "get", lambda *a, **k: (_ for _ in ()).throw(gone))
    now[0] += 10
    answer = ask.get(URL)
    assert (answer.status, answer.json) == (503, {"error": str(gone)})
    assert ask.get("/api/v1/studies").status == 503
