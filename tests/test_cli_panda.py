"""`caviar nudge`, `caviar rollback`, and the diary of `caviar show`, without a driver."""

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from caviar.cli import app
from caviar.errors import StudyError
from caviar.report.account import account
from caviar.report.diary import print_diary
from caviar.search.choosing import strategy_of
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind, Measurement
from caviar.study.spec import StudySpec

TEXT = """
[network]
units = 64
[training]
optimizer = "momentum"
learning_rate = 0.1
batch_size = 64
[search]
strategy = "{strategy}"
[panda]
days = 6
day_epochs = 1
"""


def begun(directory, strategy="panda"):
    """A study whose panda has lived three days, the second of which exploded."""
    spec = StudySpec.parse(TEXT.format(strategy=strategy))
    with Journal.create(directory, spec.to_json(), spec.fingerprint) as journal:
        journal.acquire_lease()
        raised = strategy_of(spec)
        for loss in (1.0, 50.0, 0.5) if strategy == "panda" else ():
            assignment = raised.next_assignment()
            number = journal.issue(assignment, decisions=raised.news())
            attempt = journal.start_attempt(number, "a")
            (trial,), epoch = assignment.trials, assignment.last_epoch
            found = [Measurement(trial, epoch, loss, 0.6, loss, 0.6, 0.1)]
            journal.report(number, attempt, found, {trial: (epoch, b"state")}, complete=True)
            raised.observe(found)
        journal.release_lease()
    return str(directory)


@pytest.fixture
def raised(tmp_path):
    return begun(tmp_path / "s")


def run(*words):
    result = CliRunner().invoke(app, words)
    if isinstance(result.exception, StudyError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def requested(directory):
    with Journal.open(directory) as journal:
        return [request.change for request in journal.requests()]


def test_a_nudge_is_asked_for(tmp_path, raised):
    line = run("nudge", raised, "learning_rate=0.003", "batch_size=32")
    assert line.startswith("asked: the next day begins with learning_rate=0.003 batch_size=32; ")
    wanted = {"hyperparameters": {"learning_rate": 0.003, "batch_size": 32}}
    assert requested(tmp_path / "s") == [Change(ChangeKind.NUDGE, wanted)]


def test_a_rollback_is_asked_for(tmp_path, raised):
    assert "begins at the end of day 1" in run("rollback", raised, "--day", "1")
    assert "begins anew" in run("rollback", raised, "--day", "0", "--panda", "0")
    assert requested(tmp_path / "s")[1].detail == {"day": 0, "panda": 0}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["nudge", "learning_rate"], "nudge: must be as learning_rate=0.003, got 'learning_rate'"),
        (["nudge", "learning_rat=1"], 'unknown hyperparameter "learning_rat", did you mean "lear'),
        (["nudge", "learning_rate=fast"], "learning_rate: must be a number, got 'fast'"),
        (["nudge", "units=9"], "units: a model keeps what it is made of"),
        (["rollback", "--day", "9"], "--day 9: there are days 1 to 3, and 0 to begin anew"),
        (["rollback", "--day", "1", "--panda", "4"], "--panda: there are pandas 0 to 0"),
    ],
)
def test_what_cannot_be_is_one_plain_line(raised, words, line):
    command, *others = words
    with pytest.raises(StudyError) as refused:
        run(command, raised, *others)
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("command", [["nudge", "learning_rate=1"], ["rollback", "--day", "1"]])
def test_a_caviar_study_has_no_panda(tmp_path, command):
    directory = begun(tmp_path / "c", strategy="caviar")
    with pytest.raises(StudyError, match="is for a panda, and this study's strategy is caviar"):
        run(command[0], directory, *command[1:])
    assert requested(tmp_path / "c") == []


def test_the_diary_is_shown(raised):
    shown = run("show", raised)
    lines = [line.split() for line in shown.splitlines()]
    days = [line for line in lines if len(line) > 8 and line[0].isdigit()]
    assert [line[:4] for line in days] == [
        ["1", "0", "0", "1-1"],
        ["2", "1", "1", "2-2"],
        ["3", "1", "2", "2-2"],
    ]
    assert "exploded: back to the end of day 1, learning_rate down" in shown
    assert "3 waiting, 3 completed" in shown


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_diary_fits_the_screen(raised, width):
    with Journal.open(Path(raised)) as journal:
        told = account(journal)
    with (console := Console(width=width, color_system=None)).capture() as shown:
        print_diary(console, told)
    lines = [line.rstrip() for line in shown.get().splitlines()]
    assert max(map(len, lines)) <= width
    # No word is broken, and nobody reads it a syllable a line.
    why = "exploded: back to the end of day 1, learning_rate down (learning_rate 0.1 -> 0.03)"
    assert why in " ".join(shown.get().split())
    assert len(lines) <= (9 if width < 110 else 6)


def test_a_day_that_has_only_just_begun_has_no_numbers(tmp_path, raised):
    with Journal.open(tmp_path / "s", write=True) as journal:
        journal.acquire_lease()
        strategy = strategy_of(StudySpec.from_json(journal.spec_json))
        strategy.replay(journal.entries())
        assignment = strategy.next_assignment()
        journal.issue(assignment, decisions=strategy.news())
        journal.release_lease()
    line = next(line for line in run("show", raised).splitlines() if line.startswith("4 "))
    assert line.split()[:7] == ["4", "3", "3", "3-", "-", "-", "waiting"]


def test_the_diary_is_data(raised):
    told = json.loads(run("show", raised, "--json"))
    second, third = told["diary"][1:]
    assert second["verdict"] == "exploded"
    assert third["rolled_back"]
    assert third["from"] == 1
    before, after = third["changed"]["learning_rate"]
    assert after == pytest.approx(0.3 * before)
    assert told["counts"]["waiting"] == 3


def test_what_a_study_of_pandas_amounts_to(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(TEXT.format(strategy="population"))
    assert "8 pandas, 6 days of 1 epoch, each: at most 48 trial-epochs" in run("check", str(file))
