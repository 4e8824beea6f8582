"""Studies that an older caviar began: what a newer one makes of them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from stand_ins import checkpoint
from test_live import Driver, epochs_once

from caviar.errors import StudyError
from caviar.report.account import account
from caviar.search.factory import caviar_strategy
from caviar.study.journal import Journal
from caviar.study.opening import FILE
from caviar.study.records import Change, ChangeKind
from caviar.study.spec import StudySpec
from caviar.tuning.asking import ask
from caviar.tuning.taking_up import check_directory

OLD = Path(__file__).parents[1] / "study" / "journal_v2.sql"
TEXT = """
[network]
layers = 2
units = 64
[training]
batch_size = 64
beta_1 = 0.9
beta_2 = 0.999
[search]
trials = 8
max_epochs = 9
[resources]
stack = 2
"""
SPEC = StudySpec.parse(TEXT)
ADD = Change(ChangeKind.ADD_TRIALS, {"trials": 3})


@pytest.fixture
def study(tmp_path):
    """Of eight trials and Sobol's, then the default; its driver was killed."""
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(OLD.read_text("utf-8"))
    (tmp_path / "checkpoints").mkdir()
    with Journal.open(tmp_path) as journal:
        for kept in journal.checkpoints():
            file = tmp_path / "checkpoints" / kept.file
            file.write_bytes(checkpoint(kept.trial, kept.epoch))
    return tmp_path


def version_of(directory):
    with closing(sqlite3.connect(directory / FILE)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def test_a_file_that_names_no_searcher_goes_on_with_that_of_the_beginning(study):
    assert SPEC.search.searcher == "zoom"
    assert check_directory(SPEC.override(), study) == ("", "")
    named = StudySpec.parse(TEXT.replace("trials = 8", 'trials = 8\nsearcher = "zoom"'))
    with pytest.raises(StudyError, match="'sobol' -> 'zoom'"):
        check_directory(named, study)

    driver = Driver(study, SPEC)
    assert driver.work() == "the study is complete"
    epochs_once(driver.journal)
    begun = StudySpec.from_json(driver.journal.spec_json)
    fresh = caviar_strategy(begun, slices=2)
    fresh.next_assignment()
    points = [trial.point for trial in fresh.trials]
    assert len(points) == 8
    assert [trial.point for trial in driver.strategy.trials] == points
    driver.leave()


def test_it_can_be_asked_for_changes_before_and_after_its_end(study):
    with Journal.open(study) as journal:
        before = account(journal)
    assert version_of(study) == 2
    line = "asked: 3 more trials; nobody drives the study now, its next caviar run will take it"
    assert ask(study, ADD).line == line
    assert version_of(study) > 2
    with Journal.open(study) as journal:
        assert account(journal) == before | {"asked": ["3 more trials"]}
    driver = Driver(study, SPEC)
    driver.work()
    assert len(driver.strategy.trials) == 11
    epochs_once(driver.journal)
    driver.leave()
    assert ask(study, ADD).line == line


def test_while_an_older_caviar_drives_it_nothing_can_be_asked(study, monkeypatch):
    monkeypatch.setattr("caviar.tuning.asking._is_driven", lambda journal: True)
    with pytest.raises(StudyError, match="an older caviar drives it, which takes no requests"):
        ask(study, ADD)
    assert version_of(study) == 2
