"""The time that drivers and slices took, with a clock of the test's own."""

import pytest

from caviar.study.journal import Journal
from caviar.study.records import Assignment, Signature, Trial
from caviar.study.spent import elapsed_s, slice_s

WORK = Assignment((0,), 0, 9, Signature((8,), 32, "adam"))


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def journal(tmp_path, clock):
    with Journal.create(tmp_path / "s", "{}", "abc", clock=clock) as made:
        made.acquire_lease()
        made.record("driver_started")
        made.add_trials([Trial(0, (0.5,), {})])
        made.issue(WORK)
        yield made


def test_a_driver_at_work_counts_until_now(journal, clock):
    clock.now += 50
    assert elapsed_s(journal, clock.now) == 50
    assert elapsed_s(journal) == 0  # nobody is there, and nothing was done


def test_time_between_drivers_does_not_count(journal, clock):
    journal.start_attempt(1, "a")
    clock.now += 30
    journal.end_attempt(1, 1, "failed")
    clock.now += 10
    journal.record("driver_stopped", {"finished": False})
    clock.now += 5000
    journal.record("driver_resumed")
    clock.now += 7
    journal.start_attempt(1, "a")
    clock.now += 2
    assert elapsed_s(journal, clock.now) == 49
    assert slice_s(journal) == 30


def test_a_killed_driver_counts_until_its_last_sign(journal, clock):
    journal.start_attempt(1, "a")
    clock.now += 30
    journal.end_attempt(1, 1, "failed")
    journal.start_attempt(1, "a")
    clock.now += 5000
    # The next driver comes, and only then notices what was running.
    journal.record("driver_resumed")
    journal.end_running_attempts()
    clock.now += 4
    assert elapsed_s(journal, clock.now) == 34
    assert slice_s(journal) == 30


def test_slices_side_by_side_add_up(journal, clock):
    journal.add_trials([Trial(1, (0.6,), {})])
    journal.issue(Assignment((1,), 0, 9, WORK.signature))
    for number in (1, 2):
        journal.start_attempt(number, f"slice-{number}")
    clock.now += 20
    for number in (1, 2):
        journal.end_attempt(number, 1, "failed")
    journal.record("driver_stopped", {"finished": False})
    assert elapsed_s(journal) == 20
    assert slice_s(journal) == 40
