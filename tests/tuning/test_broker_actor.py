"""The broker's actor without Ray: what it tells slices of the study."""

import os

import pytest
from stand_ins import StandIn, curve

from caviar.study.records import Claim
from caviar.study.spec import StudySpec
from caviar.tuning.broker_actor import BrokerActor

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
    actor._journal.close()
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
    actor._journal.close()
    losses = [curve(lane.trial.index, 1)[0] for lane in lanes]
    assert [lane.best for lane in lanes] == [(1, loss) if patience else None for loss in losses]
