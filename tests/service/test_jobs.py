"""The commands that ask a dashboard for submitted studies, against one that only pretends."""

import json
import os
import shlex
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import pytest
from fake_dashboard import NODE, TOKEN

from caviar.errors import StudyError
from caviar.service import submission, telling
from caviar.service.dashboard import Dashboard
from caviar.service.jobs import last_status
from caviar.service.package import packed
from caviar.service.submission import RAY, Submission, check_cluster, on_cluster
from caviar.tuning.job_words import PREFIX, status_line

TOLD = {
    "study": "small",
    "stage": "",
    "finished": False,
    "trouble": "",
    "counts": {"running": 2, "paused": 9, "waiting": 1},
    "rungs": [[1, 12, 4], [3, 4, 1]],
    "trial_epochs": 26,
    "trial_epochs_per_s": 3.5,
    "elapsed_s": 61.0,
    "metric": "dev_accuracy",
    "best": {
        "trial": 10,
        "epoch": 3,
        "dev_accuracy": 0.9526,
        "dev_loss": 0.3311,
        "train_loss": 0.1,
        "hyperparameters": {"learning_rate": 0.0053, "units": 95},
    },
    "slices": {"small:slice-0": "5 lanes, epochs 3-9"},
    "planned": 2,
    "arrived": 2,
    "version": "0.1.0",
    "dir": "/home/ray/caviar/studies/small",
}


@pytest.fixture
def sent(monkeypatch):
    """What was submitted, with the text of the files that went along."""
    found = []

    def send(dashboard, **job):
        folder = Path(job["runtime_env"]["working_dir"])
        files = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        modules = [Path(one).name for one in job["runtime_env"].get("py_modules", [])]
        found.append(job | {"files": files, "modules": modules})

    monkeypatch.setattr(submission, "send", send)
    return found


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "mine" / "study.toml"
    path.parent.mkdir()
    path.write_text('name = "small" # a comment\n[search]\ntrials = 12\n')
    return path


def running_log(fake, name="caviar-small-1", **told):
    fake.add(name, "small")
    line = status_line(TOLD | {"at": time.time()} | told)
    rays = "2026-11-22 17:01:48,956\tINFO job_manager.py:581 -- Runtime env is setting up."
    fake.logs[name] = f"{rays}\nstudy small in /x\n{PREFIX}{{}}\n{line}\nmore\n{PREFIX}cut off"


def test_submit_sends_the_study_and_caviar_itself_and_prints_where_it_is(fake, sent, caviar, study):
    status, out, complaint = caviar("submit", study, "--no-winner", "--storage", "s3://b/x y")
    assert (status, complaint) == (0, "")
    (job,) = sent
    assert job["submission_id"] == "caviar-small-1"
    assert job["metadata"] == {
        "caviar.study": "small",
        "caviar.version": "0.1.0",
        "caviar.dir": "studies/small",
        "caviar.storage": "s3://b/x y",
        "caviar.searched": "layers units learning_rate beta_1 beta_2 batch_size",
    }
    assert job["entrypoint"] == (
        "python -m caviar run study.toml --dir "
        "\"${CAVIAR_HOME:-$HOME/caviar}\"/studies/small --storage 's3://b/x y' --no-winner"
    )
    assert job["files"] == {"study.toml": study.read_bytes()}
    assert job["modules"] == ["caviar", "caviar-0.1.0.dist-info"]
    assert job["runtime_env"]["env_vars"]["CAVIAR_JOB"] == "caviar-small-1"
    assert f"page       {fake.url}/#/jobs/caviar-small-1\n" in out
    assert "directory  ~/caviar/studies/small" in out
    for command in ("status", "logs -f", "stop", "fetch"):
        assert f"caviar {command} caviar-small-1" in out
    assert "caviar fetch caviar-small-1 my-small\n" in out


def test_submit_takes_the_next_number_and_the_cluster_s_own_caviar_if_told(
    fake, sent, caviar, study
):
    for number in (1, 2, 4):
        fake.add(f"caviar-small-{number}", "small", "STOPPED")
    words = ("--no-package", "--dir", "/data/it's", "--dashboard", fake.url)
    _, out, _ = caviar("submit", study, *words)
    assert sent[0]["submission_id"] == "caviar-small-3"
    assert "py_modules" not in sent[0]["runtime_env"]
    assert shlex.split(sent[0]["entrypoint"])[-1] == "/data/it's"
    assert f"caviar stop caviar-small-3 --dashboard {fake.url}\n" in out


