"""Why slices wait: words about what a cluster has, without a cluster."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from ray import JobID, PlacementGroupID

from caviar.tuning.progress import summary_line
from caviar.tuning.room import EVERY_S, Found, Room, lacking, placed
from caviar.tuning.status import Status

HAS = {"CPU": 2.0, "memory": 1e9}
STATUS = Status(
    study="mine",
    finished=False,
    trouble="",
    counts={},
    rungs=(),
    trial_epochs=0,
    trained_here=0,
    elapsed_s=0.0,
    most_remaining=9,
    best=None,
    best_hyperparameters={},
    planned=2,
)


@pytest.mark.parametrize(
    ("need", "has", "free", "words"),
    [
        ((1, 0), HAS, {}, "the cluster's 2 CPUs are taken"),
        ((1, 0), {"CPU": 1.0}, {"CPU": 0.0}, "the cluster's 1 CPU is taken"),
        ((2, 0), HAS, {"CPU": 1.0}, "1 of the cluster's 2 CPUs free, a slice takes 2"),
        ((1, 1), HAS | {"GPU": 4.0}, {}, "the cluster's 4 GPUs are taken"),
        ((1, 0.5), HAS | {"GPU": 1.0}, {"GPU": 0.5}, "the cluster's 2 CPUs are taken"),
        ((1, 0), HAS, {"CPU": 2.0}, ""),  # it is something else, or on its way
        ((1, 1), {}, {}, ""),
    ],
)
def test_what_a_slice_finds_no_place_for(need, has, free, words):
    assert lacking(*need, has, free) == words


def seen(room, **standing):
    return room.seen(replace(STATUS, **standing))


def test_other_studies_are_named_and_ray_is_asked_seldom():
    asked, now = [], [0.0]

    def ask():
        asked.append(now[0])
        return Found(HAS, {}, ("caviar:mine", "caviar:yours", "somebody's"))

    room = Room("mine", 1, 0, ask, lambda: now[0])
    assert seen(room).room == "the cluster's 2 CPUs are taken (at work there: yours)"
    assert seen(room) == seen(room)
    now[0] += EVERY_S
    seen(room)
    assert asked == [0.0, EVERY_S]
    many = lacking(1, 0, HAS, {}, "edcba")
    assert many.endswith("(at work there: a, b, c, 2 more)")


def test_a_cluster_that_says_nothing_is_no_trouble():
    def ask():
        raise RuntimeError("gone")

    assert seen(Room("mine", 1, 0, ask)) == STATUS


@pytest.mark.parametrize(
    ("placed", "arrived", "starting", "words"),
    [
        (2, 0, 0, "2 of 2 slices starting"),
        (2, 1, 0, "1 of 2 slices starting"),
        (1, 0, 0, "1 of 2 slices starting, 1 waiting for a place: the cluster's 2 CPUs are taken"),
        (1, 1, 0, "1 of 2 slices waiting for a place: the cluster's 2 CPUs are taken"),
        (0, 0, 1, "1 of 2 slices starting, 1 waiting for a place: the cluster's 2 CPUs are taken"),
        (0, 1, 0, "1 of 2 slices waiting for a place: the cluster's 2 CPUs are taken"),
    ],
)
def test_slices_that_have_their_place_and_start_slowly_do_not_wait_for_one(
    placed, arrived, starting, words
):
    """Their own places are what the cluster has none left beside."""
    room = Room("mine", 1, 0, lambda: Found(HAS, {}, (), placed))
    found = seen(room, arrived=arrived, starting=starting)
    assert f"; {words};" in summary_line(found)


@pytest.mark.parametrize(
    ("free", "words"),
    [
        (HAS, "2 of 2 slices starting"),
        ({}, "2 of 2 slices waiting for a place: the cluster's 2 CPUs are taken"),
    ],
)
def test_a_tune_that_starts_slowly_is_no_lack_of_places(free, words):
    """It has not asked for any yet."""
    room = Room("mine", 1, 0, lambda: Found(HAS, free, (), None))
    assert f"; {words};" in summary_line(seen(room))


def test_a_drivers_own_places_are_told_by_its_job(monkeypatch):
    mine, yours = JobID.from_int(7), JobID.from_int(8)
    groups = {
        PlacementGroupID.of(job).hex(): {"state": state}
        for job in (mine, yours)
        for state in ("CREATED", "CREATED", "PENDING", "RESCHEDULING", "REMOVED")
    }
    monkeypatch.setattr("ray.util.placement_group_table", lambda: groups)
    here = SimpleNamespace(get_job_id=mine.hex)
    monkeypatch.setattr("ray.get_runtime_context", lambda: here)
    assert len(groups) == 10
    assert placed() == 2
    groups = {}
    assert placed() is None
