"""The commands that change a study, on one that nobody drives: what is asked waits in its journal.

How a driver at work obeys is tested beside the broker (`tests/tuning/test_live*.py`).
"""

import subprocess
import sys

import pytest
from test_cli import train

from caviar.search.factory import caviar_strategy
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind
from caviar.study.spec import StudySpec

LATER = "nobody drives the study now, its next caviar run will take it"
SPEC = StudySpec.parse("""
[training]
batch_size = { choices = [32, 64, 128] }
[search]
searcher = "sobol"
trials = 9
max_epochs = 9
[resources]
stack = 2
""")


@pytest.fixture
def study(tmp_path):
    directory = tmp_path / "study"
    with Journal.create(directory, SPEC.to_json(), SPEC.fingerprint) as journal:
        journal.acquire_lease()
        journal.record("driver_started", {})
        strategy = caviar_strategy(SPEC)
        for _ in range(3):
            train(journal, strategy, strategy.next_assignment(), diverged=(0,))
        journal.record("driver_stopped", {"finished": False})
        journal.release_lease()
    return directory


@pytest.fixture
def refused(caviar):
    """The one line that a mistake is told in."""

    def call(*words):
        status, out, complaint = caviar(*words)
        assert (status, out) == (2, "")
        (line,) = complaint.splitlines()
        return line

    return call


def waiting(directory):
    with Journal.open(directory) as journal:
        return [request.change for request in journal.requests(unanswered=True)]


@pytest.mark.parametrize(
    ("words", "line", "change"),
    [
        (
            ("add", "--trials", 50),
            "50 more trials",
            Change(ChangeKind.ADD_TRIALS, {"trials": 50}),
        ),
        (
            ("add", "--point", "learning_rate=0.01,units=64"),
            "one more trial, learning_rate=0.01 units=64",
            Change(ChangeKind.ADD_POINT, {"hyperparameters": {"learning_rate": 0.01, "units": 64}}),
        ),
        (("stop",), "the study stops: stopped by a person", Change(ChangeKind.STOP)),
        (
            ("stop", "--trial", 1),
            "trial 1 ends where it stands",
            Change(ChangeKind.STOP_TRIAL, {"trial": 1}),
        ),
        (("pause",), "nothing new starts until caviar continue", Change(ChangeKind.PAUSE)),
        (
            ("narrow", "learning_rate=1e-4..1e-2"),
            "from now on learning_rate 0.0001 to 0.01",
            Change(ChangeKind.NARROW, {"name": "learning_rate", "low": 1e-4, "high": 1e-2}),
        ),
        (
            ("narrow", "batch_size=32|64"),
            "from now on batch_size 32 or 64",
            Change(ChangeKind.NARROW, {"name": "batch_size", "choices": [32, 64]}),
        ),
    ],
)
def test_what_is_asked_waits_for_the_next_run(caviar, study, words, line, change):
    command, *rest = words
    assert caviar(command, study, *rest) == (0, f"asked: {line}; {LATER}\n", "")
    assert waiting(study) == [change]
    assert f"asked for, not taken yet: {line}\n" in caviar("show", study)[1]


def test_several_at_once_in_their_order(caviar, study):
    points = ("--point", "units=64", "--point", "units=70")
    _, out, _ = caviar("add", study, "--trials", 5, *points)
    assert len(out.splitlines()) == 3
    kinds = [change.kind for change in waiting(study)]
    assert kinds == [ChangeKind.ADD_POINT, ChangeKind.ADD_POINT, ChangeKind.ADD_TRIALS]
    caviar("narrow", study, "units=60..70", "batch_size=32")
    assert [change.detail["name"] for change in waiting(study)[3:]] == ["units", "batch_size"]


def test_what_was_asked_before_counts(caviar, refused, study):
    caviar("pause", study)
    assert refused("pause", study) == "caviar: the study is paused already"
    assert caviar("continue", study)[0] == 0
    line = "caviar: the study is neither paused nor stopped"
    assert refused("continue", study) == line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("add",), "add: give --trials or --point"),
        (("add", "--trials", 0), "--trials: must be from 1 to 1000000, got 0"),
        (
            ("add", "--point", "unitz=64"),
            '--point: unknown hyperparameter "unitz", did you mean "units"?',
        ),
        (
            ("add", "--point", "units=64", "--point", "units=6400"),
            "--point: units: must be a whole number in [50, 100], got 6400",
        ),
        (
            ("add", "--trials", 1_000_000),
            "a study has less than 1000000 trials, and this one would have 1000009",
        ),
        (("stop", "--trial", 99), "trial 99: the study has trials 0 to 8"),
        (("stop", "--trial", 0), "trial 0: it is diverged already"),
        (("continue",), "the study is neither paused nor stopped"),
        (
            ("narrow", "learning_rate=1e-4..10"),
            "narrow: learning_rate: must be in [0.0001, 1.0], got 10.0",
        ),
        (
            ("narrow", "units=60..70", "batch_size=33"),
            "narrow: batch_size: must be one of [32, 64, 128], got '33'",
        ),
    ],
)
def test_mistakes_are_one_line_and_ask_nothing(refused, study, words, line):
    command, *rest = words
    assert refused(command, study, *rest) == f"caviar: {line}"
    assert waiting(study) == []


def test_a_place_without_a_study(refused, tmp_path):
    for words in (("stop",), ("add", "--trials", 3), ("narrow", "units=1..2")):
        command, *rest = words
        line = refused(command, tmp_path / "nowhere", *rest)
        assert line.endswith("nowhere: not a study directory: it has no journal.sqlite3")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("stopped", ["person", "budget"])
def test_run_says_how_a_stopped_study_goes_on(caviar, refused, study, stopped):
    why = {"why": "the budget of 2 hours is spent", "budget": "hours"}
    with Journal.open(study, write=True) as journal:
        journal.acquire_lease()
        journal.decide([Change(ChangeKind.STOP, why if stopped == "budget" else {})])
        journal.release_lease()
    file = study.parent / "study.toml"
    file.write_text(
        "[training]\nbatch_size = { choices = [32, 64, 128] }\n"
        '[search]\nsearcher = "sobol"\ntrials = 9\nmax_epochs = 9\n'
    )
    status, out, complaint = caviar("run", file, "--dir", study, "--no-winner")
    assert (status, complaint) == (0, "")
    told = {
        "person": f"{study}: the study was stopped; to go on: caviar continue {study}",
        "budget": f"{study}: the budget of 2 hours is spent; to go on: a larger budget.hours",
    }[stopped]
    assert told in out.splitlines()
    shown = {"person": "stopped by a person", "budget": f"stopped, {why['why']}"}[stopped]
    assert f"study digits: {shown}; " in out
    shrunk = refused("run", file, "--dir", study, "--max-epochs", 3)
    assert shrunk.endswith(
        "search.max_epochs: a study that was begun only grows: must be >= 9, got 3"
    )


def test_asking_loads_neither_tensorflow_nor_ray(study):
    words = ["add", str(study), "--trials", "3"]
    program = (
        f"import sys; sys.argv = ['caviar', *{words!r}]\n"
        "from caviar.cli import main\n"
        "try: main()\n"
        "except SystemExit as done: assert not done.code, done.code\n"
        "assert not {'tensorflow', 'ray', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
