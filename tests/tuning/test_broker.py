import random
from collections import Counter
from dataclasses import replace

import pytest
from stand_ins import POISON, Poisonous, StandIn, checkpoint, curve

from caviar.search.factory import caviar_strategy
from caviar.study.facts import Outcome
from caviar.study.journal import Journal
from caviar.study.records import Claim
from caviar.study.spec import StudySpec
from caviar.tuning.broker import Broker
from caviar.tuning.messages import Finished, Wait

SPEC = StudySpec.default().override(trials=20, max_epochs=9)


def take_up(directory, spec=SPEC):
    """The study as a driver that has just come finds it."""
    if Journal.exists(directory):
        journal = Journal.open(directory, write=True)
    else:
        journal = Journal.create(directory, spec.to_json(), spec.fingerprint)
    journal.acquire_lease()
    return journal, Broker(journal, caviar_strategy(spec, slices=2))


def deliver(broker, name, claim, worker):
    """Trains a claim to its end and reports it at once, as a short assignment is."""
    measured, files = [], {}
    for progress in worker.train(claim, 1):
        measured += progress.measurements
        files |= progress.checkpoints()
    return broker.report(name, claim.assignment, claim.attempt, measured, files, True)


def work(broker, worker, names=("a", "b"), most=10_000):
    """Slices take turns until the study is finished."""
    for turn in range(most):
        name = names[turn % len(names)]
        claim = broker.claim(name, worker.warm)
        if isinstance(claim, Finished):
            return
        if isinstance(claim, Claim):
            try:
                deliver(broker, name, claim, worker)
            except RuntimeError as error:
                broker.abandon(name, claim.assignment, claim.attempt, str(error))
    raise AssertionError("the study does not end")


class Impatient(StandIn):
    """Stops trial 3 after its second epoch; keeps what each lane was told its best was."""

    def __init__(self):
        super().__init__()
        self.told = {}

    def _train(self, lane, last_epoch):
        self.told.setdefault(lane.trial.index, []).append((lane.epoch, lane.best))
        for progress in super()._train(lane, last_epoch):
            (found,) = progress.measurements
            if (found.trial, found.epoch) == (3, 2):
                end = replace(found, stopped=True, reason="no better")
                yield replace(progress, measurements=(end,))
                return
            yield progress


