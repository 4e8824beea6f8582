"""Why slices wait: words about what a cluster has, without a cluster."""

import pytest

from caviar.tuning.room import EVERY_S, Room, lacking

HAS = {"CPU": 2.0, "memory": 1e9}


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


def test_other_studies_are_named_and_ray_is_asked_seldom():
    asked, now = [], [0.0]

    def ask():
        asked.append(now[0])
        return HAS, {}, ["caviar:mine", "caviar:yours", "somebody's"]

    room = Room("mine", 1, 0, ask, lambda: now[0])
    assert room.told() == "the cluster's 2 CPUs are taken (at work there: yours)"
    assert room.told() == room.told()
    now[0] += EVERY_S
    room.told()
    assert asked == [0.0, EVERY_S]
    many = lacking(1, 0, HAS, {}, "edcba")
    assert many.endswith("(at work there: a, b, c, 2 more)")


def test_a_cluster_that_says_nothing_is_no_trouble():
    def ask():
        raise RuntimeError("gone")

    assert Room("mine", 1, 0, ask).told() == ""
