"""The finals in the broker's actor, without Ray: when they begin, what is asked, what survives."""

import json
import os

import pytest
from stand_ins import StandIn

from caviar.errors import StudyError
from caviar.report.size_curve import size_verdict
from caviar.report.winning import winning
from caviar.study.finals import finals_of, replicate_seed
from caviar.study.growth import in_force
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind, Claim
from caviar.study.spec import StudySpec
from caviar.tuning import retraining
from caviar.tuning.broker_actor import BrokerActor
from caviar.tuning.messages import Extra, Finished, Wait
from caviar.tuning.stages import IN_FINALS
from caviar.tuning.taking_up import check_directory, keep_settings, refuse_other_data

FACTS = {"name": "digits", "version": "1", "fingerprint": "abc", "train": 400}
TEXT = """
seed = 3
[training]
batch_size = 64
[search]
trials = 9
max_epochs = 3
[winner]
seeds = 2
[resources]
stack = 2
"""
SPEC = StudySpec.parse(TEXT)


def opened(directory, spec=SPEC, finals=Extra.AFTER):
    actor = BrokerActor()
    actor.open(str(directory), spec.to_json(), 1, os.getpid(), ["data"], FACTS, finals)
    return actor


def work(actor, worker, claims=10**6, order=None):
    """Claims and trains as a slice does, so many assignments; the claims, and the last order."""
    seen = []
    while len(seen) < claims:
        order = order or actor.claim("a", worker.warm)
        if isinstance(order, Finished):
            return seen, order
        if isinstance(order, Wait):
            order = None
            continue
        seen.append(claim := order)
        steps = list(worker.train(claim, 1))
        files = {k: v for step in steps for k, v in step.checkpoints().items()}
        told = tuple(m for step in steps for m in step.measurements)
        answer = actor.report("a", claim.assignment, claim.attempt, told, files, True, worker.warm)
        order = answer.order
    return seen, order


def killed(actor):
    """The actor's process is gone: nothing is written any more, and the lease is a dead man's."""
    for journal in actor._stages.journals:
        journal.release_lease()
        journal.close()


def epochs(directory):
    with Journal.open(directory) as journal:
        return [(m.trial, m.epoch) for m in journal.measurements()]


def test_the_best_are_retrained_when_the_search_is_over(tmp_path):
    actor = opened(tmp_path / "s")
    seen, last = work(actor, StandIn())
    assert actor.standing().finished
    told = actor.standing()
    assert actor.retrained()
    assert last.why == "the study is complete"
    actor.close()
    with Journal.open(tmp_path / "s") as journal:
        finals = finals_of(journal)
        assert retraining.due(journal, SPEC) is None
    assert [one.name for one in finals.candidates][-1] == "baseline"
    assert len(finals.candidates) == 4
    whose, again = finals.candidate(told.best.trial), told.best.trial % 2 + 1
    assert told.best_name == f"{whose.name}, retraining {again}"
    assert sorted(epochs(tmp_path / "s" / "retraining-1")) == [
        (trial, epoch) for trial in range(8) for epoch in (1, 2, 3)
    ]
    own = [claim for claim in seen if claim.seed is not None]
    assert seen[-len(own) :] == own
    assert {claim.seed for claim in own} == {replicate_seed(3, 1), replicate_seed(3, 2)}
    for claim in own:
        assert {replicate_seed(3, lane.trial.draw) for lane in claim.lanes} == {claim.seed}
    assert check_directory(SPEC, tmp_path / "s", Extra.AFTER)[0] == "the study is complete"


