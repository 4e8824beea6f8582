"""Nodes that announce their end: told once, and their slices report and go elsewhere."""

import os

import pytest
from stand_ins import StandIn

from caviar.study.facts import Outcome
from caviar.study.journal import Journal
from caviar.study.records import Claim
from caviar.study.spec import StudySpec
from caviar.tuning.broker_actor import BrokerActor
from caviar.tuning.crew import Crew
from caviar.tuning.draining import EVERY_S, Draining
from caviar.tuning.messages import Extra, Move

SPEC = StudySpec.parse("[search]\ntrials = 4\ngrace_epochs = 5\nmax_epochs = 5")
FACTS = {"name": "digits", "version": "1", "fingerprint": "abc"}


class Nodes:
    def __init__(self):
        self.now, self.draining, self.asked = 100.0, {}, 0

    def ask(self):
        self.asked += 1
        if self.draining is None:
            raise RuntimeError("the cluster says nothing")
        return self.draining


@pytest.fixture
def nodes():
    return Nodes()


@pytest.fixture
def draining(nodes):
    return Draining(nodes.ask, lambda: "own", lambda: nodes.now, lambda: 1000.0)


def test_nodes_are_asked_for_now_and_then_and_told_once(nodes, draining):
    assert draining.nodes() is None
    nodes.draining = {"abcdefghij": 1_060_000}
    assert draining.nodes() is None  # it is too early to ask again
    nodes.now += EVERY_S
    assert draining.nodes() == ("abcdefghij",)
    assert draining.told(2) == ["node abcdefgh is to go in 60 s: 2 slices report and leave it"]
    nodes.now += EVERY_S
    assert draining.nodes() == ("abcdefghij",)  # slices may have come to it
    assert draining.told(0) == []
    nodes.draining = {}
    nodes.now += EVERY_S
    assert draining.nodes() == ()  # it is gone: that is told once, too
    nodes.now += EVERY_S
    assert draining.nodes() is None
    assert nodes.asked == 5


def test_the_drivers_own_node_is_a_warning(nodes, draining):
    nodes.draining = {"own": 0}
    assert draining.nodes() == ("own",)
    assert draining.told(1) == [
        "node own is to go: 1 slice reports and leaves it",
        "warning: that is the driver's own node: the study stops with it, and goes on from its "
        "directory or its --storage",
    ]


def test_where_ray_does_not_say_nothing_happens(nodes, draining):
    nodes.draining = None
    assert draining.nodes() is None


def test_a_crew_knows_who_must_leave():
    crew = Crew(3, 3)
    for name, node in (("a", "n1"), ("b", "n2"), ("c", "n1")):
        crew.start(name)
        crew.arrive(name, node)
    assert crew.drain(["n1"]) == ["a", "c"]
    assert [crew.must_leave(name) for name in "abcd"] == [True, False, True, False]
    crew.die("a")
    crew.start("a")
    crew.arrive("a", "n2")
    assert not crew.must_leave("a")
    assert crew.drain([]) == []


@pytest.fixture
def actor(tmp_path):
    found = BrokerActor()
    found.open(str(tmp_path / "s"), SPEC.to_json(), 2, os.getpid(), ["d"], FACTS, Extra.NEVER)
    for name, node in (("a", "n1"), ("b", "n2")):
        found.welcome(name)
        found.arrived(name, {"node_id": node}, [None])
    yield found
    found.close()


def test_slices_of_a_draining_node_report_and_leave_and_others_go_on(actor, tmp_path):
    worker = StandIn()
    claim = actor.claim("a", ())
    first, *_ = worker.train(claim, 1)
    assert actor.drain(["n1"]) == 1
    at = "a", claim.assignment, claim.attempt
    assert not actor.report(*at, first.measurements, first.checkpoints(), False).go_on
    assert isinstance(actor.claim("a", ()), Move)
    assert actor.set_aside("a") == ("n1", None)  # as Tune finds it
    again = actor.claim("b", ())
    assert again.assignment == claim.assignment
    assert again.lanes[0].epoch == 1  # what it had reported is not trained again
    with Journal.open(tmp_path / "s") as journal:
        assert [a.outcome for a in journal.attempts()] == [Outcome.INTERRUPTED, None]
    actor.welcome("a")
    actor.arrived("a", {"node_id": "n3"}, [None])
    assert not isinstance(actor.claim("a", ()), Move)


def test_a_slice_that_is_done_on_a_draining_node_gets_nothing_more_there(actor):
    worker = StandIn()
    claim = actor.claim("a", ())
    actor.drain(["n1"])
    steps = list(worker.train(claim, 1))
    files = {k: v for step in steps for k, v in step.checkpoints().items()}
    told = tuple(m for step in steps for m in step.measurements)
    answer = actor.report("a", claim.assignment, claim.attempt, told, files, True, (), 1)
    assert answer.order is None
    assert isinstance(actor.claim("a", (), 2), Move)
    assert isinstance(actor.claim("b", (), 1), Claim) or actor.standing().finished
