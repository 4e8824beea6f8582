from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from journal_samples import SIGNATURE, SPEC, curve, measured, new_study, rung, saved, trial, trials

from caviar.errors import LeaseError, StudyError
from caviar.study import rows
from caviar.study.facts import Outcome
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Failure, Measurement, Purpose, Trial, Watch


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with new_study(tmp_path / "study") as journal:
        yield journal


def test_a_new_journal_keeps_what_was_asked(journal: Journal) -> None:
    with Journal.open(journal.directory) as reader:
        assert reader.spec_json == SPEC
        assert reader.fingerprint == "abc"
        assert list(reader.entries()) == []
        assert reader.trained_epochs == reader.measured_epochs == 0


def test_entries_come_in_commit_order(journal: Journal) -> None:
    first, second = rung(0, 1, last=1), rung(1, first=1, last=2)
    one = journal.issue(first, decisions=trials(0, 1))
    attempt = journal.start_attempt(one, "slice-0")
    journal.report(one, attempt, curve([1, 0], [1]), saved([0, 1], 1), complete=True)
    journal.add_trials([trial(2)])
    two = journal.issue(second)
    journal.fail_trial(0, "out of memory")
    journal.report(two, journal.start_attempt(two, "slice-1"), curve([1], [2]), saved([1], 2), True)
    expected = [
        *trials(0, 1), first, measured(1, 1), measured(0, 1), trial(2), second,
        Failure(0, "out of memory"), measured(1, 2),
    ]  # fmt: skip
    assert list(journal.entries()) == expected
    with Journal.open(journal.directory) as reader:
        assert list(reader.entries()) == expected


def test_records_come_back_as_they_were(journal: Journal) -> None:
    odd = Trial(0, (0.1 + 0.2, 1.0), {"a": 1e-300, "b": 7, "c": "x'; DROP", "d": True})
    completion = Assignment((0,), 2, 9, SIGNATURE, Purpose.COMPLETION)
    number = journal.issue(completion, decisions=[odd])
    (back,) = journal.trials()
    assert back == odd
    assert {k: type(v) for k, v in back.hyperparameters.items()} == {
        "a": float, "b": int, "c": str, "d": bool,
    }  # fmt: skip
    assert journal.open_assignments()[0].assignment == completion
    wild = Measurement(0, 3, math.nan, 0.1, math.inf, -math.inf, 0.1 + 0.2, True)
    journal.report(number, journal.start_attempt(number, "s"), [wild], {})
    (found,) = journal.measurements()
    assert math.isnan(found.train_loss)
    assert (found.dev_loss, found.dev_accuracy, found.elapsed_s) == (math.inf, -math.inf, 0.1 + 0.2)
    assert found.diverged is True


@pytest.mark.parametrize(
    ("strategy", "told"), [("caviar", False), ("panda", True), ("population", True), ("auto", True)]
)
def test_what_was_watched_is_told_to_those_who_judge_days_by_it(
    tmp_path: Path, strategy: str, told: bool
) -> None:
    watch = Watch((1.0, 0.5), (2.0, 3.0), (0.75,))
    spec = json.dumps({"search": {"strategy": strategy}})
    with Journal.create(tmp_path / "study", spec, "abc") as journal:
        journal.acquire_lease()
        number = journal.issue(rung(0), decisions=trials(0))
        attempt = journal.start_attempt(number, "slice-0")
        journal.report(number, attempt, [measured(0, 1, watch=watch)], {})
        *_, found = journal.entries()
    assert isinstance(found, Measurement)
    assert found.watch == (watch if told else None)


def test_a_report_is_all_or_nothing(journal: Journal) -> None:
    number = journal.issue(rung(0, last=3), decisions=trials(0))
    attempt = journal.start_attempt(number, "s")
    with pytest.raises(ValueError, match="not complete"):
        journal.report(number, attempt, curve([0], [1, 2]), saved([0], 2), complete=True)
    assert journal.measurements() == journal.checkpoints() == ()
    assert list((journal.directory / "checkpoints").iterdir()) == []
    assert journal.trained_epochs == 0
    assert journal.open_assignments()[0].running


@pytest.mark.parametrize("stray", [measured(1, 1), measured(0, 4), measured(0, 1)])
def test_what_was_not_asked_for_is_a_defect(journal: Journal, stray: Measurement) -> None:
    journal.add_trials(trials(0, 1))
    number = journal.issue(rung(0, first=1, last=3))
    attempt = journal.start_attempt(number, "s")
    with pytest.raises(ValueError, match="was not asked for"):
        journal.report(number, attempt, [stray], {})
    with pytest.raises(ValueError, match="no attempt 2"):
        journal.report(number, 2, [], {})