def test_a_study_goes_on_where_its_last_job_had_it(fake, sent, caviar, study):
    def submitted(*words):
        out = caviar("submit", study, *words)[1]
        job = sent[-1]
        fake.add(job["submission_id"], "small", "STOPPED", metadata=job["metadata"])
        about = job["metadata"]
        return about["caviar.dir"], about["caviar.storage"], out.splitlines()[0], job["entrypoint"]

    said = ("--dir", "/data/x", "--storage", "s3://b/x")
    assert submitted(*said)[:3] == ("/data/x", "s3://b/x", "submitted caviar-small-1")
    place, storage, line, entrypoint = submitted()
    assert (place, storage) == ("/data/x", "s3://b/x")
    assert line == "note: as caviar-small-1 had it: --dir /data/x --storage s3://b/x"
    assert entrypoint.endswith("--dir /data/x --storage s3://b/x")
    place, storage, line, _ = submitted("--dir", "/data/y")
    assert (place, storage) == ("/data/y", "")
    assert line == "note: caviar-small-2 had it in /data/x: this is another study"
    assert submitted("--storage", "s3://b/z")[:2] == ("/data/y", "s3://b/z")
    assert submitted("--dir", "studies/small")[:2] == ("studies/small", "")
    assert submitted()[2] == "submitted caviar-small-6"


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
def test_a_second_submission_while_one_runs_is_refused(fake, sent, refused, study, state):
    fake.add("caviar-small-1", "small", "FAILED")
    fake.add("by-hand", "small", state)
    line = refused("submit", study)
    assert line.startswith("name: a study named small")
    assert "by-hand" in line
    assert not sent


def test_of_two_submissions_at_once_one_is_refused(fake, monkeypatch, refused, study):
    def too_late(dashboard, **job):
        fake.add(job["submission_id"], "small")
        raise StudyError("the job was refused")

    monkeypatch.setattr(submission, "send", too_late)
    line = refused("submit", study)
    assert line.startswith("name: a study named small runs there as caviar-small-1")
    monkeypatch.setattr(submission, "running", lambda *_: None)
    assert refused("submit", study) == "the job was refused"


def test_why_a_job_was_refused_is_the_last_line_with_words():
    assert submission._last(["Traceback:", "ValueError: taken", "."]) == "ValueError: taken"
    assert submission._last(["", " . "]) == "it says no more"


def test_submit_with_another_name(fake, sent, caviar, refused, study):
    fake.add("caviar-small-1", "small")
    assert caviar("submit", study, "--name", "other")[0] == 0
    assert tomllib.loads(sent[0]["files"]["study.toml"].decode()) == {
        "name": "other",
        "search": {"trials": 12},
    }
    for name in ("No Name", ""):
        assert refused("submit", study, "--name", name).startswith("--name: name: ")


def test_submit_with_other_trials_epochs_and_seed(fake, sent, caviar, refused, study):
    words = ("--trials", 7, "--max-epochs", 3, "--seed", 5, "--name", "other", "--no-winner")
    assert caviar("submit", study, *words)[0] == 0
    said = "--trials=7 --max-epochs=3 --seed=5 --no-winner"
    assert sent[0]["entrypoint"].endswith(f"/studies/other {said}")
    assert refused("submit", study, "--trials", 0) == "--trials: must be >= 1, got 0"
    study.write_text('[search]\nsearcher = "grid"\n[budget]\nhours = 1\n')
    assert caviar("submit", study, "--trials", 4)[0] == 0  # which a grid asks for
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("ray", "2.58.1", "the cluster's Ray must be 2.60, it is 2.58.1"),
        ("ray", "", "the cluster's Ray must be 2.60, it is unknown"),
        ("python", "3.9.1", "as here, it is 3.9.1"),
    ],
)
def test_a_cluster_of_other_versions_is_refused_before_anything_is_sent(
    fake, sent, refused, study, key, value, rule
):
    setattr(fake, key, value)
    assert rule in refused("submit", study)
    assert not sent


