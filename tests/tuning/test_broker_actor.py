"""The broker's actor without Ray: what it tells slices of the study."""

import json
import os
import re

import pytest
from stand_ins import StandIn, curve

from caviar.report.account import account
from caviar.report.evidence import evidence
from caviar.search.successive_halving import merit_of
from caviar.study.journal import Journal
from caviar.study.records import Claim
from caviar.study.spec import StudySpec
from caviar.tuning.answers import FRESH_S
from caviar.tuning.broker_actor import BrokerActor
from caviar.tuning.crew import STARTS

FACTS = {"name": "digits", "version": "1", "fingerprint": "abc"}


def opened(directory, text):
    spec = StudySpec.parse(text)
    actor = BrokerActor()
    actor.open(str(directory / "s"), spec.to_json(), 1, os.getpid(), ["the data"], FACTS)
    return actor


def claimed_later(actor):
    """Trains new trials until one comes back, promoted; the lanes of that claim."""
    worker = StandIn()
    for _ in range(50):
        claim = actor.claim("a", worker.warm)
        assert isinstance(claim, Claim)
        if claim.lanes[0].epoch:
            return claim.lanes
        for progress in worker.train(claim, 1):
            head = ("a", claim.assignment, claim.attempt, progress.measurements)
            files = progress.checkpoints()
            complete = progress.measurements[0].trial == claim.lanes[-1].trial.index
            actor.report(*head, files, complete)
    raise AssertionError("nobody is promoted")


def test_a_slice_is_told_how_to_train(tmp_path):
    actor = opened(
        tmp_path,
        """
        seed = 3
        [data]
        feed = "stream"
        [training]
        patience = 4
        schedule_per = "step"
        diverged_above = 5.0
        [search]
        metric = "train_loss"
        [resources]
        checkpoint_s = 60
        """,
    )
    welcome = actor.welcome("a")
    actor.close()
    assert (welcome.data, welcome.seed, welcome.checkpoint_s) == ("the data", 3, 60)
    assert (welcome.metric, welcome.lower_is_better) == ("train_loss", True)
    assert (welcome.patience, welcome.schedule_per, welcome.feed) == (4, "step", "stream")
    assert welcome.diverged_above == 5.0


@pytest.mark.parametrize("patience", [0, 2])
def test_lanes_are_told_their_best_where_early_stopping_is_on(tmp_path, patience):
    actor = opened(
        tmp_path,
        f"[training]\nbatch_size = 64\npatience = {patience}\n"
        "[search]\ntrials = 9\nmetric = 'dev_loss'",
    )
    lanes = claimed_later(actor)
    actor.close()
    losses = [curve(lane.trial.index, 1)[0] for lane in lanes]
    assert [lane.best for lane in lanes] == [(1, loss) if patience else None for loss in losses]


# What it tells other jobs

SMALL = "[search]\ntrials = 9\nmax_epochs = 9\nmetric = '{metric}'\nstrategy = '{strategy}'\n{more}"


def trained(directory, metric="dev_accuracy", strategy="caviar", more="", until=10**9):
    """A study trained by a stand-in, to its end or to so many assignments."""
    actor = opened(directory, SMALL.format(metric=metric, strategy=strategy, more=more))
    worker = StandIn()
    actor.welcome("a")
    for _ in range(until):
        claim = actor.claim("a", worker.warm)
        if not isinstance(claim, Claim):
            break
        for progress in worker.train(claim, 1):
            head = ("a", claim.assignment, claim.attempt, progress.measurements)
            complete = (
                progress.done and progress.measurements[0].trial == claim.lanes[-1].trial.index
            )
            actor.report(*head, progress.checkpoints(), complete)
    assert not actor.trouble(), actor.trouble()
    return actor


STUDIES = [
    {},
    {"metric": "dev_loss"},
    {"strategy": "panda", "more": "[panda]\ndays = 4"},
    {"strategy": "population", "more": "[panda]\npandas = 3\ndays = 3"},
    {"strategy": "auto", "more": "[budget]\ntrial_epochs = 60"},
    {"until": 4},
]


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: "-".join(map(str, study.values())))
def test_the_leaderboard_is_the_reports(tmp_path, study):
    actor = trained(tmp_path, **study)
    found = actor.leaderboard(100)
    actor.close()
    metric = study.get("metric", "dev_accuracy")
    with Journal.open(tmp_path / "s") as journal:
        told = account(journal)
    ranked = ranking(tmp_path / "s", metric)
    assert ranked
    assert [(row["trial"], row["epoch"], row[metric]) for row in found] == ranked
    assert found[0]["hyperparameters"] == told["best"]["hyperparameters"]
    trials = {row["trial"]: row for row in told["trials"]}
    for row in found:
        assert row["epochs"] == trials[row["trial"]]["epochs"]
        if trials[row["trial"]]["state"] != "paused":
            assert row["state"] == trials[row["trial"]]["state"]


def ranking(directory, metric):
    """Trial, epoch and metric as the report ranks them."""
    bests = sorted(evidence(directory).bests.values(), key=lambda best: merit_of(best, metric))
    return [(best.trial, best.epoch, getattr(best, metric)) for best in bests]