def test_a_stale_attempt_is_counted_but_not_taken(journal: Journal) -> None:
    number = journal.issue(rung(0), decisions=trials(0))
    old = journal.start_attempt(number, "slice-0")
    new = journal.start_attempt(number, "slice-1")
    assert (old, new) == (1, 2)
    receipt = journal.report(number, old, curve([0], [1, 2, 3]), saved([0], 3), complete=True)
    assert (receipt.accepted, receipt.refused, receipt.stale) == ((), 3, True)
    assert journal.measurements() == journal.checkpoints() == ()
    assert journal.open_assignments()[0].unfinished == (0,)
    lost, running = journal.attempts()
    assert (lost.outcome, lost.trained_epochs) == (Outcome.LOST, 3)
    assert (running.outcome, running.slice_name) == (None, "slice-1")
    assert journal.end_attempt(number, old, Outcome.FAILED) is False


def test_the_first_committed_stands(journal: Journal) -> None:
    number = journal.issue(rung(0, 1), decisions=trials(0, 1))
    first = journal.start_attempt(number, "s")
    journal.report(number, first, curve([0], [1, 2]), {})
    journal.end_attempt(number, first, Outcome.FAILED, "it died")
    second = journal.start_attempt(number, "s")
    again = [measured(0, epoch, dev_accuracy=0.9) for epoch in (1, 2, 3)]
    receipt = journal.report(number, second, again, saved([0], 3))
    assert receipt.accepted == (again[2],)
    assert (receipt.refused, receipt.stale) == (2, False)
    assert [m.dev_accuracy for m in journal.measurements(0)] == [0.5, 0.5, 0.9]
    assert journal.trained_epochs == 5
    assert journal.measured_epochs == 3
    assert journal.open_assignments()[0].unfinished == (1,)


def test_the_same_message_twice_is_no_training(journal: Journal) -> None:
    number = journal.issue(rung(0), decisions=trials(0))
    attempt = journal.start_attempt(number, "s")
    report = (number, attempt, curve([0], [1, 2, 3]), saved([0], 3), True)
    assert journal.report(*report).refused == 0
    assert journal.report(*report).refused == 3
    assert journal.trained_epochs == journal.measured_epochs == 3


def test_nothing_is_measured_after_a_divergence(journal: Journal) -> None:
    number = journal.issue(rung(0, 1), decisions=trials(0, 1))
    attempt = journal.start_attempt(number, "s")
    gone = measured(0, 2, diverged=True)
    journal.report(number, attempt, [measured(0, 1), gone, measured(0, 3)], {})
    assert journal.measurements(0) == (measured(0, 1), gone)
    assert journal.open_assignments()[0].unfinished == (1,)
    journal.report(number, attempt, curve([1], [1, 2, 3]), saved([1], 3), complete=True)
    assert journal.open_assignments() == ()
    assert [a.outcome for a in journal.attempts()] == [Outcome.COMPLETE]


def test_a_failed_assignment_is_split(journal: Journal) -> None:
    whole = rung(0, 1, 2, last=2)
    number = journal.issue(whole, decisions=trials(0, 1, 2))
    attempt = journal.start_attempt(number, "s")
    journal.report(number, attempt, curve([2], [1, 2]), saved([2], 2))
    with pytest.raises(ValueError, match="an attempt runs"):
        journal.split(number, [(0,), (1,)])
    journal.end_attempt(number, attempt, Outcome.FAILED, "poison")
    with pytest.raises(ValueError, match="must part"):
        journal.split(number, [(0,), (1, 2)])
    parts = journal.split(number, [(0,), (1,)])
    left, right = journal.open_assignments()
    assert (left.id, right.id) == parts
    assert (left.parent, left.assignment, left.faults) == (number, rung(0, last=2), 0)
    assert right.unfinished == (1,)
    assert [e for e in journal.entries() if isinstance(e, Assignment)] == [whole]
    with pytest.raises(ValueError, match="not open"):
        journal.start_attempt(number, "s")


def test_faults_do_not_count_interruptions(journal: Journal) -> None:
    number = journal.issue(rung(0), decisions=trials(0))
    journal.start_attempt(number, "s")
    assert journal.end_running_attempts() == 1
    assert journal.end_running_attempts() == 0
    journal.end_attempt(number, journal.start_attempt(number, "s"), Outcome.FAILED, "died")
    (found,) = journal.open_assignments()
    assert [a.outcome for a in found.attempts] == [Outcome.INTERRUPTED, Outcome.FAILED]
    assert (found.faults, found.running) == (1, False)