def test_the_ray_we_ask_for_is_the_one_that_is_declared():
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    (ray,) = (one for one in declared["project"]["dependencies"] if one.startswith("ray["))
    assert f">={RAY[0]}.{RAY[1]}," in ray


def test_a_cluster_that_anybody_may_use_is_refused_but_on_loopback(fake, monkeypatch):
    fake.mode = "disabled"
    there = Dashboard(fake.url)
    check_cluster(there)
    monkeypatch.setattr(Dashboard, "on_loopback", property(lambda self: False))
    with pytest.raises(Exception, match="turn token authentication on, with RAY_AUTH_MODE=token"):
        check_cluster(there)
    fake.mode = "token"
    check_cluster(there)


def test_a_mistake_in_the_study_file_is_told_before_the_cluster_is_asked(
    fake, sent, refused, study
):
    study.write_text("[search]\ntrails = 3\n")
    assert refused("submit", study).startswith(f"{study}: search.trails: unknown key")
    study.write_text("[search]\nsearcher = 'grid'\n[budget]\nhours = 1\n")
    assert "search.trials: a grid is laid out" in refused("submit", study)
    assert not fake.asked


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ("cpus_per_slice = 9", "resources.cpus_per_slice: a slice needs 9 CPUs on one node, and"),
        ("slices_per_gpu = 2", "resources.slices_per_gpu: a slice needs 0.5 GPUs on one node, and"),
        ('accelerator = "T4"\ngpus_per_slice = 1', "resources.accelerator: the cluster has no"),
    ],
)
def test_a_study_that_no_node_holds_is_refused_unless_others_may_come(
    fake, sent, refused, caviar, study, asked, rule
):
    study.write_text(f'name = "small"\n[resources]\n{asked}\n')
    assert refused("submit", study).startswith(rule)
    assert not sent
    for fake.grows in (True, None):
        status, out, _ = caviar("submit", study)
        assert (status, len(out.splitlines())) == (0, 8)
        assert out.startswith(f"note: {rule}")
    fake.grows, fake.resources = False, {"CPU": 16.0, "GPU": 1.0, "accelerator_type:T4": 1.0}
    assert caviar("submit", study)[1].startswith("submitted")
    assert len(sent) == 3


def test_jobs_lists_the_studies_the_latest_first(fake, caviar):
    assert caviar("jobs")[1] == "no study was submitted to this cluster\n"
    fake.add("caviar-a-1", "a", "SUCCEEDED")
    fake.add("raysubmit_x", None)
    fake.add("caviar-b-1", "b")
    lines = caviar("jobs")[1].splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["job", "study", "state"],
        ["caviar-b-1", "b", "running"],
        ["caviar-a-1", "a", "finished"],
    ]
    assert "1 min 00 s" in lines[2]


def test_jobs_tells_what_is_retrained_from_what_is_searched(fake, caviar):
    running_log(fake, stage="retraining", counts={"completed": 3, "running": 2})
    assert "  3 of 5, retraining  " in caviar("jobs")[1]


def test_jobs_tells_in_short_how_those_stand_that_have_begun(fake, caviar, monkeypatch):
    fake.add("caviar-old-1", "old", "SUCCEEDED")
    running_log(fake, counts={"completed": 3, "diverged": 1, "running": 2, "waiting": 6})
    fake.add("caviar-new-1", "new")  # without a log
    fake.add("caviar-waits-1", "waits", "PENDING")
    running_log(fake, "caviar-odd-1", counts=[3], best="x")
    lines = {line.split()[0]: line for line in caviar("jobs")[1].splitlines()}
    assert "  trials ended  best " in lines["job"]
    assert "  4 of 12       dev accuracy 95.26 %  0.1.0" in lines["caviar-small-1"]
    for name in ("old", "new", "waits", "odd"):
        assert "  -             -       " in lines[f"caviar-{name}-1"]
    asked = [one for one in fake.asked if "/logs/" in one]
    assert len(asked) == 8  # of each that has begun its file, then its log
    let = threading.Event()
    fake.on_ask = lambda path: "/logs/" in path and let.wait(20)
    monkeypatch.setattr(telling, "SOON_S", 0.1)
    assert "caviar-small-1  small  running" in caviar("jobs")[1]
    let.set()