def test_never_means_never(tmp_path):
    actor = opened(tmp_path / "s", finals=Extra.NEVER)
    seen, _ = work(actor, StandIn())
    assert actor.standing().finished
    assert not actor.retrained()
    assert all(claim.seed is None for claim in seen)
    actor.close()
    assert not (tmp_path / "s" / "retraining-1").exists()
    # A later run makes up for it.
    assert check_directory(SPEC, tmp_path / "s", Extra.NEVER)[0] == "the study is complete"
    assert check_directory(SPEC, tmp_path / "s", Extra.AFTER)[0] == ""
    again = opened(tmp_path / "s")
    assert not again.standing().finished
    seen, _ = work(again, StandIn())
    assert all(claim.seed is not None for claim in seen)
    again.close()


@pytest.mark.parametrize("after", [0, 1, 3])
def test_killed_finals_go_on_where_they_were(tmp_path, after):
    actor, worker = opened(tmp_path / "s", finals=Extra.NEVER), StandIn()
    work(actor, worker)
    actor.close()
    actor = opened(tmp_path / "s")
    before, _ = work(actor, worker, claims=after)
    with Journal.open(tmp_path / "s") as journal:
        told = winning(journal)
    done = sum(len(claim.lanes) for claim in before)
    assert (told["retraining"]["ended"], told["retraining"]["trainings"]) == (done, 8)
    assert told["winner"] is None
    killed(actor)
    actor = opened(tmp_path / "s")
    seen, _ = work(actor, worker)
    actor.close()
    assert len(before) == after
    trained = epochs(tmp_path / "s" / "retraining-1")
    assert sorted(trained) == [(trial, epoch) for trial in range(8) for epoch in (1, 2, 3)]
    assert not (tmp_path / "s" / "retraining-2").exists()
    first = {lane.trial.index for claim in before for lane in claim.lanes}
    assert first.isdisjoint(lane.trial.index for claim in seen for lane in claim.lanes)


def test_a_slice_that_was_set_aside_is_given_no_more_of_the_finals(tmp_path):
    """It would hold that for ever, as in the search: nobody looks after a dead process."""
    actor, worker = opened(tmp_path / "s", finals=Extra.NEVER), StandIn()
    work(actor, worker)
    actor.close()
    actor = opened(tmp_path / "s")
    claim = actor.claim("a", worker.warm, 1)
    assert claim.assignment > IN_FINALS
    actor.set_aside("a")
    steps = list(worker.train(claim, 1))
    files = {k: v for step in steps for k, v in step.checkpoints().items()}
    told = tuple(m for step in steps for m in step.measurements)
    given = "a", claim.assignment, claim.attempt, told, files, True
    answer = actor.report(*given, worker.warm, 2)
    assert answer.go_on
    assert answer.order is None
    assert not actor.standing().slices
    actor.close()


def test_now_does_not_wait_for_the_search(tmp_path):
    actor, worker = opened(tmp_path / "s", finals=Extra.NEVER), StandIn()
    work(actor, worker, claims=1)
    actor.close()
    actor = opened(tmp_path / "s", finals=Extra.NOW)
    assert actor.standing().stage == "retraining"
    seen, _ = work(actor, worker)
    assert all(claim.seed is not None for claim in seen)
    actor.close()
    # The search goes on as if nothing had been, and its finals are others.
    actor = opened(tmp_path / "s")
    work(actor, worker)
    actor.close()
    trained = epochs(tmp_path / "s")
    assert len(trained) == len(set(trained)) == 9 + 2 * 3
    with Journal.open(tmp_path / "s") as journal:
        assert finals_of(journal).number == 2


def test_the_best_is_trained_on_parts_of_the_data(tmp_path):
    actor, worker = opened(tmp_path / "s", finals=Extra.NEVER), StandIn()
    work(actor, worker)
    actor.close()
    actor = opened(tmp_path / "s", finals=Extra.SIZES)
    seen, _ = work(actor, worker)
    actor.close()
    asked = {(claim.share, claim.seed) for claim in seen}
    seeds = replicate_seed(3, 1), replicate_seed(3, 2)
    assert asked == {(share, seed) for share in (0.125, 0.25, 0.5, 1.0) for seed in seeds}
    assert len(epochs(tmp_path / "s" / "sizes-1")) == 8 * 3
    verdict = size_verdict(tmp_path / "s")
    assert [point.examples for point in verdict.points] == [50, 100, 200, 400]
    assert verdict.line
    assert not (tmp_path / "s" / "retraining-1").exists()