def test_failing_the_last_trial_closes_its_assignment(journal: Journal) -> None:
    number = journal.issue(rung(0, 1), decisions=trials(0, 1))
    journal.fail_trial(0, "poison")
    assert journal.open_assignments()[0].unfinished == (1,)
    journal.fail_trial(1, "poison")
    assert journal.open_assignments() == ()
    with pytest.raises(ValueError, match="not open"):
        journal.start_attempt(number, "s")
    assert [e.detail["trial"] for e in journal.events("trial_failed")] == [0, 1]


def test_the_first_width_stands(journal: Journal) -> None:
    assert journal.settled() == {}
    assert journal.settle(SIGNATURE, 16, {"per_lane_s": {"1": 0.2}}) == (16, "float32")
    assert journal.settle(SIGNATURE, 4, {}) == (16, "float32")
    assert journal.settled() == {SIGNATURE: (16, "float32")}
    (event,) = journal.events("width_decided")
    assert event.detail["evidence"] == {"per_lane_s": {"1": 0.2}}


def test_the_precision_that_auto_came_to_is_kept(journal: Journal) -> None:
    auto = replace(SIGNATURE, precision="auto")
    assert journal.settle(auto, 1, {"precision": "bfloat16"}) == (1, "bfloat16")
    assert journal.settle(auto, 1, {"precision": "float32"}) == (1, "bfloat16")
    assert journal.settled() == {auto: (1, "bfloat16")}
    fixed = replace(SIGNATURE, precision="bfloat16")
    assert journal.settle(fixed, 1, {}) == (1, "bfloat16")


def test_a_transaction_is_one_commit(journal: Journal) -> None:
    with Journal.open(journal.directory) as reader:
        with journal.transaction():
            journal.issue(rung(0), decisions=trials(0))
            journal.record("driver_started")
            assert reader.trials() == reader.events() == ()
            assert len(journal.trials()) == 1
        assert len(reader.trials()) == len(reader.events()) == 1


@pytest.mark.parametrize("ask", [Journal.entries, Journal.open_assignments, Journal.summary])
def test_an_answer_is_of_one_moment(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Journal], Iterable[object]]
) -> None:
    journal.issue(rung(0), decisions=trials(0))
    with Journal.open(journal.directory) as reader:
        before = repr(list(ask(reader)))
        query = reader._db.rows
        fresh = count(1)

        def while_the_driver_works(*arguments: Any) -> list[Any]:
            found = query(*arguments)
            index = next(fresh)
            with journal.transaction():
                number = journal.issue(rung(index, last=1), decisions=trials(index))
                journal.start_attempt(1, "s")
                claim = number, journal.start_attempt(number, "s")
                journal.report(*claim, curve([index], [1]), {}, complete=True)
            return found

        monkeypatch.setattr(reader._db, "rows", while_the_driver_works)
        assert repr(list(ask(reader))) == before
        assert next(fresh) > 2


def test_an_error_undoes_the_whole_transaction(journal: Journal) -> None:
    def fail() -> None:
        with journal.transaction():
            journal.add_trials(trials(0))
            raise ZeroDivisionError

    def swallow() -> None:
        with journal.transaction():
            journal.add_trials(trials(0))
            with contextlib.suppress(ValueError):
                journal.start_attempt(7, "s")

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(RuntimeError, match="all of it is undone"):
        swallow()
    assert journal.trials() == ()
    journal.add_trials(trials(0))
    assert journal.trials() == (trial(0),)


def test_threads_take_turns(journal: Journal) -> None:
    def work(worker: int) -> None:
        for index in range(worker, 40, 4):
            with journal.transaction():
                number = journal.issue(rung(index, last=1), decisions=trials(index))
                attempt = journal.start_attempt(number, f"slice-{worker}")
            journal.report(number, attempt, curve([index], [1]), {}, complete=True)
            assert journal.measurements(index) == (measured(index, 1),)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.measured_epochs == journal.trained_epochs == 40
    assert all(a.outcome is Outcome.COMPLETE for a in journal.attempts())
    assert sorted(a.slice_name for a in journal.attempts()).count("slice-3") == 10


def test_summary_tells_trials_at_a_glance(journal: Journal) -> None:
    journal.add_trials(trials(*range(7)))
    numbers = {t: journal.issue(rung(t, last=9 if t == 3 else 2)) for t in range(6)}
    attempts = {t: journal.start_attempt(numbers[t], "s") for t in range(1, 6)}
    journal.report(numbers[2], attempts[2], curve([2], [1, 2]), {}, complete=True)
    journal.report(numbers[3], attempts[3], curve([3], range(1, 10)), {}, complete=True)
    gone = measured(4, 1, diverged=True, reason="the loss is not finite")
    journal.report(numbers[4], attempts[4], [gone], {}, complete=True)
    journal.fail_trial(5, "poison")
    summary = journal.summary()
    assert [s.trial for s in summary if s.running] == [1]
    assert [s.why for s in summary] == ["", "", "", "", "the loss is not finite", "poison", ""]
    assert [s.epochs for s in summary] == [0, 0, 2, 9, 1, 0, 0]
    assert summary[4].last == gone
    assert summary[5].error == "poison"
    assert summary[6].hyperparameters == trial(6).hyperparameters