def test_status_tells_the_last_whole_status_line(fake, caviar):
    running_log(fake)
    status, out, _ = caviar("status", "small")
    assert status == 0
    assert out.splitlines()[:8] == [
        "study small: running",
        "  2 running, 9 paused, 1 waiting",
        "  26 trial-epochs, 3.5 a second, 1 min 01 s so far",
        "  rung (epochs)  reached  promoted",
        "              1       12         4",
        "              3        4         1",
        "  best: trial 10 at epoch 3, dev accuracy 95.26 %, dev loss 0.3311",
        "    learning_rate=0.0053 units=95",
    ]
    assert "small:slice-0  5 lanes, epochs 3-9" in out
    assert "directory /home/ray/caviar/studies/small on the cluster" in out
    assert "ago" not in out
    assert "storage" not in out
    fake.jobs["caviar-small-1"]["metadata"]["caviar.storage"] = "s3://b/small"
    assert "  storage s3://b/small\n" in caviar("status", "small")[1]


def test_status_says_how_old_the_news_is(fake, caviar):
    running_log(fake, at=time.time() - 600)
    assert "as of 10 min 00 s ago" in caviar("status", "small")[1]
    running_log(fake, at=time.time() - 20)
    assert "as of 20 s ago" in caviar("status", "small")[1]


def test_status_is_what_the_driver_wrote_a_moment_ago(fake, caviar):
    running_log(fake, at=time.time() - 600)
    file = "caviar/caviar-small-1/status.json"
    told = TOLD | {"at": time.time(), "counts": {"running": 5, "completed": 4}, "eta_s": 60.0}
    fake.files[file] = json.dumps(told | {"page_at": None})
    out = caviar("status", "small")[1]
    assert "  5 running, 4 completed" in out
    assert "about 1 min left" in out
    assert "ago" not in out
    assert "GET /api/v0/logs/file" in fake.asked
    assert "4 of 9" in caviar("jobs")[1]
    fake.files[file] = json.dumps(told | {"at": time.time() - 3600})
    out = caviar("status", "small")[1]
    assert "left" not in out  # an hour ago it was so
    assert "as of 1 h 00 min ago" in out


@pytest.mark.parametrize(
    "raw", ["", "[]", '{"counts": [3]}', '{"at": NaN}', '{"trouble": "\\ud800"}', "[" * 100_000,
            " " * (2**19 + 1), '{"rungs": [[1, 2]]}', '{"metric": "m", "best": {"trial": 1, '
            '"epoch": 1, "m": "high"}}', '{"trial_epochs": 1' + "0" * 30 + "}"]
)  # fmt: skip
def test_a_status_file_that_is_none_of_caviars_leaves_the_log(fake, caviar, raw):
    running_log(fake)
    fake.files["caviar/caviar-small-1/status.json"] = raw
    status, out, complaint = caviar("status", "small")
    assert (status, complaint) == (0, "")
    assert "  26 trial-epochs, 3.5 a second" in out
    assert "cannot be read" not in out


def test_a_status_line_that_is_none_of_caviars_is_said_to_be_so(fake, caviar):
    fake.add("caviar-small-1", "small")
    fake.logs["caviar-small-1"] = PREFIX + '{"counts": [3], "job": 3}\n'
    status, out, _ = caviar("status", "small")
    assert status == 0
    assert "  caviar-small-1: its status line is none of caviar's" in out


def test_status_names_the_hyperparameters_that_are_searched(fake, caviar):
    running_log(fake)
    fake.jobs["caviar-small-1"]["metadata"]["caviar.searched"] = "units layers"
    out = caviar("status", "small")[1]
    assert "\n    units=95\n" in out
    assert "learning_rate" not in out
    told = json.loads(caviar("status", "small", "--json")[1])
    assert told["best"]["hyperparameters"] == {"learning_rate": 0.0053, "units": 95}


def test_status_as_json(fake, caviar):
    running_log(fake)
    told = json.loads(caviar("status", "caviar-small-1", "--json")[1])
    assert told["best"] == TOLD["best"]
    assert told["job"]["state"] == "running"
    assert told["job"]["page"].endswith("/#/jobs/caviar-small-1")


