"""Changes asked for by a job's id: the command is typed where the driver is, by a helper job."""

import subprocess
import sys
import threading

import pytest
from fake_dashboard import NODE, TOKEN
from waiting import wait_for

from caviar.errors import StudyError
from caviar.service import changing, helper
from caviar.service.changing import BEGIN, LONGEST, MOST_LINES, ask_there, change_there
from caviar.service.dashboard import Dashboard
from caviar.service.helper import in_background
from caviar.service.jobs import find

HOME = '"${CAVIAR_HOME:-$HOME/caviar}"'
FILES = {"working_dir": "gcs://_ray_pkg_1.zip", "py_modules": ["gcs://_ray_pkg_2.zip"]}


def printed(job, *lines):
    """A helper's log: Ray's first lines, of which the second comes late now and then."""
    rays = f"Running entrypoint for job {job['submission_id']}: {job['entrypoint']}"
    return "\n".join(["... Runtime env is setting up.", BEGIN, rays, *lines, ""])


@pytest.fixture
def there(fake):
    """A study at work on the cluster, whose driver takes what it is asked for."""
    variables = {"CAVIAR_JOB": "caviar-small-1", "CAVIAR_HOME": "/data"}
    fake.add("caviar-small-1", "small", runtime_env=FILES | {"env_vars": variables})
    fake.answers = lambda job: (0, printed(job, "taken: so it is"))
    return fake


@pytest.fixture
def asked(there):
    """Asks by the function that the pages use."""

    def call(*words):
        dashboard = Dashboard()
        return change_there(dashboard, find(dashboard, "small"), words)

    return call


def test_the_command_is_typed_beside_the_driver_with_the_files_of_its_job(there, asked):
    assert asked("add", "--point", "units=64,optimizer=$(rm -rf ~)") == ["taken: so it is"]
    (job,) = there.submitted
    typed = f"python -m caviar add {HOME}/studies/small --point 'units=64,optimizer=$(rm -rf ~)'"
    assert job["entrypoint"] == f"echo {BEGIN}; exec {typed}"
    # Another study's job it is not: CAVIAR_JOB would say so.
    assert job["runtime_env"] == FILES | {"env_vars": {"CAVIAR_HOME": "/data"}}
    assert job["entrypoint_label_selector"] == {"ray.io/node-id": NODE}
    assert job["metadata"] == {"caviar.ask": "caviar-small-1"}
    assert set(there.jobs) == {"caviar-small-1"}


def test_the_shell_there_reads_the_words_as_they_were_typed(there, asked, tmp_path):
    (tmp_path / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    there.jobs["caviar-small-1"]["metadata"]["caviar.dir"] = "a 'b' $(false)"
    asked("narrow", "units=60..70", "batch_size=32|64", "; false")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": "/home/me"}
    command = ["sh", "-c", there.submitted[0]["entrypoint"]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    first, *words = done.stdout.splitlines()
    assert first == BEGIN
    assert words[:4] == ["-m", "caviar", "narrow", "/home/me/caviar/a 'b' $(false)"]
    assert words[4:] == ["units=60..70", "batch_size=32|64", "; false"]


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        (("pause", "small"), f"pause {HOME}/studies/small"),
        (("continue", "caviar-small-1"), f"continue {HOME}/studies/small"),
        (("stop", "small", "--trial", 3), f"stop {HOME}/studies/small --trial=3"),
        (
            ("add", "small", "--trials", 5, "--point", "units=64"),
            f"add {HOME}/studies/small --point=units=64 --trials=5",
        ),
        (("narrow", "small", "units=60..70"), f"narrow {HOME}/studies/small units=60..70"),
        (
            ("nudge", "small", "learning_rate=0.1", "--panda", 2),
            f"nudge {HOME}/studies/small learning_rate=0.1 --panda=2",
        ),
        (("rollback", "small", "--day", 1), f"rollback {HOME}/studies/small --day=1"),
    ],
)
def test_what_is_typed_with_an_id_is_typed_there(caviar, there, words, typed):
    assert caviar(*words) == (0, "taken: so it is\n", "")
    assert there.submitted[0]["entrypoint"].endswith(f"python -m caviar {typed}")


def test_a_refusal_is_one_line_after_what_was_taken(caviar, there, asked):
    lines = ("taken: one more trial", "caviar: --point: units: must be fewer")
    there.answers = lambda job: (2, printed(job, *lines))
    status, out, complaint = caviar("add", "small", "--trials", 5)
    assert (status, out) == (2, "taken: one more trial\n")
    assert complaint == "caviar: --point: units: must be fewer\n"
    with pytest.raises(StudyError, match=f"^{'; then '.join(lines).replace('caviar: ', '')}$"):
        asked("add", "--trials", "5")  # in one line, for a page
    assert set(there.jobs) == {"caviar-small-1"}