LOSSES = [0.9, math.nan, 0.2, 0.4, 0.2, math.inf]
ACCURACIES = [0.5, 0.8, math.nan, 0.8, 0.6, 0.1]


@pytest.mark.parametrize(
    ("metric", "epochs", "best"),
    [
        ("dev_loss", 6, (3, 0.2)),  # the earliest of equals
        ("dev_accuracy", 6, (2, 0.8)),
        ("train_loss", 6, (1, 0.0)),
        ("dev_loss", 0, None),
        ("dev_accuracy", 1, (1, 0.5)),
    ],
)
def test_the_best_so_far(
    journal: Journal, metric: str, epochs: int, best: tuple[int, float] | None
) -> None:
    number = journal.issue(rung(0, 1, last=6), decisions=trials(0, 1))
    both = zip(count(1), LOSSES, ACCURACIES, strict=False)
    given = [Measurement(0, epoch, 0.0, 0.5, loss, accuracy, 0.1) for epoch, loss, accuracy in both]
    better = [Measurement(1, 1, -1.0, 0.5, 0.0, 1.0, 0.1)]
    journal.report(number, journal.start_attempt(number, "s"), given[:epochs] + better, {})
    assert journal.best(0, metric) == best


@pytest.mark.parametrize("worst", [math.nan, math.inf])
def test_what_was_never_a_number_is_no_best(journal: Journal, worst: float) -> None:
    number = journal.issue(rung(0), decisions=trials(0))
    given = [Measurement(0, epoch, 0.0, 0.5, worst, -worst, 0.1) for epoch in (1, 2)]
    journal.report(number, journal.start_attempt(number, "s"), given, {})
    assert journal.best(0, "dev_loss") is None
    assert journal.best(0, "dev_accuracy") is None


def test_nothing_is_measured_after_an_early_stop(journal: Journal) -> None:
    number = journal.issue(rung(0, 1), decisions=trials(0, 1))
    attempt = journal.start_attempt(number, "s")
    end = measured(0, 2, stopped=True, reason="no better dev_accuracy")
    journal.report(number, attempt, [measured(0, 1), end, measured(0, 3)], saved([0], 2))
    assert journal.measurements(0) == (measured(0, 1), end)
    assert journal.open_assignments()[0].unfinished == (1,)
    journal.report(number, attempt, curve([1], [1, 2, 3]), saved([1], 3), complete=True)
    assert journal.open_assignments() == ()
    assert [record.epoch for record in journal.checkpoints(0)] == [2]
    assert [s.why for s in journal.summary()] == ["no better dev_accuracy", ""]


def test_what_was_watched_is_kept_to_four_digits(journal: Journal) -> None:
    seen = Watch((1.23456e-7, 0.5), (12345.678, 3.0), (0.33333,))
    number = journal.issue(rung(0), decisions=trials(0))
    report = [replace(measured(0, 1), watch=seen), measured(0, 2)]
    journal.report(number, journal.start_attempt(number, "s"), report, {})
    first, second = journal.measurements(0)
    assert first.watch == Watch((1.235e-07, 0.5), (12350.0, 3.0), (0.3333,))
    assert second == report[1]
    assert [m for m in journal.entries() if isinstance(m, Measurement)] == [
        measured(0, 1), measured(0, 2),
    ]  # fmt: skip


def test_what_was_watched_need_not_be_finite() -> None:
    seen = Watch((math.inf, math.nan), (-math.inf, 0.0), ())
    back = rows.watch(rows.watch_text(seen))
    assert repr(back) == repr(seen)
    assert json.loads(rows.watch_text(seen) or "") == [["inf", None], ["-inf", 0], []]
    assert rows.watch(rows.watch_text(None)) is None


def test_a_reader_cannot_write(journal: Journal) -> None:
    with Journal.open(journal.directory) as reader:
        with pytest.raises(LeaseError, match="no lease is held"):
            reader.record("driver_started")
        journal.release_lease()
        with pytest.raises(StudyError, match="it cannot be written"):
            reader.acquire_lease()


def test_without_the_lease_nothing_is_written(tmp_path: Path) -> None:
    with Journal.create(tmp_path, SPEC, "abc") as journal:
        with pytest.raises(LeaseError, match="no lease is held"):
            journal.add_trials(trials(0))
        assert journal.trials() == ()