def test_status_of_a_failed_job_shows_the_end_of_its_log(fake, caviar):
    running_log(fake)
    fake.jobs["caviar-small-1"] |= {"status": "FAILED", "end_time": 1_700_000_009_000}
    fake.logs["caviar-small-1"] += "\n" + "".join(f"line {n}\x1b[31m\n" for n in range(30))
    out = caviar("status", "small")[1]
    assert out.startswith("study small: failed\n")
    assert out.splitlines()[-1] == "  line 29\\x1b[31m"
    assert "  line 20" in out
    assert "line 19" not in out
    assert PREFIX not in out


def test_nothing_that_a_job_tells_steers_the_terminal(fake, caviar):
    evil = "\x1b]52;c;cm0gLXJmIH4=\x07\x1b[2J"
    told = {"trouble": evil, "ending": evil, "winner": evil, "dir": evil, "room": evil}
    best = TOLD["best"] | {"hyperparameters": {evil: evil}}
    running_log(fake, study=evil, metric=evil, best=best, slices={evil: evil}, **told)
    raw = status_line(TOLD | told | {"study": evil, "best": best, "at": time.time()})
    fake.files["caviar/caviar-small-1/status.json"] = raw.removeprefix(PREFIX)
    fake.logs["caviar-small-1"] += f"\n{evil}\n\x1b[36m(Broker pid=7)\x1b[0m a\tb\n"
    about = fake.jobs["caviar-small-1"]["metadata"]
    about |= {"caviar.study": f"small{evil}", "caviar.version": evil, "caviar.storage": evil}
    for command in ("status", "logs"):
        status, out, _ = caviar(command, "caviar-small-1")
        assert status == 0
        assert "\x1b" not in out
        assert "\\x1b]52;c;" in out
    assert "\n(Broker pid=7) a " in out
    assert evil in caviar("logs", "--raw", "caviar-small-1")[1]
    assert "\x1b" not in caviar("jobs")[1]


def test_a_job_whose_id_is_none_of_caviar_s_is_none_of_its_jobs(fake, caviar):
    for name in ("../caviar-small-1", "j\u00f6b", "a b", "x?y"):
        fake.add(name, "small")
    assert caviar("jobs")[1] == "no study was submitted to this cluster\n"
    assert "knows no such job" in caviar("stop", "small")[2]


def test_status_of_a_failed_job_that_told_why_needs_no_log(fake, caviar):
    running_log(fake, trouble="data.path: there is no file 'x'")
    fake.jobs["caviar-small-1"] |= {"status": "FAILED", "end_time": 1_700_000_009_000}
    out = caviar("status", "small")[1]
    assert "  trouble: data.path: there is no file 'x'\n" in out
    assert "log" not in out


def test_status_of_a_job_that_could_not_even_start(fake, caviar):
    message = "runtime_env setup failed:\n\tno space left"
    fake.add("caviar-small-1", "small", "FAILED", driver_node_id=None, message=message)
    lines = caviar("status", "small")[1].splitlines()
    assert lines[-2:] == ["  runtime_env setup failed:", "          no space left"]


def test_status_of_a_job_whose_node_is_gone_or_that_waits(fake, caviar):
    running_log(fake)
    fake.nodes = []
    out = caviar("status", "small")[1]
    assert "how it stands cannot be read, its node may be gone" in out
    fake.add("caviar-small-2", "small", "PENDING")
    assert "study small: pending: the cluster" in caviar("status", "small")[1]


@pytest.mark.parametrize("command", ["status", "logs", "stop", "fetch"])
def test_of_what_the_cluster_does_not_know(fake, refused, tmp_path, command):
    fake.add("caviar-other-1", "other")
    target = [tmp_path / "new"] if command == "fetch" else []
    line = refused(command, "nothing", *target)
    begun = "nothing: no directory here; " if command == "stop" else "nothing: "
    assert line.startswith(f"{begun}{fake.url} knows no such job or study of caviar's")
    assert "caviar-other-1" in line
    assert "must be a submission id" in refused(command, "a b", *target, "--dashboard", fake.url)


@pytest.mark.parametrize("words", [("jobs",), ("status", "x"), ("logs", "x"), ("stop", "x")])
def test_a_dashboard_that_is_not_there_or_wants_another_token(fake, refused, monkeypatch, words):
    assert "no Ray dashboard answers there" in refused(*words, "--dashboard", "http://127.0.0.1:9")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "wrong")
    assert "does not take this token" in refused(*words)


