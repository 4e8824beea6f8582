"""What becomes of an assignment whose slice is gone, by whether its node went with it."""

import pytest
from stand_ins import StandIn
from test_broker import deliver, take_up, work

from caviar.study.facts import Outcome
from caviar.study.records import Claim, TrialState
from caviar.study.spec import StudySpec
from caviar.tuning.holdings import NODES_LOST, OWN_TRIES
from caviar.tuning.losses import LOOKS_S, is_lost, verdict

ONE = StudySpec.default().override(trials=1, max_epochs=9)
LONG = StudySpec.parse("[search]\ntrials = 1\ngrace_epochs = 20\nmax_epochs = 20")
LOST = "its node was lost"


def node(name, *, alive=True):
    return {"NodeID": name, "Alive": alive, "NodeManagerAddress": name, "NodeManagerPort": 1}


class Sleep:
    def __init__(self):
        self.slept = 0.0

    def __call__(self, seconds):
        self.slept += seconds


@pytest.mark.parametrize(
    ("nodes", "answering", "lost"),
    [
        ([node("a"), node("b")], {"a", "b"}, False),
        ([node("a"), node("b", alive=False)], {"a", "b"}, True),
        ([node("a")], {"a"}, True),
        ([node("a"), node("b")], {"a"}, True),  # Ray itself has not noticed yet
        ([node("a"), node("b")], {"b"}, False),  # another one's loss is not ours
    ],
)
def test_a_node_is_lost_when_ray_says_so_or_nobody_answers(nodes, answering, lost):
    sleep = Sleep()
    assert is_lost("b", lambda: nodes, lambda host, _: host in answering, sleep) is lost
    assert sleep.slept == (0.0 if lost else sum(LOOKS_S))


def test_a_node_that_goes_a_moment_after_its_processes_is_lost():
    looks = iter([True, True, False])
    assert is_lost("b", lambda: [node("b")], lambda *_: next(looks), Sleep())


def test_a_stack_whose_node_was_lost_is_tried_again_whole(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    claim = broker.claim("a", ())
    assert len(claim.lanes) > 1
    held = broker.set_aside("a")
    assert not broker.finished
    broker.lose(held, LOST, Outcome.INTERRUPTED)
    again = broker.claim("b", ())
    assert (again.assignment, again.attempt) == (claim.assignment, 2)
    assert again.lanes == claim.lanes
    journal.close()


def test_a_stack_whose_slice_died_alone_is_split(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    claim = broker.claim("a", ())
    broker.lose(broker.set_aside("a"), "its slice died")
    again = broker.claim("b", ())
    assert len(again.lanes) == 1
    assert again.assignment != claim.assignment
    journal.close()


def test_however_many_nodes_are_lost_no_trial_fails_that_goes_on_between(tmp_path):
    journal, broker = take_up(tmp_path / "s", LONG)
    worker = StandIn()
    for _ in range(NODES_LOST + OWN_TRIES + 1):
        claim = broker.claim("a", ())
        first, *_ = worker.train(claim, 1)
        at = claim.assignment, claim.attempt
        broker.report("a", *at, first.measurements, first.checkpoints(), False)
        broker.lose(broker.set_aside("a"), LOST, Outcome.INTERRUPTED)
    work(broker, StandIn())
    assert claim.attempt == NODES_LOST + OWN_TRIES + 1
    assert broker.counts()[TrialState.FAILED] == 0
    assert journal.trained_epochs == journal.measured_epochs
    journal.close()


def test_what_takes_every_node_with_it_is_given_up_in_the_end(tmp_path):
    journal, broker = take_up(tmp_path / "s", ONE)
    nodes = 0
    while isinstance(broker.claim("a", ()), Claim):
        broker.lose(broker.set_aside("a"), LOST, Outcome.INTERRUPTED)
        nodes += 1
    assert nodes == NODES_LOST + OWN_TRIES - 1
    assert broker.counts()[TrialState.FAILED] == 1
    journal.close()


def test_a_slice_that_comes_back_before_the_verdict_works_on(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    first = broker.claim("a", ())
    held = broker.set_aside("a")
    second = broker.claim("a", ())
    assert second.assignment != first.assignment
    late = deliver(broker, "a", first, StandIn())  # of the dead process, already on its way
    assert late.go_on
    assert list(broker.held) == ["a"]
    assert broker.held["a"].trials == tuple(lane.trial.index for lane in second.lanes)
    broker.lose(held, LOST, Outcome.INTERRUPTED)  # there is nothing left to be tried again
    deliver(broker, "a", second, StandIn())
    work(broker, StandIn())
    assert journal.trained_epochs == journal.measured_epochs
    assert not [each for each in journal.attempts() if each.outcome != Outcome.COMPLETE]
    journal.close()


def test_a_slice_that_was_set_aside_is_given_nothing_with_its_last_report(tmp_path):
    """It would hold that for ever: nobody looks after a process that is dead already."""
    journal, broker = take_up(tmp_path / "s")
    claim = broker.claim("a", ())
    broker.set_aside("a")
    measurements, checkpoints = [], {}
    for progress in StandIn().train(claim, 1):
        measurements += progress.measurements
        checkpoints |= progress.checkpoints()
    at = claim.assignment, claim.attempt
    answer = broker.report("a", *at, measurements, checkpoints, True, ())
    assert answer.go_on
    assert answer.order is None
    assert not broker.held
    journal.close()


def test_where_the_nodes_cannot_be_asked_the_slice_died_alone():
    def nobody():
        raise RuntimeError("the cluster says nothing")

    assert verdict("b", nobody) == ("its slice died", Outcome.LOST)
    assert verdict("", nobody) == ("its slice died", Outcome.LOST)
    assert verdict("b", lambda: []) == (LOST, Outcome.INTERRUPTED)
