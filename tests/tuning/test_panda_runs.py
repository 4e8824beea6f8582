"""Pandas with a broker and on a Ray cluster, with workers that only pretend to train."""

from collections import Counter

import pytest
from drivers import finish
from stand_ins import StandIn
from test_broker import work
from waiting import wait_for

from caviar.report.account import account
from caviar.search.choosing import strategy_of
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind
from caviar.study.spec import StudySpec
from caviar.tuning.asking import ask
from caviar.tuning.broker import Broker


def spec_of(strategy, pandas, days=8):
    return StudySpec.parse(
        f"""
        [search]
        strategy = "{strategy}"
        [panda]
        pandas = {pandas}
        days = {days}
        day_epochs = 2
        """
    )


def take_up(directory, spec):
    if Journal.exists(directory):
        journal = Journal.open(directory, write=True)
    else:
        journal = Journal.create(directory, spec.to_json(), spec.fingerprint)
    journal.acquire_lease()
    return journal, Broker(journal, strategy_of(spec, slices=2))


def told(directory):
    with Journal.open(directory) as journal:
        return account(journal)


class OfSeveralMinds(StandIn):
    """Fails now and then with whatever it was given."""

    def _check(self, lane):
        super()._check(lane)
        if lane.trial.index % 7 == 3:
            raise RuntimeError("not this one")


@pytest.mark.parametrize("worker", [StandIn, OfSeveralMinds])
@pytest.mark.parametrize(("strategy", "pandas"), [("panda", 1), ("panda", 3), ("population", 4)])
def test_days_go_on_from_their_parents_checkpoints(tmp_path, strategy, pandas, worker):
    """The stand-in refuses any checkpoint but the parent's own."""
    journal, broker = take_up(tmp_path / "s", spec_of(strategy, pandas))
    with journal:
        work(broker, worker())
        assert broker.finished
        assert journal.trained_epochs == journal.measured_epochs
    found = told(tmp_path / "s")
    assert Counter(row["panda"] for row in found["diary"]) == dict.fromkeys(range(pandas), 8)
    assert found["counts"]["waiting"] == 0
    assert found["counts"]["failed"] == (0 if worker is StandIn else len(range(3, pandas * 8, 7)))
    assert found["rungs"] == []


def test_a_damaged_checkpoint_is_gone_back_behind(tmp_path):
    journal, broker = take_up(tmp_path / "s", spec_of("panda", 1, days=6))
    with journal:
        worker = StandIn()
        deliver(broker, broker.claim("a", worker.warm), worker)
        (record,) = journal.checkpoints()
        (journal.directory / "checkpoints" / record.file).write_bytes(b"spoiled")
        work(broker, worker)
    diary = told(tmp_path / "s")["diary"]
    assert diary[1]["verdict"] == "failed"
    assert diary[2]["why"].startswith("failed: back to the end of day 1")
    assert diary[2]["verdict"] == "failed"
    assert diary[3]["why"].startswith("failed: begun anew")
    assert diary[3]["verdict"] not in ("failed", "running")


def deliver(broker, claim, worker):
    measured, files = [], {}
    for progress in worker.train(claim, 1):
        measured += progress.measurements
        files |= progress.checkpoints()
    broker.report("a", claim.assignment, claim.attempt, measured, files, True)


@pytest.mark.ray
@pytest.mark.timeout(600)
def test_a_running_panda_is_taken_over_killed_and_goes_on(start, tmp_path):
    directory = tmp_path / "s"
    options = ("--name", "raised", "--strategy", "panda", "--resources", "[panda];days = 200")
    first = start(directory, "slow", *options)
    wait_for(lambda: days(directory) >= 3)
    nudge = Change(ChangeKind.NUDGE, {"hyperparameters": {"learning_rate": 0.0123}})
    assert ask(directory, nudge).line == "taken: the next day begins with learning_rate=0.0123"
    row = wait_for(lambda: with_why(directory, "a person: learning_rate = 0.0123"))
    assert row["changed"]["learning_rate"][1] == 0.0123
    day = max(r["day"] for r in rows(directory) if r["verdict"] not in ("running", "exploded"))
    assert ask(directory, Change(ChangeKind.ROLLBACK, {"day": day})).taken
    row = wait_for(lambda: with_why(directory, f"a person: back to the end of day {day}"))
    assert row["from"] == day
    assert row["rolled_back"]

    first.kill()
    first.wait()
    before = rows(directory)
    second = start(directory, "slow", *options)
    wait_for(lambda: days(directory) > len(before) + 2)
    assert [r["why"] for r in rows(directory)[: len(before)]] == [r["why"] for r in before]
    with Journal.open(directory) as journal:
        assert journal.trained_epochs == journal.measured_epochs
    assert ask(directory, Change(ChangeKind.STOP)).taken
    code, out = finish(second)
    assert code == 0, out
    assert "1 slices" in out, "one panda keeps one slice busy"


def rows(directory):
    return told(directory)["diary"] if Journal.exists(directory) else []


def days(directory):
    return len(rows(directory))


def with_why(directory, why):
    return next((row for row in rows(directory) if why in row["why"]), None)