def test_answers_are_plain_data(tmp_path):
    actor = trained(tmp_path)
    answers = [actor.status(), actor.leaderboard(3), actor.curve(0)]
    actor.close()
    assert json.loads(json.dumps(answers, allow_nan=False)) == answers
    assert len(answers[1]) == 3
    assert answers[0]["best"]["trial"] == answers[1][0]["trial"]
    assert "eta_s" in answers[0]


def test_a_curve_has_a_row_an_epoch(tmp_path):
    actor = trained(tmp_path)
    best = actor.leaderboard(1)[0]
    rows = actor.curve(best["trial"])
    actor.close()
    assert [row["epoch"] for row in rows] == list(range(1, best["epochs"] + 1))
    for row in rows:
        loss, accuracy = curve(best["trial"], row["epoch"])
        assert (row["dev_loss"], row["dev_accuracy"]) == (loss, accuracy)


@pytest.mark.parametrize(
    ("method", "argument", "line"),
    [
        ("curve", 9, "curve: trial 9: the study has trials 0 to 8"),
        ("curve", -1, "curve: trial -1: the study has trials 0 to 8"),
        ("curve", "0", "curve: trial '0': the study has trials 0 to 8"),
        ("curve", True, "curve: trial True: the study has trials 0 to 8"),
        ("leaderboard", 0, "leaderboard: n must be from 1 to 100, got 0"),
        ("leaderboard", 101, "leaderboard: n must be from 1 to 100, got 101"),
        ("leaderboard", 1.0, "leaderboard: n must be from 1 to 100, got 1.0"),
    ],
)
def test_a_wrong_question_is_one_line_and_no_trouble_of_the_study(tmp_path, method, argument, line):
    actor = trained(tmp_path)
    with pytest.raises(ValueError, match="^" + re.escape(line) + "$"):
        getattr(actor, method)(argument)
    assert not actor.trouble()
    actor.close()


def test_before_and_after_a_study_it_says_so():
    actor = BrokerActor("caviar:s")
    assert repr(actor) == "caviar:s"
    for ask in (actor.status, actor.leaderboard, lambda: actor.curve(0)):
        with pytest.raises(ValueError, match=r"^the study is not open yet$"):
            ask()


def test_after_a_study_it_says_so(tmp_path):
    actor = trained(tmp_path)
    actor.close()
    for ask in (actor.status, actor.leaderboard, lambda: actor.curve(0)):
        with pytest.raises(ValueError, match=r"^the study is over$"):
            ask()


def test_many_who_ask_are_answered_at_the_price_of_one(tmp_path, monkeypatch):
    actor = trained(tmp_path)
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    first, leaders = actor.status(), actor.leaderboard(2)
    assert actor.leaderboard(9)[:2] == leaders
    assert actor.status() is first
    now[0] += FRESH_S + 0.1
    again = actor.status()
    actor.close()
    assert again is not first


def test_a_steady_study_tells_how_long_it_still_takes(tmp_path, monkeypatch):
    actor = opened(tmp_path, "[search]\ntrials = 200\nmax_epochs = 9")
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    actor._standing.claimed()
    told = []
    for _ in range(60):
        now[0] += 1.0
        actor._standing.trained(1)
        told.append(actor.standing().eta_s)
    left = actor.standing().likely_remaining
    actor.close()
    assert told[0] is None
    assert told[-1] == pytest.approx(left, rel=0.2)


def test_slices_that_die_each_time_they_start_end_the_study(tmp_path):
    """A crash while TensorFlow wakes, or a node without caviar: no slice lives to tell of it."""
    actor = opened(tmp_path, "[search]\ntrials = 3")
    for _ in range(STARTS - 1):
        actor.set_aside("a")
        assert actor.trouble() == ""
    actor.set_aside("a")
    assert actor.trouble().startswith(f"a died {STARTS} times before it was ready")
    actor.close()


def test_a_slice_that_cannot_start_ends_no_study_that_others_work_for(tmp_path):
    actor = opened(tmp_path, "[search]\ntrials = 3")
    actor.welcome("b")
    actor.arrived("b", {"node_id": "n"}, [None])
    for _ in range(2 * STARTS):
        actor.set_aside("a")
    assert actor.trouble() == ""
    for _ in range(2 * STARTS):  # nor one whose node lacks something
        actor.welcome("a")
        actor.start_failed("a", "no TensorFlow here")
    assert actor.trouble() == ""
    for _ in range(2 * STARTS):  # ready each time before it died: that is its trials' affair
        actor.arrived("b", {"node_id": "n"}, [None])
        actor.set_aside("b")
    assert actor.trouble() == ""
    actor.close()


def test_slices_that_all_fail_to_start_end_the_study(tmp_path):
    actor = opened(tmp_path, "[search]\ntrials = 3")
    for _ in range(STARTS):
        assert actor.trouble() == ""
        actor.welcome("a")
        actor.start_failed("a", "no TensorFlow here")
    assert actor.trouble() == f"a failed to start {STARTS} times: no TensorFlow here"
    actor.close()
