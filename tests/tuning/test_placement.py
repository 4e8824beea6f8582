import pytest

from caviar.errors import StudyError
from caviar.tuning.placement import plan_slices

GIB = 2.0**30


def node(cpus: float, gpus: float = 0.0, gib: float = 1000.0) -> dict[str, float]:
    found = {"CPU": cpus, "memory": gib * GIB}
    return found | {"GPU": gpus} if gpus else found


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "most", "useful", "count", "each"),
    [
        ([node(2)], 1, 0, None, 64, 2, 1),
        ([node(8)], 4, 0, None, 64, 2, 4),
        ([node(3), node(3)], 2, 0, None, 64, 2, 2),  # one each: a slice does not span nodes
        ([node(64)], 1, 0, None, 4, 4, 1),  # not more than there is work for
        ([node(64)], 1, 0, 10, 4, 10, 1),  # unless asked for
        ([node(64, gib=6)], 1, 0, None, 1000, 5, 1),  # memory bounds auto
        ([node(64, gib=6)], 1, 0, 64, 1000, 64, 1),  # a person's word does not
        ([node(4, 2)], 1, 0.5, None, 64, 4, 1),
        ([node(8, 1)], 1, 0.25, None, 64, 4, 1),
        ([node(8, 4)], 1, 2, None, 64, 2, 1),
        ([node(16, 1)], 1, 0.4, None, 64, 2, 1),  # 2.5 slices a card are 2
        ([node(2, 2)], 1, 0.5, None, 64, 4, 0.5),  # cards are scarce: CPUs are shared out
        ([node(8, 0), node(8, 2)], 1, 1, None, 64, 2, 1),
    ],
)
def test_plan(nodes, cpus, gpus, most, useful, count, each):
    plan = plan_slices(nodes, cpus, gpus, most, useful)
    assert (plan.count, plan.cpus, plan.gpus) == (count, each, gpus)


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "line"),
    [
        (
            [node(2)],
            4,
            0,
            "resources.cpus_per_slice: a slice needs 4 CPUs on one node, "
            "and the largest node has 2",
        ),
        (
            [node(2)],
            1,
            0.5,
            "resources.gpus_per_slice: a slice needs 0.5 GPUs on one node, "
            "and the largest node has 0",
        ),
        (
            [],
            1,
            0,
            "resources.cpus_per_slice: a slice needs 1 CPUs on one node, "
            "and the largest node has 0",
        ),
    ],
)
def test_too_few_resources_are_named(nodes, cpus, gpus, line):
    with pytest.raises(StudyError) as caught:
        plan_slices(nodes, cpus, gpus, None, 8)
    assert str(caught.value) == line