def test_a_study_ends_with_every_epoch_trained_once(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    work(broker, StandIn())
    assert broker.finished
    assert journal.trained_epochs == journal.measured_epochs == broker.trial_epochs
    assert broker.counts() == {
        "waiting": 0,
        "running": 0,
        "paused": 18,
        "completed": 2,
        "stopped": 0,
        "diverged": 0,
        "failed": 0,
    }
    best = min(range(20), key=lambda trial: curve(trial, 1)[0])
    assert [m.epoch for m in journal.measurements(best)] == list(range(1, 10))
    assert journal.open_assignments() == ()


def test_what_a_slice_forgot_is_tried_again_and_its_late_report_refused(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    first = broker.claim("a", ())
    assert isinstance(first, Claim)
    again = broker.claim("a", ())  # without a report: it lost the first
    assert again.lanes[0] == first.lanes[0]
    assert [lane.trial.index for lane in again.lanes] == [first.lanes[0].trial.index]
    answer = deliver(broker, "a", first, StandIn())
    assert not answer.go_on
    assert journal.measured_epochs == 0
    assert journal.trained_epochs == len(first.lanes)  # counted all the same
    work(broker, StandIn())
    assert broker.finished
    assert journal.trained_epochs == journal.measured_epochs + len(first.lanes)
    outcomes = Counter(a.outcome for a in journal.attempts() if a.assignment == first.assignment)
    assert outcomes == {Outcome.LOST: 1}


def test_a_poisonous_trial_condemns_no_neighbour(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    work(broker, Poisonous())
    counts = broker.counts()
    assert counts["failed"] == 1
    assert counts["completed"] >= 1
    assert sum(counts.values()) == 20
    (failed,) = [found for found in journal.summary() if found.error]
    assert (failed.trial, failed.error) == (POISON, "poison")
    own = [a for a in journal.attempts() if a.outcome == Outcome.FAILED]
    assert len(own) == 4  # once with its neighbours, three times alone
    assert broker.finished


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_driver_is_succeeded_without_training_anything_twice(tmp_path, seed):
    make = Impatient if seed % 2 else StandIn
    rng = random.Random(seed)
    committed = []
    for _ in range(40):
        journal, broker = take_up(tmp_path / "s")
        rows = journal._db.rows("SELECT * FROM measurements ORDER BY entry")
        assert rows == committed  # the same values and times
        worker = make()
        for turn in range(rng.randrange(6)):
            claim = broker.claim(f"slice-{turn}", worker.warm)
            if isinstance(claim, Claim) and rng.random() < 0.7:
                deliver(broker, f"slice-{turn}", claim, worker)
        committed = journal._db.rows("SELECT * FROM measurements ORDER BY entry")
        finished = broker.finished
        journal.close()  # and nothing else: no release, no farewell
        if finished:
            break
    journal, broker = take_up(tmp_path / "s")
    work(broker, make())
    assert broker.finished
    assert journal.trained_epochs == journal.measured_epochs
    assert not {a.outcome for a in journal.attempts()} & {Outcome.FAILED, Outcome.LOST}
    assert broker.counts()["failed"] == 0
    assert broker.counts()["stopped"] == seed % 2


def test_what_was_reported_of_an_unfinished_assignment_is_kept(tmp_path):
    _, broker = take_up(tmp_path / "s")
    claim = broker.claim("a", ())
    trial = claim.lanes[0].trial.index
    (progress,) = StandIn()._train(claim.lanes[0], 1)
    files = progress.checkpoints()
    head = ("a", claim.assignment, claim.attempt)
    assert broker.report(*head, progress.measurements, files, False).go_on
    broker.lose("a", "its slice died")
    again = [broker.claim(f"slice-{place}", ()) for place in range(len(claim.lanes) - 1)]
    left = {lane.trial.index for found in again for lane in found.lanes}
    assert left == {lane.trial.index for lane in claim.lanes} - {trial}
    assert all(len(found.lanes) == 1 for found in again)


def test_a_damaged_checkpoint_costs_its_trial_only(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    worker = StandIn()
    while not any(c.epoch >= 1 for c in journal.checkpoints()):
        claim = broker.claim("a", worker.warm)
        deliver(broker, "a", claim, worker)
    best = min((m.dev_loss, m.trial) for m in journal.measurements() if m.epoch == 1)[1]
    record = journal.latest_checkpoint(best)
    path = tmp_path / "s" / "checkpoints" / record.file
    path.write_bytes(checkpoint(best, 7))
    work(broker, worker)
    assert broker.finished
    assert broker.counts()["failed"] == 1
    (failed,) = [found for found in journal.summary() if found.error]
    assert failed.trial == best
    assert record.file in failed.error


def test_slices_are_sent_home(tmp_path):
    _, broker = take_up(tmp_path / "s")
    claim = broker.claim("a", ())
    broker.stop("the driver stops")
    assert not deliver(broker, "a", claim, StandIn()).go_on
    assert broker.claim("a", ()) == Finished("the driver stops")


def test_a_slice_waits_while_others_could_still_make_work(tmp_path):
    spec = SPEC.override(trials=1)
    _, broker = take_up(tmp_path / "s", spec)
    claim = broker.claim("a", ())
    assert isinstance(claim, Claim)
    assert isinstance(broker.claim("b", ()), Wait)
    assert broker.held["a"].trials == (0,)


class Ticks:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self):
        return self.now


ONE_BY_ONE = StudySpec.parse(
    "[training]\nbatch_size = 32\n[search]\ntrials = 3\nmax_epochs = 1\n[resources]\nstack = 1"
)


@pytest.fixture
def one_at_work(tmp_path):
    """Of three trials of one signature slice `a` has trained one and is at the second."""
    journal = Journal.create(tmp_path / "s", ONE_BY_ONE.to_json(), ONE_BY_ONE.fingerprint)
    journal.acquire_lease()
    clock = Ticks()
    broker = Broker(journal, caviar_strategy(ONE_BY_ONE, slices=2), clock)
    claim = broker.claim("a", ())
    deliver(broker, "a", claim, StandIn(0.001))
    broker.claim("a", (claim.signature,))
    return broker, clock


def test_a_slice_leaves_little_work_to_one_that_has_it_compiled(one_at_work):
    broker, clock = one_at_work
    assert isinstance(broker.claim("b", ()), Wait)  # milliseconds of work, seconds to compile
    clock.now += 4.9
    assert isinstance(broker.claim("b", ()), Wait)
    clock.now += 0.2
    taken = broker.claim("b", ())  # the other one is slow to come
    assert isinstance(taken, Claim)


def test_nobody_waits_for_a_dead_slice(one_at_work):
    broker, _ = one_at_work
    broker.lose("a", "its slice died")
    assert isinstance(broker.claim("b", ()), Claim)


@pytest.mark.parametrize("metric", ["dev_loss", "train_loss", "dev_accuracy"])
def test_a_lane_is_told_its_best_so_far(tmp_path, metric):
    journal = Journal.create(tmp_path / "s", SPEC.to_json(), SPEC.fingerprint)
    journal.acquire_lease()
    broker = Broker(journal, caviar_strategy(SPEC, slices=2), best_by=metric)
    worker = Impatient()
    work(broker, worker)
    best = min(range(20), key=lambda trial: curve(trial, 1)[0])
    place = 1 if metric == "dev_accuracy" else 0
    assert worker.told[best] == [
        (0, None),
        (1, (1, curve(best, 1)[place])),
        (3, (3, curve(best, 3)[place])),
    ]


def test_without_early_stopping_nobody_is_told(tmp_path):
    _, broker = take_up(tmp_path / "s")
    worker = Impatient()
    work(broker, worker)
    assert {best for told in worker.told.values() for _, best in told} == {None}


def test_a_stopped_trial_ends_its_assignment(tmp_path):
    spec = StudySpec.parse("[search]\ntrials = 4\nmax_epochs = 4\ngrace_epochs = 4")
    journal, broker = take_up(tmp_path / "s", spec)
    work(broker, Impatient())
    assert broker.finished
    assert broker.counts() | {"completed": 3, "stopped": 1} == broker.counts()
    assert [(m.epoch, m.reason) for m in journal.measurements(3)] == [(1, ""), (2, "no better")]
    assert journal.open_assignments() == ()
    assert {a.outcome for a in journal.attempts()} == {Outcome.COMPLETE}
    assert journal.latest_checkpoint(3).epoch == 2
    journal.close()
    _, later = take_up(tmp_path / "s", spec)
    assert later.finished
    assert later.counts()["stopped"] == 1


def test_widths_are_settled_once(tmp_path):
    journal, broker = take_up(tmp_path / "s")
    claim = broker.claim("a", ())
    assert claim.width is None
    assert broker.settle(claim.signature, 4, {"rule": "measured"}) == (4, "float32")
    assert broker.settle(claim.signature, 1, {"rule": "measured"}) == (4, "float32")
    deliver(broker, "a", claim, StandIn())
    journal.close()
    _, later = take_up(tmp_path / "s")
    widths = {}
    while isinstance(found := later.claim("a", (claim.signature,)), Claim):
        widths.setdefault(found.signature, set()).add(found.width)
        deliver(later, "a", found, StandIn())
    assert widths.pop(claim.signature) == {4}
    assert set().union(*widths.values()) == {None}