def test_logs_prints_all_or_follows_to_the_end(fake, caviar):
    running_log(fake)
    assert caviar("logs", "small")[1] == "study small in /x\nmore\n"
    assert caviar("logs", "small", "--raw")[1].count(PREFIX) == 3
    assert "Runtime env is setting up" in caviar("logs", "small", "--raw")[1]
    begun = len(fake.asked)

    def go_on(path):
        if len(fake.asked) - begun == 4:
            fake.logs["caviar-small-1"] += "\nlast words\n"
            fake.jobs["caviar-small-1"] |= {"status": "SUCCEEDED", "end_time": 1}

    fake.on_ask = go_on
    status, out, _ = caviar("logs", "-f", "small")
    assert status == 0
    assert out.endswith("last words\ncaviar-small-1: finished\n")
    assert out.count("more\n") == 1  # once, though it was read twice


def test_a_job_that_never_had_a_node_tells_what_ray_says(fake, sent, refused, caviar, study):
    message = "runtime_env setup failed: Traceback\n  File x\nOSError: no space left on device\n.\n"
    fake.add("caviar-small-1", "small", "FAILED", driver_node_id=None, message=message)
    for words in (("logs", "small"), ("logs", "-f", "small")):
        line = refused(*words)
        why = "OSError: no space left on device"
        assert line == f"caviar-small-1: it is failed and has no log: {why}"
    fake.jobs["caviar-small-1"] |= {"status": "PENDING", "message": "Job is waiting"}
    assert refused("logs", "small") == "caviar-small-1: it is pending and has no log"


def test_following_is_left_by_ctrl_c_which_leaves_the_job_alone(fake, caviar, monkeypatch):
    running_log(fake)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("caviar.service.logs.followed", interrupted)
    status, out, _ = caviar("logs", "-f", "small")
    assert status == 130
    assert "caviar-small-1 goes on without you" in out
    assert not any(asked.startswith("POST") for asked in fake.asked)


def test_stop_ends_a_job_once(fake, caviar, refused):
    running_log(fake)
    status, out, _ = caviar("stop", "small")
    assert status == 0
    assert "caviar-small-1: stopped; submit the study again" in out
    assert "POST /api/jobs/caviar-small-1/stop" in fake.asked
    assert refused("stop", "caviar-small-1") == (
        "caviar-small-1: it is stopped already; nothing was stopped"
    )


def test_stop_of_a_directory_that_is_there_is_for_the_study_in_it(
    fake, refused, tmp_path, monkeypatch
):
    fake.add("caviar-small-1", "small", "SUCCEEDED")
    monkeypatch.chdir(tmp_path)
    Path("small").mkdir()
    for _ in range(2):
        assert refused("stop", "small") == "small: not a study directory: it has no journal.sqlite3"
        monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:9")  # where nobody is
    assert "not a study directory" in refused("stop", "no/such")
    assert "other: no directory here; --dashboard" in refused("stop", "other", "--trial", 3)


def test_a_name_that_is_a_directory_and_a_job_at_work_stops_neither(
    fake, refused, caviar, tmp_path, monkeypatch
):
    """As after `caviar fetch small small`: the stop went into the copy, and the job ran on."""
    running_log(fake)
    monkeypatch.chdir(tmp_path)
    for name in ("small", "caviar-small-1"):
        Path(name).mkdir()
        assert refused("stop", name) == (
            f"{name}: is a directory here, and caviar-small-1 is at work on a study of that name; "
            f"say which: caviar stop ./{name}, or caviar stop caviar-small-1"
        )
        Path(name).rmdir()
    Path("small").mkdir()
    fake.asked.clear()
    assert "not a study directory" in refused("stop", "./small")
    assert not fake.asked
    assert "say which: caviar stop ./small" in refused("stop", "small", "--trial", 3)
    assert "caviar-small-1: stopped" in caviar("stop", "caviar-small-1")[1]


def test_what_is_advised_names_the_dashboard_that_was_given(
    fake, sent, caviar, refused, study, monkeypatch
):
    running_log(fake)
    given = ("--dashboard", fake.url)
    option = f" --dashboard {fake.url}"
    assert refused("submit", study, *given).endswith(f"caviar status caviar-small-1{option}")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("caviar.service.logs.followed", interrupted)
    assert f"caviar stop caviar-small-1{option}\n" in caviar("logs", "-f", "small", *given)[1]
    monkeypatch.setattr("caviar.service.jobs.await_end", lambda _, job: job)
    told = caviar("stop", "small", *given)[1]
    assert told.endswith(f"still stopping; see: caviar status caviar-small-1{option}\n")