def test_a_person_stops_the_finals_too(tmp_path):
    actor, worker = opened(tmp_path / "s", finals=Extra.NEVER), StandIn()
    work(actor, worker)
    actor.close()
    actor = opened(tmp_path / "s")
    _, order = work(actor, worker, claims=1)
    with Journal.open(tmp_path / "s", write=True) as asking:
        refused = asking.request(Change(ChangeKind.ADD_TRIALS, {"trials": 5}))
        asking.request(Change(ChangeKind.STOP, {"why": "a person stopped it"}))
    actor._stages.search.broker._looked = -1e9
    # As a slice does it: it goes on from the answer to its report.
    seen, order = work(actor, worker, order=order)
    assert len(seen) == 1
    assert isinstance(order, Finished)
    assert not actor.retrained()
    with Journal.open(tmp_path / "s") as journal:
        answers = {one.number: one.refusal for one in journal.requests()}
    assert "retrained" in answers[refused]
    actor.close()
    with Journal.open(tmp_path / "s") as journal:
        assert not journal.requests(unanswered=True)
        assert retraining.due(journal, SPEC) is not None


def test_a_pause_holds_the_finals(tmp_path):
    actor, worker = opened(tmp_path / "s", finals=Extra.NEVER), StandIn()
    work(actor, worker)
    actor.close()
    actor = opened(tmp_path / "s")
    work(actor, worker, claims=1)
    for kind, answer in ((ChangeKind.PAUSE, Wait), (ChangeKind.CONTINUE, Claim)):
        with Journal.open(tmp_path / "s", write=True) as asking:
            asking.request(Change(kind, {}))
        actor._stages.search.broker._looked = -1e9
        assert isinstance(actor.claim("a", worker.warm), answer)
        assert actor.standing().paused is (kind is ChangeKind.PAUSE)
    actor.close()


def test_a_late_report_of_the_search_is_none_of_the_finals(tmp_path):
    actor, worker = opened(tmp_path / "s"), StandIn()
    lost = actor.claim("z", worker.warm)
    actor.lose("z", "it vanished")
    seen = []
    while actor._stages.in_search:
        seen += work(actor, worker, claims=1)[0]
    steps = list(worker.train(lost, 1))
    told = tuple(m for step in steps for m in step.measurements)
    files = {k: v for step in steps for k, v in step.checkpoints().items()}
    before = epochs(tmp_path / "s" / "retraining-1")
    answer = actor.report("z", lost.assignment, lost.attempt, told, files, True, worker.warm)
    assert not answer.go_on
    assert epochs(tmp_path / "s" / "retraining-1") == before
    own, _ = work(actor, worker)
    assert own
    for claim in (*seen, *own):
        assert (claim.assignment >= IN_FINALS) == (claim.seed is not None)
    assert actor.trouble() == ""
    actor.close()


@pytest.mark.parametrize("finals", [Extra.AFTER, Extra.NOW])
def test_a_budget_of_hours_that_is_spent_ends_the_search_not_the_finals(tmp_path, finals):
    spec = SPEC.model_copy(update={"budget": SPEC.budget.model_copy(update={"hours": 1.0})})
    actor, worker = opened(tmp_path / "s", spec, Extra.NEVER), StandIn()
    work(actor, worker, claims=1)
    spent = {"why": "the budget of 1 hour is spent", "budget": "hours"}
    actor._stages.search.broker._changes.make(Change(ChangeKind.STOP, spent))
    actor.close()
    assert check_directory(spec, tmp_path / "s", finals)[0] == ""
    actor = opened(tmp_path / "s", spec, finals)
    seen, _ = work(actor, worker)
    assert seen
    assert all(claim.seed is not None for claim in seen)
    assert actor.retrained()
    actor.close()


