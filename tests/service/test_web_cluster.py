"""The web service over a dashboard that only pretends: what its jobs' logs tell, and no more."""

import json
import time

import pytest
from web_client import TOKEN, Client

from caviar.errors import StudyError
from caviar.service.dashboard import Dashboard
from caviar.service.web.app import create_app
from caviar.service.web.cluster import Cluster

LINE = {
    "study": "digits", "finished": False, "counts": {"running": 2, "waiting": 3}, "trial_epochs": 7,
    "rungs": [[1, 4, 1]], "metric": "dev_accuracy", "slices": {"slice-0": "trial 3"},
    "best": {"trial": 3, "epoch": 1, "dev_accuracy": 0.9, "hyperparameters": {}}, "planned": 2,
}  # fmt: skip


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def ask(fake, now):
    fake.add("caviar-digits-1", "digits", "FAILED")
    fake.add("caviar-digits-2", "digits")
    fake.add("other", None)
    fake.logs["caviar-digits-2"] = f"caviar-status {json.dumps(LINE | {'at': time.time()})}\n"
    fake.logs["caviar-digits-1"] = "it broke\n"
    return Client(create_app(Cluster(Dashboard(fake.url), lambda: now[0]), TOKEN))


def test_the_latest_job_of_a_study_is_its_status(ask, fake) -> None:
    (glance,) = ask.get("/api/v1/studies").json["studies"]
    assert glance["status"] == "running"
    told = ask.get("/api/v1/studies/digits").json
    assert (told["trial_epochs"], told["rungs"], told["trials"]) == (7, [[1, 4, 1]], 2)
    assert told["job"]["id"] == "caviar-digits-2"
    assert told["can"] == ["stop"]
    assert ask.get("/api/v1/studies/nope").status == 404


def test_the_best_of_the_finals_goes_by_its_own_name(ask, fake) -> None:
    best = {"trial": 2, "epoch": 9, "dev_accuracy": 0.9, "hyperparameters": {}}
    line = {"study": "digits", "best": best, "best_name": "trial 20, retraining 2"}
    fake.logs["caviar-digits-2"] = f"caviar-status {json.dumps(line)}\n"
    assert ask.get("/api/v1/studies/digits").json["best"]["name"] == "trial 20, retraining 2"


def test_the_dashboard_is_not_asked_more_than_now_and_then(ask, fake, now) -> None:
    for _ in range(20):
        ask.get("/api/v1/studies/digits")
    assert len(fake.asked) <= 3
    before = len(fake.asked)
    now[0] += 10
    ask.get("/api/v1/studies/digits")
    assert len(fake.asked) > before


def test_what_no_dashboard_tells_is_said_to_be_elsewhere(ask) -> None:
    for rest in ("trials", "trials/1", "rounds", "report"):
        answer = ask.get(f"/api/v1/studies/digits/{rest}")
        assert answer.status == 409
        assert answer.json["error"].endswith(": caviar fetch caviar-digits-2 DIR")


def test_a_job_is_stopped_and_nothing_else_is_changed(ask, fake) -> None:
    path = "/api/v1/studies/digits/changes"
    refused = ask.post(path, {"kind": "add", "trials": 3})
    assert refused.status == 409
    assert "ask on the cluster's head, as: caviar add studies/digits" in refused.json["error"]
    assert ask.post(path, {"kind": "stop", "trial": 1}).status == 409
    assert fake.jobs["caviar-digits-2"]["status"] == "RUNNING"
    done = ask.post(path, {"kind": "stop"})
    assert (done.status, done.json["changes"][0]["taken"]) == (200, True)
    assert fake.jobs["caviar-digits-2"]["status"] == "STOPPED"
    assert ask.get("/api/v1/studies/digits").json["status"] == "stopped"
    assert ask.post(path, {"kind": "stop"}).status == 422


def test_a_failed_job_says_why(ask, fake, now) -> None:
    fake.jobs["caviar-digits-2"] |= {"status": "FAILED"}
    fake.logs["caviar-digits-2"] = "one\nit broke\n"
    now[0] += 10
    told = ask.get("/api/v1/studies/digits").json
    assert (told["status"], told["ending"]) == ("failed", "it broke")


def test_a_dashboard_that_is_gone_is_one_line(ask, fake, now, monkeypatch) -> None:
    gone = StudyError("no Ray dashboard answers there")
    monkeypatch.setattr(Dashboard, "get", lambda *a, **k: (_ for _ in ()).throw(gone))
    now[0] += 10
    answer = ask.get("/api/v1/studies/digits")
    assert (answer.status, answer.json) == (503, {"error": str(gone)})
    assert ask.get("/api/v1/studies").status == 503
