import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.errors import StudyError
from caviar.tuning.placement import Growth, Need, Node, plan_slices

GIB = 2.0**30
JOINED = Growth(at_all=True)


def node(cpus: float, gpus: float = 0.0, gib: float = 1000.0, kind: str = "", by="both") -> Node:
    found = {"CPU": cpus, "memory": gib * GIB}
    found |= {"GPU": gpus} if gpus else {}
    found |= {f"accelerator_type:{kind}": 1.0} if kind and by != "label" else {}
    return Node(found, {"ray.io/accelerator-type": kind} if kind and by != "resource" else {})


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "most", "useful", "count", "each"),
    [
        ([node(2)], 1, 0, "auto", 64, 2, 1),
        ([node(8)], 4, 0, "auto", 64, 2, 4),
        ([node(3), node(3)], 2, 0, "auto", 64, 2, 2),  # one each: a slice does not span nodes
        ([node(64)], 1, 0, "auto", 4, 4, 1),  # not more than there is work for
        ([node(64)], 1, 0, 10, 4, 10, 1),  # unless asked for
        ([node(4)], 1, 0, 10, 64, 4, 1),  # nothing can join a cluster of our own
        ([node(64, gib=6)], 1, 0, "auto", 1000, 5, 1),  # memory bounds auto
        ([node(64, gib=6)], 1, 0, 64, 1000, 64, 1),  # a person's word does not
        ([node(4, 2)], 1, 0.5, "auto", 64, 4, 1),
        ([node(8, 1)], 1, 0.25, "auto", 64, 4, 1),
        ([node(8, 4)], 1, 2, "auto", 64, 2, 1),
        ([node(16, 1)], 1, 0.4, "auto", 64, 2, 1),  # 2.5 slices a card are 2
        ([node(16, 1)], 1, 0.1428, "auto", 64, 7, 1),
        ([node(2, 2)], 1, 0.5, "auto", 64, 4, 0.5),  # cards are scarce: CPUs are shared out
        ([node(8, 0), node(8, 2)], 1, 1, "auto", 64, 2, 1),
    ],
)
def test_plan(nodes, cpus, gpus, most, useful, count, each):
    plan = plan_slices(nodes, Need(cpus, gpus), most, useful)
    assert (plan.count, plan.now, plan.cpus, plan.gpus) == (count, count, each, gpus)
    assert not plan.waits


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
        (  # a node without GPUs is no place for it, however many CPUs it has
            [node(64), node(0, 1)],
            2,
            1,
            "resources.cpus_per_slice: a slice needs 2 CPUs on one node, "
            "and the largest node has 0",
        ),
    ],
)
def test_too_few_resources_are_named(nodes, cpus, gpus, line):
    with pytest.raises(StudyError) as caught:
        plan_slices(nodes, Need(cpus, gpus), "auto", 8)
    assert str(caught.value) == line


MIXED = [node(32), node(8, 2, kind="A100"), node(8, 4, kind="L4"), node(8, 1)]


def test_only_the_named_cards_are_taken():
    plan = plan_slices(MIXED, Need(1, 0.5, "L4"), "auto", 64)
    assert plan.count == 8
    assert plan.extra == {"accelerator_type:L4": 0.001}
    assert not plan.labels
    assert plan_slices(MIXED, Need(1, 0.5), "auto", 64).count == 14
    told = plan.told("L4")
    assert told == "8 slices of 1 CPU and 0.5 L4 (as many as the cluster has room for)"


def test_cards_that_only_a_label_names():
    nodes = [node(8, 2, kind="A100", by="label"), node(8, 2, kind="A100")]
    plan = plan_slices(nodes, Need(1, 1, "A100"), "auto", 64)
    assert (plan.count, plan.extra) == (4, {})
    assert plan.labels == {"ray.io/accelerator-type": "A100"}
    nodes = [node(8, 2, kind="A100", by="label"), node(8, 2, kind="A100", by="resource")]
    assert plan_slices(nodes, Need(1, 1, "A100"), "auto", 64).count == 2  # one way at a time


@pytest.mark.parametrize(
    ("nodes", "asked", "line"),
    [
        (MIXED, "a100", "the cluster has A100, L4, got 'a100', did you mean \"A100\"?"),
        (MIXED, "l4", "the cluster has A100, L4, got 'l4', did you mean \"L4\"?"),
        (MIXED, "H200", "the cluster has A100, L4, got 'H200'"),
        ([node(8)], "A100", "the cluster has no GPUs, got 'A100'"),
        (
            [node(8, 1)],
            "A100",
            "the cluster names no kind of its GPUs (ray start --labels), got 'A100'",
        ),
    ],
)
def test_an_unknown_card_is_refused(nodes, asked, line):
    with pytest.raises(StudyError) as caught:
        plan_slices(nodes, Need(1, 1, asked), "auto", 8)
    assert str(caught.value) == f"resources.accelerator: {line}"