def test_the_token_goes_nowhere(fake, sent, caviar, study, tmp_path):
    (study.parent / ".env").write_text(TOKEN)
    (study.parent / "auth_token").write_text(TOKEN)
    printed = "".join(map(str, caviar("submit", study)))
    fake.add("caviar-small-1", "small")
    fake.logs["caviar-small-1"] = status_line(TOLD)
    printed += "".join(map(str, caviar("status", "small", "--json")))
    assert TOKEN not in printed
    assert TOKEN not in repr(sent)
    assert set(sent[0]["files"]) == {"study.toml"}


def test_a_directory_in_words_of_the_cluster_s_shell():
    assert on_cluster("studies/a b") == "\"${CAVIAR_HOME:-$HOME/caviar}\"/'studies/a b'"
    assert on_cluster("/x/$HOME") == "'/x/$HOME'"
    words = Submission("s", "$(rm -rf /)").entrypoint
    assert words.endswith("/'$(rm -rf /)'")


def test_last_status_of_lines_without_one():
    assert last_status([]) is None
    assert last_status([f"{PREFIX}[1]", f"{PREFIX}{{"]) is None


def test_data_of_one_s_own_travel_beside_the_study_file(tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "other.csv").write_text("secret")
    here = tmp_path / "study.toml"
    for named in ("table.csv", "./table.csv", str(tmp_path / "table.csv")):
        here.write_text(f'[data]\npath = "{named}"\nlabel = "b"\n')
        with packed(here, with_caviar=False) as package:
            found = sorted(path.name for path in package.folder.iterdir())
            assert found == ["study.toml", "table.csv"]
            data = tomllib.loads((package.folder / "study.toml").read_text())["data"]
            assert data == {"path": "table.csv", "label": "b"}
            assert package.notes == ()
    assert not package.folder.exists()


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ('label = "c"', "data.label: "),
        ("", "data.label: "),
        ('label = "b"\n[training]\nbatch_size = 32', "training.batch_size: must be at most the 6"),
        ('label = "b"\ndrop = ["z"]', "data.drop: "),
    ],
)
def test_what_is_wrong_with_data_that_travel_is_told_here(fake, sent, refused, study, more, rule):
    rows = "".join(f"{number},{number % 2}\n" for number in range(10))
    (study.parent / "table.csv").write_text(f"a,b\n{rows}")
    study.write_text(f'name = "small"\n[data]\npath = "table.csv"\n{more}\n')
    line = refused("submit", study)
    assert line.startswith(rule), line
    assert not fake.asked


@pytest.mark.parametrize("named", ["table.csv", "set"])
def test_data_are_looked_at_without_tensorflow(tmp_path, named):
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "study.toml").write_text(f'[data]\npath = "{named}"\n')
    code = (
        "import sys\nfrom pathlib import Path\nfrom caviar.service.package import packed\n"
        "from caviar.service.data_check import check_data\n"
        "try:\n  with packed(Path(sys.argv[1])) as package: check_data(package)\n"
        "except Exception as error: print(error, {'tensorflow', 'ray'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "study.toml")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.startswith("data.")
    assert told.endswith(" set()\n")
    assert "/tmp" not in told


def test_data_that_cannot_travel(tmp_path, monkeypatch):
    here = tmp_path / "study.toml"
    here.write_text('[data]\npath = "table.csv"\n')
    with (
        pytest.raises(Exception, match=r"data.path: 'table.csv': there is no such file"),
        packed(here),
    ):
        pass
    (tmp_path / "table.csv").write_text("a" * 100)
    monkeypatch.setattr("caviar.service.package.MOST_BYTES", 99)
    with pytest.raises(Exception, match="travel with a job"), packed(here):
        pass
    for named in ("/data/there.csv", str(tmp_path / "table.csv")):
        here.write_text(f'[data]\npath = "{named}"\n')
        with packed(here, with_caviar=False) as package:
            assert [path.name for path in package.folder.iterdir()] == ["study.toml"]
            assert "it must be there on the cluster's head" in package.notes[0]


def test_a_log_on_another_node_is_asked_of_it(fake, caviar):
    running_log(fake)
    fake.jobs["caviar-small-1"]["driver_node_id"] = "b2" * 28
    fake.nodes = [NODE, "b2" * 28]
    assert "26 trial-epochs" in caviar("status", "small")[1]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--dir", "../x"), "--dir: must be absolute, or relative to $CAVIAR_HOME"),
        (("--dir", "~/x"), "--dir: must be absolute"),
        (("--dir", ""), "--dir: must be a path"),
        (("--dir", "a\nb"), "--dir: must be a path"),
        (("--storage", "s3://key:secret@bucket/x"), "--storage: must hold no password"),
        (("--storage", "s3://bucket/x?secret_key=secret"), "--storage: must hold no password"),
        (("--storage", "http://bucket/x"), "--storage: must be a directory, s3://bucket/prefix"),
        (("--storage", "backups/x"), "--storage: a folder must be absolute"),
        (("--storage", "~/x"), "--storage: a folder must be absolute"),
    ],
)
def test_places_that_are_none_or_hold_a_secret(fake, sent, refused, study, words, line):
    told = refused("submit", study, *words)
    assert told.startswith(line)
    assert "secret@" not in told
    assert "=secret" not in told
    assert not sent


