"""What a study spent, told apart by what it was spent on."""

import shutil

import pytest
from journal_samples import SPEC

from caviar.study.expenses import epochs_told, expenses, of_card, slice_hours_told, told
from caviar.study.finals import RETRAINING, SIZES, Candidate, Finals, event_of
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Signature, Trial

ANY = Signature((8,), 32, "adam")


def trained(directory, epochs, began, seconds):
    """A journal with one trial of so many epochs, on a slice for so many seconds."""
    now = [began]
    with Journal.create(directory, SPEC, "x", clock=lambda: now[0]) as journal:
        journal.acquire_lease()
        journal.record("driver_started", {})
        number = journal.issue(Assignment((0,), 0, epochs, ANY), decisions=[Trial(0, (), {})])
        attempt = journal.start_attempt(number, "s")
        now[0] += seconds
        found = [Measurement(0, e, 1.0, 0.5, 1.0, 0.5, 0.1) for e in range(1, epochs + 1)]
        journal.report(number, attempt, found, {}, complete=True)
        journal.release_lease()


@pytest.fixture
def study(tmp_path):
    """A search of 10 epochs, two retrainings, and one of sizes; the driver is there for 110 s."""
    trained(tmp_path, 10, 1000.0, 18)
    now = [1100.0]
    with Journal.open(tmp_path, write=True, clock=lambda: now[0]) as journal:
        journal.acquire_lease()
        for number, kind in ((1, RETRAINING), (2, RETRAINING), (1, SIZES)):
            finals = Finals(number, 5, 1, (Candidate("trial 0", {}),), kind)
            journal.record(event_of(kind), finals.to_json())
            trained(finals.folder(tmp_path), 5, 1050.0, 36)
        now[0] = 1110.0
        journal.record("driver_stopped", {"finished": True})
        journal.release_lease()
    return tmp_path


def found(study):
    with Journal.open(study) as journal:
        return expenses(journal)


def test_every_part_is_counted_once(study):
    assert found(study) == {
        "search": {"trial_epochs": 10, "slice_hours": 0.005},
        "retraining": {"trial_epochs": 10, "slice_hours": 0.02},
        "sizes": {"trial_epochs": 5, "slice_hours": 0.01},
        "total": {"trial_epochs": 25, "slice_hours": 0.035},
        "elapsed_s": 110.0,  # one driver runs them all: its time counts once
        "unread": [],
    }


def test_only_what_the_journal_knows_of_counts(study):
    shutil.copytree(study / "retraining-1", study / "retraining-9")
    assert found(study)["total"]["trial_epochs"] == 25


def test_what_was_deleted_is_named(study):
    shutil.rmtree(study / "retraining-2")
    cost = found(study)
    assert cost["retraining"]["trial_epochs"] == 5
    assert cost["unread"] == ["retraining-2"]
    assert "without retraining-2, which cannot be read" in told(cost)


def test_the_parts_are_named_where_there_are_several(study):
    assert told(found(study)) == (
        "25 trial-epochs (search 10, retraining 10, sizes 5) in 1 min 50 s; "
        "0.035 slice-hours (search 0.005, retraining 0.02, sizes 0.01)"
    )
    with Journal.open(study / "sizes-1") as journal:
        alone = expenses(journal)
    assert (epochs_told(alone), slice_hours_told(alone)) == ("5 trial-epochs", "0.01 slice-hours")


def test_a_card_of_format_1_is_read():
    old = {"trial_epochs": 26, "retraining_epochs": 81, "slice_hours": 0.0065, "elapsed_s": 39.6}
    cost = of_card(old)
    assert epochs_told(cost) == "107 trial-epochs (search 26, retraining 81)"
    assert slice_hours_told(cost) == "0.0065 slice-hours"
    assert cost["elapsed_s"] == 39.6


def test_a_card_of_now_is_read_as_it_is(study):
    cost = found(study)
    assert of_card(cost) == cost