def test_a_mistake_that_needs_no_cluster_asks_none(refused, there):
    assert refused("add", "small") == "add: give --trials or --point"
    assert refused("add", "small", "--trials", 0).startswith("--trials: must be from 1")
    assert there.asked == []


def finished(fake):
    fake.jobs["caviar-small-1"]["status"] = "SUCCEEDED"


def stopped(fake):
    fake.jobs["caviar-small-1"]["status"] = "STOPPED"


def pending(fake):
    fake.jobs["caviar-small-1"] |= {"status": "PENDING", "driver_node_id": None}


def lost(fake):
    fake.nodes = ["another"]


def nowhere(fake):
    fake.jobs["caviar-small-1"]["metadata"]["caviar.dir"] = ""


@pytest.mark.parametrize(
    ("happened", "command", "line"),
    [
        (
            finished,
            "pause",
            "it is finished already; nothing was asked; submit the study again with a larger "
            "--trials to go on with it",
        ),
        (
            stopped,
            "continue",
            "it is stopped already; nothing was asked; submit the study again to go on with it",
        ),
        (pending, "pause", "it is pending, and no study was begun; ask again later"),
        (lost, "pause", "the node of its driver is gone; submit the study again"),
        (nowhere, "pause", "it does not tell its study directory (caviar.dir)"),
    ],
)
def test_what_nobody_would_hear_is_refused_before_it_is_sent(
    there, refused, happened, command, line
):
    happened(there)
    assert refused(command, "small") == f"caviar-small-1: {line}"
    assert there.submitted == []


@pytest.mark.parametrize(
    ("status", "lines", "line"),
    [
        (
            127,
            ["sh: 1: python: not found"],
            "it could not be asked there: sh: 1: python: not found",
        ),
        (1, ["Traceback", "ValueError: odd\x1b[2J"], r"asked there: ValueError: odd\x1b[2J"),
        (2, ["no complaint of caviar's"], "it could not be asked there: no complaint of caviar's"),
        (2, [f"caviar: /x: not a study directory: {changing._NONE}"], "no study was begun yet"),
        (None, [], "it could not be asked there: failed"),
    ],
)
def test_a_helper_that_fails_is_one_line(there, asked, status, lines, line):
    there.answers = lambda job: (status, printed(job, *lines))
    with pytest.raises(StudyError) as told:
        asked("pause")
    assert str(told.value).startswith("caviar-small-1: ")
    assert line in str(told.value)
    assert set(there.jobs) == {"caviar-small-1"}


def test_a_cluster_that_takes_no_job_is_one_line(there, refused):
    there.answers = None
    line = refused("pause", "small")
    assert line.endswith("it failed (500): RuntimeError: no jobs today")


def test_what_is_answered_is_bounded_and_harmless(there, asked):
    there.answers = lambda job: (
        0,
        printed(job, "x\x1b]0;y\x07" * 1000, *["taken"] * 2 * MOST_LINES),
    )
    first, *rest = asked("pause")
    assert "\x1b" not in first
    assert len(first) < 5 * LONGEST
    assert len(rest) == MOST_LINES - 1


def test_who_waits_is_told_and_the_answer_stays_clean(there, caviar, monkeypatch):
    states = iter(["PENDING"] * 3 + ["RUNNING"] * 30)
    monkeypatch.setattr(helper, "SAY_AFTER_S", 0.0)

    def slow(path):
        for name, job in there.jobs.items():
            if path.endswith(name) and name.startswith("caviar-ask"):
                job["status"] = next(states, "SUCCEEDED")

    there.on_ask = slow
    status, out, aside = caviar("pause", "small")
    assert (status, out) == (0, "taken: so it is\n")
    assert aside.splitlines()[0] == "the cluster starts a helper, 0 s"
    assert "asked there, not answered yet, 0 s" in aside


def test_a_helper_that_never_starts_is_not_waited_for(there, asked, monkeypatch):
    monkeypatch.setattr(helper, "START_S", 0.05)
    monkeypatch.setattr(helper, "STOP_S", 0.0)

    def never(job):
        there.on_ask = lambda path: [
            j.update(status="PENDING") for n, j in there.jobs.items() if "ask" in n
        ]
        return 0, printed(job)

    there.answers = never
    with pytest.raises(StudyError, match="the cluster did not start it within"):
        asked("pause")
    assert set(there.jobs) == {"caviar-small-1"}