def test_submit_and_wait_leaves_with_how_it_ended(fake, caviar, study, monkeypatch):
    def send(dashboard, **job):
        fake.add(job["submission_id"], "small", fails.pop())
        fake.logs[job["submission_id"]] = "all of it"

    fails = ["SUCCEEDED", "FAILED"]
    monkeypatch.setattr(submission, "send", send)
    status, out, _ = caviar("submit", study, "--wait")
    assert (status, out.splitlines()[-2:]) == (1, ["all of it", "caviar-small-1: failed"])
    assert caviar("submit", study, "--wait")[0] == 0


def test_data_travel_whatever_git_shall_not_keep(tmp_path):
    """Ray leaves out of a job's files what a .gitignore among them names."""
    from ray._private.runtime_env.packaging import get_uri_for_directory

    (tmp_path / "set").mkdir()
    for name in (".gitignore", ".rayignore"):
        (tmp_path / "set" / name).write_text("*\n")
    here = tmp_path / "study.toml"
    here.write_text('[data]\npath = "set"\n')
    uris = []
    for value in ("1", "2"):
        (tmp_path / "set" / "a.csv").write_text(value)
        with packed(here, with_caviar=False) as package:
            found = [path.name for path in package.folder.rglob("*") if path.is_file()]
            uris.append(get_uri_for_directory(str(package.folder), include_gitignore=True))
    assert sorted(found) == ["a.csv", "study.toml"]
    assert uris[0] != uris[1]


def test_ray_s_client_asks_no_proxy_for_a_dashboard_on_loopback(fake, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Exception, match="the job was refused"):
        submission.send(Dashboard(), entrypoint="true")  # which this dashboard only pretends to be
    assert fake.asked
    assert "no_proxy" not in os.environ
    assert "NO_PROXY" not in os.environ


def test_what_answers_in_another_way_is_no_dashboard(fake, refused, monkeypatch):
    monkeypatch.setattr(fake, "get", lambda *_: (200, b"7"))
    assert refused("jobs").endswith("what answers there is no Ray dashboard")
    assert refused("status", "small").endswith("what answers there is no Ray dashboard")


def test_following_goes_on_where_a_stream_broke_off(fake, caviar):
    """A gateway ends what has been silent for a minute; each answer of this one ends at once."""
    running_log(fake)
    begun = len(fake.asked)
    seen = []

    def go_on(path):
        if path.endswith("/stream"):
            seen.append(path)
            if len(seen) == 2:
                fake.logs["caviar-small-1"] += "\nlater\n"
            if len(seen) == 3:
                fake.jobs["caviar-small-1"] |= {"status": "SUCCEEDED", "end_time": 1}

    fake.on_ask = go_on
    status, out, _ = caviar("logs", "-f", "small")
    assert status == 0
    assert len(fake.asked) > begun
    assert (out.count("more\n"), out.count("later\n")) == (1, 1)