def test_a_number_waits_for_nodes_that_may_join():
    plan = plan_slices([node(3)], Need(1), 8, 64, JOINED)
    assert (plan.count, plan.now) == (8, 3)
    assert plan.told() == (
        "8 slices of 1 CPU (as many as max_slices says); 5 of them wait for a node"
    )
    assert plan_slices([node(3)], Need(1), "auto", 64, JOINED).count == 3


def test_nothing_fits_now_and_a_kind_of_node_to_come_does():
    growth = Growth([node(16, 4)], by_itself=True, at_all=True)
    plan = plan_slices([node(2)], Need(1, 0.5), 20, 64, growth)
    assert (plan.count, plan.now) == (20, 0)
    plan = plan_slices([node(2)], Need(1, 0.5), "auto", 64, growth)
    assert (plan.count, plan.now) == (8, 0)  # a first node's
    assert plan_slices([node(2)], Need(1, 0.5), "auto", 3, growth).count == 3


def test_a_study_too_big_for_any_node_that_may_come_is_refused():
    growth = Growth([node(16, 4)], by_itself=True, at_all=True)
    with pytest.raises(StudyError) as caught:
        plan_slices([node(2)], Need(1, 8), 4, 64, growth)
    assert str(caught.value) == (
        "resources.gpus_per_slice: a slice needs 8 GPUs on one node, "
        "and the largest node that is or may come has 4"
    )
    with pytest.raises(StudyError, match="the largest node has 2"):
        plan_slices([node(2)], Need(4), 4, 64, JOINED)  # by hand: nobody knows what may join


def test_an_autoscaler_of_unknown_nodes_is_trusted():
    growth = Growth(by_itself=True, at_all=True)
    plan = plan_slices([node(2)], Need(1, 1, "H100"), "auto", 64, growth)
    assert (plan.count, plan.now) == (1, 0)
    assert plan.extra == {"accelerator_type:H100": 0.001}


KINDS = st.sampled_from(["", "A100", "L4"])
NODES = st.builds(
    node,
    cpus=st.integers(0, 32),
    gpus=st.integers(0, 8),
    gib=st.integers(1, 64),
    kind=KINDS,
    by=st.sampled_from(["both", "label", "resource"]),
)
GPUS = st.one_of(
    st.just(0.0), st.integers(1, 4).map(float), st.integers(100, 9999).map(lambda n: n / 1e4)
)


def packed(nodes, plan):
    """Slices that Ray would place, one after another: it counts in ten-thousandths."""
    count = 0
    ask = {"CPU": plan.cpus, "GPU": plan.gpus, **plan.extra}
    units = {name: round(amount * 1e4) for name, amount in ask.items() if amount}
    for found in nodes:
        if any(found.labels.get(key) != value for key, value in plan.labels.items()):
            continue
        free = {name: round(found.resources.get(name, 0) * 1e4) for name in units}
        cards = [10_000] * int(found.resources.get("GPU", 0))
        while all(free[name] >= amount for name, amount in units.items()):
            share = units.get("GPU", 0)
            if 0 < share < 10_000:  # of one card, not a piece of each of two
                fitting = [i for i, left in enumerate(cards) if left >= share]
                if not fitting:
                    break
                cards[fitting[0]] -= share
            free = {name: left - units[name] for name, left in free.items()}
            count += 1
    return count


@given(
    st.lists(NODES, max_size=5),
    st.integers(1, 8),
    GPUS,
    KINDS,
    st.one_of(st.just("auto"), st.integers(1, 60)),
    st.integers(1, 40),
    st.booleans(),
    st.lists(NODES, max_size=2),
)
def test_never_more_than_fit_and_never_what_fits_nowhere(
    nodes, cpus, gpus, kind, most, useful, joins, come
):
    growth = Growth(come, by_itself=bool(come), at_all=joins or bool(come))
    need = Need(cpus, gpus, kind if gpus else "")
    try:
        plan = plan_slices(nodes, need, most, useful, growth)
    except StudyError:
        return
    assert 0 <= plan.now <= packed(nodes, plan)
    assert plan.count >= max(1, plan.now)
    assert plan.now or packed(come, plan)
    if plan.waits:
        assert growth.at_all
        assert most != "auto" or plan.now == 0
    if most == "auto":
        assert plan.count <= useful
    else:
        assert plan.count <= most
        assert plan.now == min(most, packed(nodes, plan))