def test_now_with_nothing_left_to_train_leaves_the_search_alone(tmp_path):
    actor, worker = opened(tmp_path / "s", finals=Extra.NEVER), StandIn()
    work(actor, worker, claims=1)
    actor.close()
    for expected in (True, False):
        actor = opened(tmp_path / "s", finals=Extra.NOW)
        seen, _ = work(actor, worker)
        actor.close()
        assert bool(seen) == expected
        assert all(claim.seed is not None for claim in seen)
    told = check_directory(SPEC, tmp_path / "s", Extra.NOW)[0]
    assert told == "there is nothing left to train beside the search"


def test_a_damaged_event_is_one_line_and_a_damaged_folder_hides_no_search(tmp_path):
    actor, worker = opened(tmp_path / "s"), StandIn()
    work(actor, worker)
    actor.close()
    (tmp_path / "s" / "retraining-1" / "journal.sqlite3").write_bytes(b"no journal")
    with Journal.open(tmp_path / "s", write=True) as journal:
        assert winning(journal)["retraining"]["ended"] == 0
        journal.acquire_lease()
        journal.record("retraining_begun", {"number": 2})
        with pytest.raises(StudyError, match=r"it was edited or is damaged: .*retraining_begun"):
            finals_of(journal)


def test_widths_are_those_of_the_search(tmp_path):
    actor, worker = opened(tmp_path / "s", finals=Extra.NEVER), StandIn()
    first = actor.claim("a", ())
    actor.settle(first.signature, 4, {})
    actor.close()
    actor = opened(tmp_path / "s")
    seen, _ = work(actor, worker)
    actor.close()
    assert {claim.width for claim in seen if claim.signature == first.signature} == {4}


def test_other_settings_of_a_complete_study_are_kept_without_a_cluster(tmp_path):
    actor = opened(tmp_path)
    work(actor, StandIn())
    actor.close()
    goal = StudySpec.parse(TEXT + "[goal]\ntarget_error = 0.02")
    assert check_directory(goal, tmp_path, Extra.AFTER)[0] == "the study is complete"
    assert keep_settings(tmp_path, goal) == "goal.target_error: nothing -> 0.02"
    assert keep_settings(tmp_path, goal) == ""
    with Journal.open(tmp_path) as journal:
        spec = in_force(StudySpec.from_json(journal.spec_json), journal.changes())
    assert spec.goal.target_error == 0.02
    # More seeds are work: finals of their own.
    seeds = goal.model_copy(update={"winner": goal.winner.model_copy(update={"seeds": 3})})
    assert check_directory(seeds, tmp_path, Extra.AFTER) == ("", "winner.seeds: 2 -> 3")
    actor = opened(tmp_path, seeds)
    more, _ = work(actor, StandIn())
    actor.close()
    assert {lane.trial.draw for claim in more for lane in claim.lanes} == {1, 2, 3}
    assert check_directory(seeds, tmp_path, Extra.AFTER) == ("the study is complete", "")


def test_any_job_may_ask_how_a_study_stands_in_plain_data(tmp_path):
    actor = opened(tmp_path)
    work(actor, StandIn(), claims=2)
    told = actor.status()
    actor.close()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert (told["study"], told["finished"]) == ("digits", False)
    assert told["best"]["hyperparameters"]["units"] >= 50
    assert sum(told["counts"].values()) == 9


def test_a_data_set_that_changed_is_refused_before_a_cluster_is_needed(tmp_path):
    refuse_other_data(tmp_path, FACTS)  # there is no study yet
    actor = opened(tmp_path)
    actor.close()
    refuse_other_data(tmp_path, FACTS)
    other = FACTS | {"fingerprint": "abd", "version": "2"}
    with pytest.raises(StudyError, match="version 1 then, 2 now, and other examples or another"):
        refuse_other_data(tmp_path, other)
