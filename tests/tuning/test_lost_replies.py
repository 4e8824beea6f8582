"""Requests and replies between slices and the broker that get lost: nothing is lost by that."""

import itertools
import os
import random

import pytest
import ray
from stand_ins import StandIn
from test_broker import SPEC, deliver, take_up, work

from caviar.study.facts import Outcome
from caviar.study.journal import Journal
from caviar.study.records import Claim
from caviar.study.spec import StudySpec
from caviar.tuning import trainable
from caviar.tuning.broker_actor import BrokerActor
from caviar.tuning.messages import Extra, Wait
from caviar.tuning.trainable import SliceTrainable

FACTS = {"name": "digits", "version": "1", "fingerprint": "abc", "train": 400}


def outcomes(journal):
    return {attempt.outcome for attempt in journal.attempts()}


def whole(worker, claim):
    """What there is to report of a claim's end."""
    steps = list(worker.train(claim, 1))
    files = {k: v for step in steps for k, v in step.checkpoints().items()}
    return tuple(m for step in steps for m in step.measurements), files, True


def test_the_same_claim_asked_again_gets_the_same(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    first = broker.claim("a", (), 1)
    assert broker.claim("a", (), 1) == first
    assert broker.claim("b", (), 1) != first  # its own numbers
    assert deliver(broker, "a", first, StandIn()).go_on
    later = broker.claim("a", (), 2)
    assert later.assignment != first.assignment
    assert outcomes(journal) == {None, Outcome.COMPLETE}
    journal.close()


def test_another_claim_has_lost_the_one_before(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    broker.claim("a", (), 1)
    broker.claim("a", (), 2)
    assert Outcome.LOST in outcomes(journal)
    journal.close()


def test_a_claim_that_comes_late_takes_nothing(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    broker.claim("a", (), 1)
    held = broker.claim("a", (), 2)
    assert isinstance(broker.claim("a", (), 1), Wait)
    assert broker.held["a"].trials == tuple(lane.trial.index for lane in held.lanes)
    journal.close()


def test_a_last_report_sent_again_gets_the_same_order(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    claim, worker = broker.claim("a", (), 1), StandIn()
    given = "a", claim.assignment, claim.attempt, *whole(worker, claim), tuple(worker.warm), 2
    first = broker.report(*given)
    assert isinstance(first.order, Claim)
    before = journal.measured_epochs, journal.trained_epochs
    assert broker.report(*given) == first
    assert (journal.measured_epochs, journal.trained_epochs) == before
    assert broker.claim("a", (), 2) == first.order  # asked for by itself
    deliver(broker, "a", first.order, worker)
    assert not outcomes(journal) & {Outcome.LOST, Outcome.FAILED}
    journal.close()


def test_what_cannot_be_given_again_is_nobodys_fault(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    worker = StandIn()
    while not (claim := broker.claim("a", worker.warm)).lanes[0].epoch:
        deliver(broker, "a", claim, worker)
    deliver(broker, "a", claim, worker)
    claim = broker.claim("a", worker.warm, 1)
    while not claim.lanes[0].epoch:
        deliver(broker, "a", claim, worker)
        claim = broker.claim("a", worker.warm, broker._numbers["a"] + 1)
    for lane in claim.lanes:
        record = journal.latest_checkpoint(lane.trial.index)
        (journal.directory / "checkpoints" / record.file).write_bytes(b"spoiled")
    other = broker.claim("a", worker.warm, broker._numbers["a"])
    assert other.assignment != claim.assignment
    assert Outcome.LOST not in outcomes(journal)
    assert broker.counts()["failed"] == len(claim.lanes)
    work(broker, worker)
    assert broker.finished
    journal.close()


def test_a_study_that_was_stopped_gives_nothing_again(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    broker.claim("a", (), 1)
    broker.stop("the driver stops")
    assert broker.claim("a", (), 1).why == "the driver stops"
    assert outcomes(journal) == {Outcome.INTERRUPTED}
    journal.close()


class Flaky:
    """The broker's handle, over a connection that now and then loses a request or its reply."""

    def __init__(self, actor, rng):
        self._actor, self._rng = actor, rng
        self.lost = 0

    def __getattr__(self, name):
        return _Method(self, getattr(self._actor, name), self._rng)


class _Method:
    def __init__(self, handle, method, rng):
        self.handle, self.method, self.rng = handle, method, rng

    def remote(self, *args):
        return self, args

    def __call__(self, args):
        luck = self.rng.random()
        if luck < 0.15:
            self.lose()
        answer = self.method(*args)
        if luck < 0.45:
            self.lose()
        return answer

    def lose(self):
        self.handle.lost += 1
        raise ray.exceptions.ActorUnavailableError("the connection broke", b"a" * 16)


def slice_of(handle, name):
    """A slice without Ray around it."""
    found = object.__new__(SliceTrainable)
    found._name, found._broker, found._held = name, handle, None
    found._order, found._said = None, 0.0
    welcome = found._ask("welcome", name)
    found._checkpoint_s = welcome.checkpoint_s
    found._numbers = itertools.count(welcome.first_claim)
    found._worker = StandIn()
    handle._actor.arrived(name, {"node_id": "here"}, [None])
    return found


SMALL = """
[training]
batch_size = 64
[search]
trials = 20
max_epochs = 9
[winner]
seeds = 2
top = 2
"""


@pytest.mark.parametrize("seed", range(4))
def test_however_many_replies_are_lost_everything_is_trained_once(tmp_path, monkeypatch, seed):
    """Two slices, one of which is begun anew now and then, over a bad connection; finals too."""
    monkeypatch.setattr(trainable.ray, "get", lambda call: call[0](call[1]))
    monkeypatch.setattr(trainable, "ANEW_S", (0.0,) * 40)
    monkeypatch.setattr(trainable, "STEP_S", 0.0)
    monkeypatch.setattr(trainable.time, "sleep", lambda seconds: None)
    actor, rng = BrokerActor(), random.Random(seed)
    spec = StudySpec.parse(SMALL).to_json()
    actor.open(str(tmp_path / "s"), spec, 2, os.getpid(), ["data"], FACTS, Extra.AFTER)
    handle = Flaky(actor, rng)
    slices = {name: slice_of(handle, name) for name in "ab"}
    working = set(slices)
    while working:
        for name in sorted(working):
            if slices[name].step()["done"]:
                working.discard(name)
    assert handle.lost > 5
    assert actor.trouble() == ""
    assert actor.retrained()
    actor.close()
    for folder in (tmp_path / "s", tmp_path / "s" / "retraining-1"):
        with Journal.open(folder) as journal:
            assert outcomes(journal) == {Outcome.COMPLETE}
            assert journal.trained_epochs == journal.measured_epochs
            assert not journal.open_assignments()


def test_a_new_process_of_a_slice_is_not_taken_for_the_old_one(tmp_path):
    actor = BrokerActor()
    actor.open(str(tmp_path / "s"), SPEC.to_json(), 1, os.getpid(), ["data"], FACTS)
    old = actor.welcome("a").first_claim
    first = actor.claim("a", (), old + 7)
    new = actor.welcome("a").first_claim
    assert new > old + 7
    assert actor.claim("a", (), new) != first
    assert isinstance(actor.claim("a", (), old + 8), Wait)  # of the dead process
    actor.close()