def test_a_helper_that_hangs_is_not_waited_for(there, asked, monkeypatch):
    monkeypatch.setattr(helper, "START_S", 0.0)
    monkeypatch.setattr(changing, "ANSWER_S", 0.05)

    def hang(path):
        if not path.endswith("/stop"):
            there.jobs[path.split("/")[3]]["status"] = "RUNNING"

    def submitted(job):
        there.on_ask = hang
        return 0, printed(job)

    there.answers = submitted
    line = r"did not end within 0 s; it may have been taken all the same$"
    monkeypatch.setattr(helper, "STOP_S", 0.0)
    with pytest.raises(StudyError, match=line):
        asked("pause")
    assert any(one.endswith("/stop") for one in there.asked)


def test_ctrl_c_leaves_no_helper_behind(there, caviar, monkeypatch):
    def interrupted(*_):
        there.jobs[there.submitted[0]["submission_id"]]["status"] = "RUNNING"
        raise KeyboardInterrupt

    monkeypatch.setattr(helper.Helper, "ended", interrupted)
    status, out, aside = caviar("pause", "small")
    assert (status, out) == (130, "")
    assert aside == "\nnot waited for; it may have been taken all the same\n"
    assert set(there.jobs) == {"caviar-small-1"}
    assert f"POST /api/jobs/{there.submitted[0]['submission_id']}/stop" in there.asked


def test_the_answer_waits_for_nobody_who_cleans_up(there, asked, monkeypatch):
    """Ray enters a helper anew that is deleted before it saw its process end: some seconds."""
    started = []
    monkeypatch.setattr(
        helper, "in_background", lambda words: (started.extend(words), in_background(words))
    )
    monkeypatch.setattr(helper, "DONE_S", 1.0)
    assert asked("pause") == ["taken: so it is"]
    assert len(there.jobs) == 2
    assert all(one.daemon for one in threading.enumerate()[1:])
    wait_for(lambda: set(there.jobs) == {"caviar-small-1"})
    assert TOKEN not in " ".join(started)  # every user of the machine sees them


def test_a_helper_at_work_is_stopped_before_it_is_deleted(there):
    there.add("caviar-ask-1", None)
    there.on_ask = lambda path: None
    helper.take_away(there.url, "caviar-ask-1", 0.0)
    assert there.asked[-4:] == [
        "GET /api/jobs/caviar-ask-1",
        "POST /api/jobs/caviar-ask-1/stop",
        "GET /api/jobs/caviar-ask-1",
        "DELETE /api/jobs/caviar-ask-1",
    ]
    assert there.jobs == {"caviar-small-1": there.jobs["caviar-small-1"]}


def test_an_answer_that_is_lost_is_said_to_be(there, asked, monkeypatch):
    def lost(*_):
        raise StudyError("--dashboard x: nothing for 10 s")

    monkeypatch.setattr(helper.Helper, "known", lost)
    with pytest.raises(StudyError, match=r"nothing for 10 s; it may have been taken all the same$"):
        asked("add", "--trials", "20")


def test_a_directory_goes_first_unless_it_may_be_a_copy(there, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small").mkdir()
    for words in (
        ("pause", "small"),
        ("stop", "small", "--trial", 1),
        ("narrow", "small", "a=1..2"),
    ):
        line = refused(*words)
        assert line == (
            "small: is a directory here, and caviar-small-1 is at work on a study of that name; "
            f"say which: caviar {words[0]} ./small, or caviar {words[0]} caviar-small-1"
        )
    assert "not a study directory" in refused("pause", "./small")
    finished(there)
    assert "not a study directory" in refused("pause", "small")
    assert there.submitted == []


def test_a_name_that_is_neither(there, refused):
    line = refused("pause", "nosuch")
    assert line.startswith("nosuch: no directory here; http://127.0.0.1:")
    assert line.endswith("knows no such job or study of caviar's (caviar-small-1)")
    rule = "must be a submission id or the name of a study"
    assert refused("pause", "no such") == f"no such: no directory here; {rule}"
    assert "no Ray dashboard answers" in refused("pause", "x", "--dashboard", "http://127.0.0.1:1")


def test_several_lines_come_in_their_order(there):
    there.answers = lambda job: (0, printed(job, "taken: one", "taken: two"))
    dashboard = Dashboard()
    answer = ask_there(dashboard, find(dashboard, "small"), ["add", "--trials", "2"])
    assert (answer.lines, answer.refusal) == (("taken: one", "taken: two"), "")


def test_asking_there_loads_neither_tensorflow_nor_ray(there, tmp_path):
    program = (
        "import sys; sys.argv = ['caviar', 'pause', 'small']\n"
        "from caviar.cli import main\n"
        "from caviar.service import helper\n"
        "helper.in_background = lambda words: None\n"
        "try: main()\n"
        "except SystemExit as done: assert not done.code, done.code\n"
        "assert not {'tensorflow', 'ray', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=True)
